#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""ticks.py PORT...: says "ready", and on each connection a byte ten times a second;
"reset" when one ends by that."""
import socket
import sys
import threading
import time


def one(c):
    try:
        while True:
            c.sendall(b".")
            time.sleep(0.1)
    except OSError:
        print("reset", flush=True)


def serve(s):
    while True:
        c, a = s.accept()
        threading.Thread(target=one, args=(c,), daemon=True).start()


for port in map(int, sys.argv[1:]):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    threading.Thread(target=serve, args=(s,)).start()
print("ready", flush=True)
