#!/bin/bash
# SPDX-License-Identifier: ISC
# The lab does what it says, with stock sshd only: a crash is silent, a frozen
# host doesn't move, cuts cut, loss loses, the mirror mirrors, two labs don't
# meet, and nothing stays.
. "$(dirname "$0")/lib.bash"

on_vip() {
	lab exec client -- timeout 5 ssh -F "$SSH_CONFIG" "$@"
}

# capture HOST NAME FILTER...: tcpdump on HOST's LAN card, ready when it returns.
capture() {
	local host=$1 name=$2
	shift 2
	lab exec "$host" -- tcpdump -Unl --immediate-mode -i svc0 \
		-w "$scratch/$name.pcap" "$@" 2>"$scratch/$name.err" &
	capture_job=$!
	until grep -q listening "$scratch/$name.err" 2>/dev/null; do
		kill -0 "$capture_job" || return
		sleep 0.01
	done
}

# Packets of a stopped capture, one a line.
captured() {
	tcpdump -nr "$scratch/$1.pcap" "${@:2}" 2>/dev/null
}

stop_capture() {
	kill "$capture_job"
	wait "$capture_job" || :
}

before=$(findmnt -rno TARGET | sort)
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
pty_start ssh -F "$SSH_CONFIG" vip
check "prompt" pty 'expect 5000 \$ $'
check "typing" pty 'type 1000 true'
capture client crash "ether src $(lab exec alpha -- cat /sys/class/net/svc0/address)"
check "before the crash alpha is heard" pty 'type 1000 xyz'
lab crash alpha
dark=$(jq -r 'select(.event == "dark") | .realtime' "/run/jeebs-lab/$JEEBS_LAB/events")
pty 'send abc'
pty 'sleep 1500'
stop_capture
check "frames of alpha were captured" test -n "$(captured crash)"
is "frames of alpha after the link fell silent" "$(tcpdump -ttnr \
	"$scratch/crash.pcap" 2>/dev/null | awk -v t="$dark" '$1 > t' | wc -l)" 0
check "the client still waits" pty alive
lab exec alpha -- true 2>/dev/null && fail "exec on a dead host" ||
	ok "exec on a dead host fails"
lab crash alpha 2>/dev/null && fail "crash of a dead host" ||
	ok "crash of a dead host fails"
lab boot alpha
is "booted alpha runs as another boot" \
	"$(lab exec alpha -- ip -brief address show svc0 | grep -c "$VIP")" 0
is "what was on alpha's disk is there" \
	"$(lab exec alpha -- grep -c 'Accepted publickey' /var/log/sshd.log)" 5
lab exec alpha -- ip address add "$VIP/24" dev svc0
check "the old client is told by the rebooted host" pty 'wait 10000'
pty_stop
is "alpha serves again" "$(on_vip vip hostname)" alpha

# Frost.
pty_start ssh -F "$SSH_CONFIG" vip
check "prompt" pty 'expect 5000 \$ $'
lab pause alpha
if pty 'key 500 x'; then fail "a frozen host echoes"; else ok "a frozen host is still"; fi
lab resume alpha
check "and thaws" pty 'expect 5000 x'
pty_stop

# Cuts.
reaches() {
	lab exec "$1" -- timeout 1 bash -c "</dev/tcp/$2/22" 2>/dev/null
}
check "client reaches target" reaches client "$TARGET"
lab cut client target
reaches client "$TARGET" && fail "cut" || ok "cut"
check "a cut leaves others alone" reaches client "$VIP"
lab heal
check "heal" reaches client "$TARGET"
# One way: alpha's frames are gone, beta's arrive.
lab cut --oneway alpha beta
capture alpha oneway arp and ether src "$(lab exec beta -- cat /sys/class/net/svc0/address)"
lab exec beta -- ip neigh flush dev svc0
reaches beta 10.77.0.1 && fail "cut --oneway" || ok "cut --oneway cuts"
stop_capture
check "cut --oneway leaves the other way" test -n "$(captured oneway)"
lab heal
check "beta reaches alpha" reaches beta 10.77.0.1
check "beta reaches alpha on the replication link" reaches beta 10.78.0.1
lab cut alpha beta
reaches beta 10.78.0.1 && fail "cut of the replication link" ||
	ok "cut covers the replication link"
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
is "the server itself gets one" "$(captured once | wc -l)" 1

# Loss.
lab loss 100
reaches client "$TARGET" && fail "loss 100" || ok "loss 100 loses all"
lab loss 30
capture target lossy udp port 9
lab exec client -- bash -c "for i in {1..500}; do echo >/dev/udp/$TARGET/9; done"
sleep 0.2
stop_capture
arrived=$(captured lossy | wc -l)
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
lab up --stock 2>/dev/null && fail "up twice" || ok "up twice is refused"
lab down
"$top/regress/lab" up --stock &
sleep 0.15
kill -KILL $!
wait $! || :
lab up --stock
check "a lab comes up over the leftovers of a killed one" on_vip vip true
lab down
is "mounts after down" "$(findmnt -rno TARGET | sort)" "$before"
is "control groups after down" "$(find /sys/fs/cgroup -maxdepth 2 \
	-name "jeebs-lab.$JEEBS_LAB.*" | wc -l)" 0
done_testing
