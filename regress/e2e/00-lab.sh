#!/bin/bash
# SPDX-License-Identifier: ISC
# The lab does what it says, with stock sshd only: a crash is silent, a frozen
# host doesn't move, cuts cut, loss loses, the mirror mirrors, two labs don't
# meet, and nothing stays.
. "$(dirname "$0")/lib.bash"

on_vip() {
	lab exec client -- timeout 60 ssh -F "$SSH_CONFIG" "$@"
}

lab_up --stock

is "login over IPv4" "$(on_vip vip hostname)" alpha
is "login over IPv6" "$(on_vip vip6 hostname)" alpha
is "root login" "$(on_vip root@vip id -un)" root
is "target" "$(on_vip target hostname)" target
is "exec passes stdin and stdout" "$(echo text | lab exec beta -- cat)" text
lab exec beta -- sh -c 'exit 7' && status=0 || status=$?
is "exec passes the exit status" "$status" 7
is "the account's uid" "$(on_vip vip id -u)" "$(on_vip target id -u)"
uptimes=$(for h in alpha beta client target; do
	lab exec "$h" -- awk '{ print int($1 / 3600) }' /proc/uptime
done | sort -u | wc -l)
is "boot clocks are hours apart" "$uptimes" 4

# A power cut: sessions, and a server that would send FIN or RST as it dies.
pty_start a ssh -F "$SSH_CONFIG" vip
check "prompt" pty a 'expect 5000 \$ $'
check "typing" pty a 'type 1000 true'
capture client crash "ether src $(lab exec alpha -- cat /sys/class/net/svc0/address)"
check "before the crash alpha is heard" pty a 'type 1000 xyz'
lab crash alpha
dark=$(dark_at alpha)
pty a 'send abc'
pty a 'sleep 1500'
stop_capture
check "frames of alpha were captured" test -n "$(captured crash)"
is "frames of alpha after the link fell silent" "$(captured crash |
	awk -v t="$dark" '$1 > t' | wc -l)" 0
check "the client still waits" pty a alive
refuses "no exec on a dead host" lab exec alpha -- true
refuses "no crash of a dead host" lab crash alpha
lab boot alpha
is "booted alpha runs as another boot" \
	"$(lab exec alpha -- ip -brief address show svc0 | grep -c "$VIP")" 0
is "what was on alpha's disk is there" \
	"$(lab exec alpha -- grep -c 'Accepted publickey' /var/log/sshd.log)" 5
lab exec alpha -- ip address add "$VIP/24" dev svc0
check "the old client is told by the rebooted host" pty a 'wait 10000'
pty_stop a
is "alpha serves again" "$(on_vip vip hostname)" alpha

# Frost.
pty_start a ssh -F "$SSH_CONFIG" vip
check "prompt" pty a 'expect 5000 \$ $'
lab pause alpha
refuses "no echo from a frozen host" pty a 'key 500 x'
lab resume alpha
check "and thaws" pty a 'expect 5000 x'
pty_stop a

# Cuts.
reaches() {
	lab exec "$1" -- timeout 1 bash -c "</dev/tcp/$2/22" 2>/dev/null
}
check "client reaches target" reaches client "$TARGET"
lab cut client target
refuses "cut" reaches client "$TARGET"
check "a cut leaves others alone" reaches client "$VIP"
lab heal
check "heal" reaches client "$TARGET"
# One way: alpha's frames are gone, beta's arrive.
lab cut --oneway alpha beta
capture alpha oneway arp and ether src "$(lab exec beta -- cat /sys/class/net/svc0/address)"
lab exec beta -- ip neigh flush dev svc0
refuses "cut --oneway cuts" reaches beta 10.77.0.1
stop_capture
check "cut --oneway leaves the other way" test -n "$(captured oneway)"
lab heal
# Its question went unanswered; the kernel asks again after a second only.
lab exec beta -- ip neigh flush dev svc0
check "beta reaches alpha" reaches beta 10.77.0.1
check "beta reaches alpha on the replication link" reaches beta 10.78.0.1
lab cut alpha beta
refuses "cut covers the replication link" reaches beta 10.78.0.1
lab heal

# The mirror: beta sees the client's connection, both directions, each once.
capture beta mirror host "$VIP" and tcp port 22
on_vip vip true
stop_capture
check "the mirror shows client to server" test -n "$(captured mirror dst host "$VIP")"
check "the mirror shows server to client" test -n "$(captured mirror src host "$VIP")"
is "each SYN is mirrored once" \
	"$(captured mirror 'tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn' | wc -l)" 1
capture alpha once host "$VIP" and 'tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn'
on_vip vip true
stop_capture
refuses "a stopped capture's tcpdump has ended" lab exec alpha -- \
	sh -c 'grep -lx tcpdump /proc/[0-9]*/comm'
is "the server itself gets one" "$(captured once | wc -l)" 1

# Loss.
lab loss 100
refuses "loss 100 loses all" reaches client "$TARGET"
lab loss 0
# Counted where they arrive: nobody listens on the port. The neighbour entry is
# permanent: lost ARP would lose more than its share.
mac=$(lab exec target -- cat /sys/class/net/svc0/address)
lab exec client -- ip neigh replace "$TARGET" lladdr "$mac" dev svc0 nud permanent
no_ports() {
	lab exec target -- awk '/^Udp: [0-9]/ { print $3 }' /proc/net/snmp
}
lab loss 30
arrived=$(no_ports)
lab exec client -- bash -c "for i in {1..500}; do echo >/dev/udp/$TARGET/9; done"
arrived=$(($(no_ports) - arrived))
# 500 at 30 %: mean 350, standard deviation 10.2; six of these to each side.
check "loss 30 loses about 30 % ($arrived of 500 arrived)" \
	test "$arrived" -ge 288 -a "$arrived" -le 412
lab loss 0
check "loss 0 loses nothing" reaches client "$TARGET"

# Side by side.
export JEEBS_LAB=$JEEBS_LAB-b
lab_up --stock
check "a second lab works" on_vip vip true
lab crash alpha
export JEEBS_LAB=${JEEBS_LAB%-b}
eval "$(lab env)"
check "a crash there leaves this one alone" on_vip vip true
JEEBS_LAB=$JEEBS_LAB-b lab down

# A lab that was killed leaves nothing for the next.
refuses "no up twice" lab up --stock
lab down
"$top/regress/lab" up --stock &
sleep 0.15
kill -KILL $!
wait $! 2>/dev/null || :
lab up --stock
check "a lab comes up over the leftovers of a killed one" on_vip vip true
lab down
is "mounts after down" "$(findmnt -rno TARGET |
	grep -c "/$JEEBS_LAB\(-b\)\?\(/\|$\)" || :)" 0
is "control groups after down" "$(find /sys/fs/cgroup -maxdepth 2 \
	-name "jeebs-lab.$JEEBS_LAB.*" | wc -l)" 0
done_testing
