#!/bin/bash
# SPDX-License-Identifier: ISC
# JeebsForwardSource: connections to the targets of forwards come from the
# address at which the client reached its host, where that can move.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
# Nothing fails over here, however slow the machine is.
lab_up --set timing.detect=5s

# Says to whom it talks.
serve_addresses() {
	lab exec "$1" -- python3 -c '
import socket, threading
s = socket.create_server(("::", 7000), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    c, a = s.accept()
    c.sendall(a[0].replace("::ffff:", "").encode() + b"\n")
    threading.Thread(target=lambda c=c: (c.recv(1), c.close())).start()' >"$scratch/$1.out" 2>&1 &
	check "$1: a server that tells addresses" within 15 grep -q ready "$scratch/$1.out"
}
# far NAME TARGET: what one at the end of -W hears.
far() {
	over "$1" -W "[$2]:7000" vip </dev/null | head -n 1
}
address_of() {
	lab exec "$1" -- ip -j addr show dev svc0 | jq -r --arg f "$2" --arg v "$3" \
		'[.[0].addr_info[] | select(.family == $f and .scope == "global" and
		.local != $v)][0].local'
}

serve_addresses target
serve_addresses alpha
own=$(address_of alpha inet "$VIP") own6=$(address_of alpha inet6 "$VIP6")
target6=$(address_of target inet6 "")
master m vip
master m6 vip6
adoptable 2
is "IPv4" "$(far m "$TARGET")" "$VIP"
is "IPv6" "$(far m6 "$target6")" "$VIP6"
is "IPv6 to a client of IPv4" "$(far m "$target6")" "$own6"
is "IPv4 to a client of IPv6" "$(far m6 "$TARGET")" "$own"
is "loopback" "$(far m 127.0.0.1)" 127.0.0.1
is "loopback, IPv6" "$(far m6 ::1)" ::1
is "the host itself" "$(far m "$own")" "$own"
over m -O forward -L "127.0.0.1:7001:$TARGET:7000" vip
over m -O forward -D 127.0.0.1:7002 vip
is "-L" "$(lab exec client -- timeout 15 bash -c 'exec 3<>/dev/tcp/127.0.0.1/7001 && head -n 1 <&3')" "$VIP"
is "-D" "$(lab exec client -- timeout 15 python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", 7002))
s.sendall(b"\5\1\0")
s.recv(2)
s.sendall(b"\5\1\0\1" + socket.inet_aton(sys.argv[1]) + (7000).to_bytes(2, "big"))
s.recv(10, socket.MSG_WAITALL)
print(s.makefile().readline(), end="")' "$TARGET")" "$VIP"
is "20 at once to one port" "$(for i in {1..20}; do far m "$TARGET" & done | sort | uniq -c | xargs)" "20 $VIP"

# What the kernel sends by another interface has that one's address.
serve_addresses beta
is "by another interface" "$(far m 10.78.0.2)" 10.78.0.1

# By the host's own address nothing is protected.
master own vip -o HostName="$own" -o HostKeyAlias="$VIP"
is "a session that isn't protected" "$(far own "$TARGET")" "$own"
# Nor if the client comes by something in front of sshd.
lab exec alpha -- python3 -c '
import socket, threading
s = socket.create_server(("", 2200))
print("ready", flush=True)
def copy(a, b):
    while d := a.recv(65536):
        b.sendall(d)
    b.shutdown(socket.SHUT_WR)
while True:
    a = s.accept()[0]
    b = socket.create_connection(("127.0.0.1", 22))
    for p in ((a, b), (b, a)):
        threading.Thread(target=copy, args=p, daemon=True).start()' >"$scratch/front.out" 2>&1 &
check "something in front of sshd" within 15 grep -q ready "$scratch/front.out"
master front vip -o HostName="$own" -o Port=2200 -o HostKeyAlias="$VIP"
is "a session from 127.0.0.1" "$(far front "$TARGET")" "$own"
reconfigure $'Match LocalAddress '"$VIP"$'\nJeebsForwardSource no'
master off vip
adoptable 3
is "JeebsForwardSource no" "$(far off "$TARGET")" "$own"
done_testing
