#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# flip.py HOST PORT: a proxy command that passes everything on, until SIGUSR1:
# one bit of the next bytes that the client sends is turned over; with SIGUSR2,
# of those that the server sends.
import os
import select
import signal
import socket
import sys

flip = {signal.SIGUSR1: False, signal.SIGUSR2: False}


def on_signal(number, _):
    flip[number] = True


def passed(data, number):
    """The last byte: the one of the MAC where there is one."""
    if not flip[number]:
        return data
    flip[number] = False
    return data[:-1] + bytes([data[-1] ^ 0x20])


def write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def main():
    for number in flip:
        signal.signal(number, on_signal)
    server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    while True:
        # A signal that comes between the packets is seen at the next one.
        ready, _, _ = select.select([0, server], [], [])
        for source, to, number in ((0, server.fileno(), signal.SIGUSR1),
                                   (server, 1, signal.SIGUSR2)):
            if source in ready:
                fd = source if source == 0 else source.fileno()
                data = os.read(fd, 65536)
                if not data:
                    return
                write_all(to, passed(data, number))


main()
