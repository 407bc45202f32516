#!/bin/bash
# SPDX-License-Identifier: ISC
# Forwards that can't move end, on both sides: what the next host forbids,
# Unix-domain sockets. Connections that are being made, or asked for while no host
# serves, are made by the next one, or refused by their target, or nobody answers.
# timeout: 90
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
address=10.77.0.4
[[ $family == vip ]] || address='[fd77::4]'
# The target's address is permitted, and what stands for a name isn't looked up.
lab_up --input hold \
	--set "beta/sshd.PermitOpen=*:7001 *:7002 *:7004 *:7005 *:7006 $address:7007 target:7008"
is "target" "$target" "$address"

lab exec target -- python3 "$top/regress/e2e/ticks.py" 7000 7001 7004 7007 7008 \
	>"$scratch/target.out" 2>&1 &
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
# SYNs to these ports are not answered for now.
for port in 7001 7005 7006; do
	lab exec target -- "$iptables" -w -A INPUT -p tcp --dport "$port" -j DROP
done

ends() {
	check "$1 ends" within 10 grep -Eq '^(eof|.*reset)' "$scratch/$1.out"
}

syns_left() {
	(($(lab exec "$victim" -- ss -tnH state syn-sent | wc -l) == $1))
}

master m "$family" -L "127.0.0.1:7000:$target:7000" -L "127.0.0.1:7001:$target:7001" \
	-L "127.0.0.1:7002:$target:7002" -L "127.0.0.1:7005:$target:7005" \
	-L "127.0.0.1:7006:$target:7006" -L "127.0.0.1:7007:$target:7007" \
	-L "127.0.0.1:7008:$target:7008" \
	-L "127.0.0.1:7004:$target:7004" -L 127.0.0.1:7003:/run/echo.sock
adoptable 1
from forbidden 7000
from named 7008
from allowed 7007
from attempt 7001
from refused-late 7005
from unanswered 7006
from unix 7003
check "forbidden: goes on" within 10 grep -q open "$scratch/forbidden.out"
check "unix: goes on" within 10 grep -q open "$scratch/unix.out"
check "named: goes on" within 10 grep -q open "$scratch/named.out"
check "allowed: goes on" within 10 grep -q open "$scratch/allowed.out"
for n in attempt refused-late unanswered; do
	check "$n: asked for" within 10 grep -q asked "$scratch/$n.out"
done
check "three attempts are under way" within 10 syns_left 3
lab exec "$(other "$victim")" -- sysctl -qw net.ipv4.tcp_syn_retries=1
crash_serving
for port in 7001 7005; do
	lab exec target -- "$iptables" -w -D INPUT -p tcp --dport "$port" -j DROP
done
from late 7004
from refused 7002
for n in forbidden named unix refused refused-late unanswered; do
	ends "$n"
done
is "unix: told of its end" "$(tail -n 1 "$scratch/unix.out")" eof
check "its target hears of it" within 10 grep -q reset "$scratch/target.out"
check "one that was asked for meanwhile" within 10 grep -q open "$scratch/late.out"
check "one that was being made" within 10 grep -q open "$scratch/attempt.out"
refuses "allowed: ends" within 2 grep -Eq '^(eof|.*reset)' "$scratch/allowed.out"
before=$(acked 7007)
check "allowed: what its target sends arrives" within 5 eval '(($(acked 7007) > before + 10))'
is "a new channel" "$(over m vip hostname </dev/null)" "$survivor"
no_login_on_survivor
done_testing
