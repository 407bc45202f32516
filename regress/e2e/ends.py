#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Connections whose server ends them; all that it says is lines with the numbers from 1.

  ends.py serve PORT...       says "ready"; of each connection WAY and GO are told, it
      sends 1 to 1000 and waits for the file GO. Then, by WAY:
        none      closes
        fin       sends up to 2000 and closes
        much      up to 100000, and closes
        shut      up to 2000 and FIN, hears the other out
        rst       resets
        rst-data  sends up to 2000 and resets
        listener  ends its listener, sends up to 2000, to 3000 when there is GO-late,
                  and closes
      and says "WAY GO done", of shut afterwards "heard" and how many bytes
  ends.py read DIR PORT NAME WAY GO [PORT NAME WAY GO]...
      keeps what comes in DIR/NAME.got, and says "NAME eof" or why it ended. shut sends
      100000 bytes after that.
"""
import contextlib
import os
import socket
import struct
import sys
import threading
import time


def say(text):
    os.write(1, f"{text}\n".encode())  # by many threads, a line at a time


def lines(first, last):
    return b"".join(b"%d\n" % i for i in range(first, last + 1))


def told(file):
    while not os.path.exists(file):
        time.sleep(0.02)


def end(listener, c):
    asked = b""
    while not asked.endswith(b"\n"):
        asked += c.recv(1)
    way, go = asked.decode().split()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    c.sendall(lines(1, 1000))
    told(go)
    if way == "listener":
        with contextlib.suppress(OSError):  # another one has
            listener.shutdown(socket.SHUT_RDWR)
    if way == "much":
        c.sendall(lines(1001, 100000))
    elif way not in ("none", "rst"):
        c.sendall(lines(1001, 2000))
    if way == "shut":
        c.shutdown(socket.SHUT_WR)
    elif way.startswith("rst"):
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if way not in ("shut", "listener"):
        c.close()
    say(f"{way} {os.path.basename(go)} done")
    if way == "shut":
        n = 0
        try:
            while b := c.recv(65536):
                n += len(b)
            say(f"{way} {os.path.basename(go)} heard {n}")
        except OSError as e:
            say(f"{way} {os.path.basename(go)} {e}")
        c.close()
    elif way == "listener":
        told(go + "-late")
        c.sendall(lines(2001, 3000))
        c.close()


def serve(port):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    say("ready")
    while True:
        try:
            c, _ = s.accept()
        except OSError:
            s.close()
            return
        threading.Thread(target=end, args=(s, c), daemon=True).start()


def read(directory, port, name, way, go):
    c = socket.create_connection(("127.0.0.1", int(port)))
    why = "eof"
    with open(f"{directory}/{name}.got", "wb", buffering=0) as f:
        try:
            c.sendall(f"{way} {go}\n".encode())
            while b := c.recv(65536):
                f.write(b)
            if way == "shut":
                c.sendall(b"x" * 100000)
        except OSError as e:
            why = e
    c.close()
    say(f"{name} {why}")


if sys.argv[1] == "serve":
    for p in sys.argv[2:]:
        threading.Thread(target=serve, args=(int(p),)).start()
else:
    for i in range(3, len(sys.argv), 4):
        threading.Thread(target=read, args=(sys.argv[2], *sys.argv[i:i + 4])).start()
