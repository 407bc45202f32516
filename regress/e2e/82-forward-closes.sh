#!/bin/bash
# SPDX-License-Identifier: ISC
# Forwards that can't move end, on both sides: what the next host forbids,
# Unix-domain sockets. Connections that are being made, or asked for while no host
# serves, are made by the next one, or refused by their target.
# timeout: 90
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up --input hold --set "beta/sshd.PermitOpen=*:7001 *:7002 *:7004"

# Says "reset" when a connection ends by one.
lab exec target -- python3 -c '
import socket, threading, time
def one(c):
    try:
        while True:
            c.sendall(b".")
            time.sleep(0.1)
    except OSError as e:
        print("reset", flush=True)
def serve(port):
    s = socket.create_server(("", port))
    while True:
        c, a = s.accept()
        threading.Thread(target=one, args=(c,), daemon=True).start()
for port in 7001, 7004:
    threading.Thread(target=serve, args=(port,), daemon=True).start()
print("ready", flush=True)
serve(7000)
' >"$scratch/target.out" 2>&1 &
check "a server" within 15 grep -q ready "$scratch/target.out"
victim=$(serving)
lab exec "$victim" -- python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX)
s.bind("/run/echo.sock")
os.chmod("/run/echo.sock", 0o777)
s.listen()
print("ready", flush=True)
c, a = s.accept()
while b := c.recv(100):
    c.sendall(b)
' >"$scratch/socket.out" 2>&1 &
check "a Unix-domain socket" within 15 grep -q ready "$scratch/socket.out"
# SYNs to this port are not answered for now.
deaf=(INPUT -p tcp --dport 7001 -j DROP)
lab exec target -- iptables -w -A "${deaf[@]}"

# from NAME PORT: opens, says "open" when a byte came back, then how it ends.
from() {
	lab exec client -- python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x")
print("asked", flush=True)
try:
    if s.recv(1):
        print("open", flush=True)
        while s.recv(100):
            pass
    print("eof", flush=True)
except OSError as e:
    print(e, flush=True)
' "$2" >"$scratch/$1.out" 2>&1 &
}
ends() {
	check "$1 ends" within 10 grep -Eq '^(eof|.*reset)' "$scratch/$1.out"
}

syn_left() {
	lab exec "$victim" -- ss -tnH state syn-sent dport = :7001 | grep -q .
}

master m vip -L "127.0.0.1:7000:$TARGET:7000" -L "127.0.0.1:7001:$TARGET:7001" \
	-L "127.0.0.1:7002:$TARGET:7002" \
	-L "127.0.0.1:7004:$TARGET:7004" -L 127.0.0.1:7003:/run/echo.sock
adoptable 1
from forbidden 7000
from attempt 7001
from unix 7003
check "forbidden: goes on" within 10 grep -q open "$scratch/forbidden.out"
check "unix: goes on" within 10 grep -q open "$scratch/unix.out"
check "attempt: under way" within 10 grep -q asked "$scratch/attempt.out"
check "attempt: is recorded" within 10 syn_left
crash_serving
lab exec target -- iptables -w -D "${deaf[@]}"
from late 7004
from refused 7002
ends forbidden
ends unix
ends refused
check "its target hears of it" within 10 grep -q reset "$scratch/target.out"
check "one that was asked for meanwhile" within 10 grep -q open "$scratch/late.out"
check "one that was being made" within 10 grep -q open "$scratch/attempt.out"
no_login_on_survivor
done_testing
