#!/usr/bin/python3 -Wignore
# SPDX-License-Identifier: ISC
"""A client that a server disconnects: runs COMMAND and, when a line comes on its
stdin, closes a channel that there is none of. Prints what it got: the command's
output, its exit status, and the reason of the disconnect.
    strange-client.py HOST USER KEY COMMAND"""
import logging
import sys

import paramiko


class Reason(logging.Handler):
    def emit(self, record):
        text = record.getMessage()
        if text.startswith('Disconnect') or 'Exception' in text:
            print(text, flush=True)


host, user, key, command = sys.argv[1:]
logger = logging.getLogger('paramiko')
logger.setLevel(logging.INFO)
logger.addHandler(Reason())
t = paramiko.Transport((host, 22))
t.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
channel = t.open_session()
channel.exec_command(command)
print(channel.recv(64).decode(), end='', flush=True)
sys.stdin.readline()
m = paramiko.Message()
m.add_byte(paramiko.common.cMSG_CHANNEL_CLOSE)
m.add_int(4711)
t._send_message(m)
print('sent', flush=True)
while data := channel.recv(64):
    print(data.decode(), end='', flush=True)
print('exit status', channel.recv_exit_status(), flush=True)
t.join(120)
