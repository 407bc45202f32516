#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A ProxyCommand that relays to HOST PORT. From the moment that the file
DRIBBLE exists, what the client says goes on in pieces of so many BYTES, so that
its packets arrive in parts.
    dribble.py HOST PORT DRIBBLE BYTES"""
import os
import selectors
import socket
import sys
import time

host, port, dribble = sys.argv[1:4]
piece = int(sys.argv[4])
sock = socket.create_connection((host, int(port)))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
ready = selectors.DefaultSelector()
ready.register(0, selectors.EVENT_READ)
ready.register(sock, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj == 0:
            data = os.read(0, 65536)
            if not data:
                sys.exit(0)
            while data and os.path.exists(dribble):
                sock.sendall(data[:piece])
                data = data[piece:]
                time.sleep(0.005)
            sock.sendall(data)
        else:
            data = sock.recv(65536)
            if not data:
                sys.exit(0)
            view = memoryview(data)
            while view:
                view = view[os.write(1, view):]
