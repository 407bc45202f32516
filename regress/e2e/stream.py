#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Byte-exact streams, made from a counter at one end and compared at the other.

  stream.py serve PORT STOP   says "ready", then what each connection came to
  stream.py run HOST:PORT|PROXYPORT/HOST:PORT|- UP DOWN STOP [late]
      sends UP and expects DOWN bytes a second (0: as fast as it goes, none: none,
      half: none, and the connection's other half goes on alone, file: 4 MB and the
      end of that direction) until the file STOP is there, and all of both has
      come; "-" is standard input and output, PROXYPORT a SOCKS 5 proxy's here.
      Late, it reads nothing until STOP is there, and says again and again how many
      bytes it has "sent". Says "started", then "ok" and how many bytes went up and
      down, or what is wrong.

  stream.py churn HOST:PORT STOP
      short streams, some at a time, one after the other; says "started", then
      "ok" and how many there were.

  stream.py many HOST:PORT|PROXYPORT/HOST:PORT N STOP
      N of them at once, with a frame each way now and then; says "started" when each
      has had one, then "ok" and N.

A stream is a row of frames, an octet 1 and bytes that no other one has; the octet
0 ends it.
"""
import hashlib
import os
import socket
import sys
import threading
import time


HALF = -2
FILE = -3
FILE_SIZE = 4 << 20


def frame_len(rate):
    return 64 if 0 < rate < 100000 else 16384


def frame(name, i, n):
    return b"\1" + hashlib.shake_128(b"%s %d" % (name, i)).digest(n - 1)


class Stream:
    def __init__(self, read, write, up, down):
        self.read, self.write = read, write
        self.up, self.down = up, down
        self.sent = self.got = 0
        self.wrong = []
        self.started = threading.Event()
        self.ended = threading.Event()

    def ask(self):
        self.write(b"%-32s" % (b"%d %d" % (self.up, self.down)))

    def exactly(self, n):
        b = b""
        while len(b) < n:
            more = self.read(n - len(b))
            if not more:
                raise EOFError(f"ended after {self.got + len(b)} bytes")
            b += more
        return b

    def send(self, name, rate, stop):
        begin, i, n = time.monotonic(), 0, frame_len(rate)
        while not stop():
            if rate in (-1, HALF):
                time.sleep(0.05)
                continue
            self.write(frame(name, i, n))
            i += 1
            self.sent += n
            if rate > 0:
                time.sleep(max(0, begin + self.sent / rate - time.monotonic()))
        self.write(b"\0")

    def expect(self, name, rate):
        i, n = 0, frame_len(rate)
        while self.exactly(1) == b"\1":
            self.started.set()
            got, want = b"\1" + self.exactly(n - 1), frame(name, i, n)
            if got != want:
                bad = next(k for k in range(n) if got[k] != want[k])
                raise ValueError(f"byte {self.got + bad} is wrong")
            i += 1
            self.got += n
        self.ended.set()

    def both(self, out, inn, out_rate, in_rate, stop, begin=lambda: None,
             end=lambda: None):
        def sender():
            try:
                self.send(out, out_rate, lambda: self.wrong or stop())
                end()
            except OSError as e:
                self.wrong.append(f"sending after {self.sent} bytes: {e}")

        t = threading.Thread(target=sender)
        t.start()
        try:
            begin()
            self.expect(inn, in_rate)
        except (OSError, EOFError, ValueError) as e:
            self.wrong.append(f"receiving: {e}")
        t.join()
        if self.wrong:
            raise ValueError("; ".join(self.wrong))


def serve_one(c, a, stop):
    used = False
    try:
        s = Stream(c.recv, c.sendall, 0, 0)
        up, down = map(int, s.exactly(32).split())
        used = True
        half, file = up == HALF, down == FILE
        s.both(b"down", b"up", down, up, lambda: s.ended.is_set() and
               (not half or os.path.exists(stop)) or
               file and s.sent >= FILE_SIZE,
               end=(lambda: c.shutdown(socket.SHUT_WR)) if file else
               lambda: None)
        # The end is the client's to make.
        if s.read(1):
            raise ValueError("bytes after the end")
        said = f"ok {a[0]} {s.got} {s.sent}\n"
    except (OSError, EOFError, ValueError) as e:
        # sshd makes one anew that nobody has been told of when its host dies.
        said = f"{'FAIL' if used else 'unused'} {a[0]} {e}\n"
    os.write(1, said.encode())  # by many threads, a line at a time
    c.close()


def serve(port, stop):
    s = socket.create_server(("::", port), dualstack_ipv6=True, family=socket.AF_INET6,
                             backlog=1024)
    print("ready", flush=True)
    while True:
        c, a = s.accept()
        threading.Thread(target=serve_one, args=(c, a, stop), daemon=True).start()


def by_socks(s, host, port):
    s.sendall(b"\5\1\0")  # RFC 1928
    assert s.recv(2) == b"\5\0"
    s.sendall(b"\5\1\0\3%c%s%s" % (len(host), host.encode(), port.to_bytes(2, "big")))
    assert s.recv(10)[1] == 0


def connect(where):
    proxy, _, where = where.rpartition("/")
    host, port = where.rsplit(":", 1)
    s = socket.create_connection(("127.0.0.1", int(proxy)) if proxy else
                                 (host.strip("[]"), int(port)))
    if proxy:
        by_socks(s, host, int(port))
    return s


def begin(where, up, down):
    s = connect(where)
    st = Stream(s.recv, s.sendall, up, down)
    st.ask()
    return s, st


def write_all(b):
    while b:
        b = b[os.write(1, b):]


def tell_until(file, st, say):
    while not os.path.exists(file):
        print("sent", st.sent, file=say, flush=True)
        time.sleep(0.1)


def run(where, up, down, stop, late):
    say = sys.stdout
    if where == "-":
        read, write, say = lambda n: os.read(0, n), write_all, sys.stderr
    else:
        s = connect(where)
        read, write = s.recv, s.sendall
    st = Stream(read, write, up, down)
    try:
        st.ask()
        if down < 0 or late:
            print("started", file=say, flush=True)
        else:
            threading.Thread(target=lambda: (st.started.wait(),
                             print("started", file=say, flush=True)), daemon=True).start()
        st.both(b"up", b"down", up, down,
                lambda: up == HALF or os.path.exists(stop),
                (lambda: tell_until(stop, st, say)) if late else lambda: None,
                (lambda: s.shutdown(socket.SHUT_WR)) if up == HALF else lambda: None)
        if down == FILE and read(1):
            raise ValueError("bytes after the end")
        print("ok", st.sent, st.got, file=say, flush=True)
    except (OSError, EOFError, ValueError) as e:
        print("FAIL", e, file=say, flush=True)
        return 1
    return 0


def churn(where, stop, at_a_time=3):
    done, wrong = [], []

    def one_by_one():
        try:
            while not os.path.exists(stop) and not wrong:
                s, st = begin(where, 50000, 50000)
                st.both(b"up", b"down", st.up, st.down, lambda: st.sent >= 640)
                s.close()
                done.append(1)
                if len(done) == 1:
                    print("started", flush=True)
        except (OSError, EOFError, ValueError) as e:
            wrong.append(str(e))

    threads = [threading.Thread(target=one_by_one) for _ in range(at_a_time)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("FAIL " + "; ".join(wrong) if wrong else f"ok {len(done)}", flush=True)
    return bool(wrong)


def many(where, n, stop, bytes_a_second=32):
    started, wrong = [], []
    opening = threading.Semaphore(20)

    def one():
        try:
            with opening:
                s, st = begin(where, bytes_a_second, bytes_a_second)
            threading.Thread(target=lambda: (st.started.wait(), started.append(1)),
                             daemon=True).start()
            st.both(b"up", b"down", st.up, st.down, lambda: os.path.exists(stop))
            s.close()
        except (OSError, EOFError, ValueError, AssertionError, IndexError) as e:
            wrong.append(str(e) or type(e).__name__)

    threads = [threading.Thread(target=one) for _ in range(n)]
    for t in threads:
        t.start()
    while len(started) + len(wrong) < n:
        time.sleep(0.1)
    print("started", flush=True)
    for t in threads:
        t.join()
    print(f"FAIL {len(wrong)} of {n}: " + "; ".join(sorted(set(wrong))) if wrong
          else f"ok {n}", flush=True)
    return bool(wrong)


def rate(text):
    return {"none": -1, "half": HALF, "file": FILE}.get(text) or int(text)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), sys.argv[3])
elif sys.argv[1] == "churn":
    sys.exit(churn(sys.argv[2], sys.argv[3]))
elif sys.argv[1] == "many":
    sys.exit(many(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
else:
    sys.exit(run(sys.argv[2], rate(sys.argv[3]), rate(sys.argv[4]), sys.argv[5],
                 sys.argv[6:] == ["late"]))
