#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Byte-exact streams, made from a counter at one end and compared at the other.

  stream.py serve PORT          says "ready", then what each connection came to
  stream.py run HOST:PORT|- UP DOWN RATE [PAUSE]
      sends UP and expects DOWN bytes, at most RATE bytes a second each way (0:
      as fast as it goes; PAUSE seconds are waited for before it reads); "-" is
      standard input and output. Says "started", then "ok" or what is wrong.
"""
import hashlib
import os
import socket
import sys
import threading
import time

BLOCK = 1 << 16


def block(name, i):
    return hashlib.shake_128(b"%s %d" % (name, i)).digest(BLOCK)


def send(write, name, total, rate, started):
    begin = time.monotonic()
    done = 0
    while done < total:
        n = min(BLOCK, total - done)
        write(block(name, done // BLOCK)[:n])
        done += n
        started.set()
        if rate:
            time.sleep(max(0, begin + done / rate - time.monotonic()))


def expect(read, name, total):
    done = 0
    have = b""
    while done < total:
        got = read(min(BLOCK, total - done))
        if not got:
            raise EOFError(f"ended after {done} of {total} bytes")
        at, want = done, b""
        while len(want) < len(got):
            o = (at + len(want)) % BLOCK
            want += block(name, (at + len(want)) // BLOCK)[o:o + len(got) - len(want)]
        if got != want:
            bad = next(i for i in range(len(got)) if got[i] != want[i])
            raise ValueError(f"byte {done + bad} of {total} is wrong")
        done += len(got)


def both(read, write, up, down, rate, out, inn, started, pause=0):
    wrong = []

    def sender():
        try:
            send(write, out, up, rate, started)
        except Exception as e:
            wrong.append(f"sending: {e}")

    t = threading.Thread(target=sender)
    t.start()
    try:
        time.sleep(pause)
        expect(read, inn, down)
    except Exception as e:
        wrong.append(f"receiving: {e}")
    t.join()
    if wrong:
        raise ValueError("; ".join(wrong))


def exactly(read, n):
    b = b""
    while len(b) < n:
        got = read(n - len(b))
        if not got:
            raise EOFError("ended early")
        b += got
    return b


def serve_one(c, a):
    try:
        up, down, rate = map(int, exactly(c.recv, 64).split())
        both(c.recv, c.sendall, down, up, rate, b"down", b"up", threading.Event())
        c.sendall(b"done")
        exactly(c.recv, 4)
        print("ok", a[0], up, down, flush=True)
    except Exception as e:
        print("FAIL", a[0], e, flush=True)
    c.close()


def serve(port):
    s = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True,
                             backlog=1024)
    print("ready", flush=True)
    while True:
        c, a = s.accept()
        threading.Thread(target=serve_one, args=(c, a), daemon=True).start()


def run(where, up, down, rate, pause):
    if where == "-":
        read, write = lambda n: os.read(0, n), lambda b: os.writev(1, [b])
        say = sys.stderr

        def write_all(b):
            while b:
                b = b[os.write(1, b):]
        write = write_all
    else:
        host, port = where.rsplit(":", 1)
        s = socket.create_connection((host.strip("[]"), int(port)))
        read, write, say = s.recv, s.sendall, sys.stdout
    started = threading.Event()
    try:
        write(b"%-64s" % (b"%d %d %d" % (up, down, rate)))
        threading.Thread(target=lambda: (started.wait(),
                         print("started", file=say, flush=True))).start()
        both(read, write, up, down, rate, b"up", b"down", started, pause)
        exactly(read, 4)
        write(b"done")
        print("ok", file=say, flush=True)
    except Exception as e:
        print("FAIL", e, file=say, flush=True)
        started.set()
        return 1
    return 0


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    sys.exit(run(sys.argv[2], *map(int, sys.argv[3:6]),
                 float(sys.argv[6]) if len(sys.argv) > 6 else 0))
