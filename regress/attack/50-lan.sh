#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 180
# A hostile host on the servers' LAN that has overheard everything: forged,
# replayed and damaged heartbeats and floods of them, forged ACKs, data, RSTs,
# claims of the VIPs, SYN floods and garbage. Nobody takes over, nobody retires,
# and when the primary then does die, under such a flood, the sessions live on.
unaudited='the packets of the attack'
. "$(dirname "$0")/../e2e/lib.bash"

# attack [--to HOST] COMMAND ARG...: from target, with what was overheard.
attack() {
	local to=()
	[[ $1 != --to ]] || { to=(--to "$(card "$2")") && shift 2; }
	lab exec target -- "$top/regress/attack/lan-attack.py" "${to[@]}" svc0 \
		"$scratch/overheard.pcap" "$@" >"$scratch/attack.out" 2>&1
}

sent() {
	attack "$@" && (($(<"$scratch/attack.out") > 0)) && return
	cat "$scratch/attack.out"
	return 1
}

card() {
	lab exec "$1" -- cat /sys/class/net/svc0/address
}

# What passes while the sessions are at work, heartbeats included.
overhear() {
	lab exec beta -- bash -c "echo \$\$ >/run/overhear.pid
		exec tcpdump -Un --immediate-mode -i svc0 \
		-w '$scratch/overheard.pcap' tcp port 22 or udp port 7475" \
		2>"$scratch/overheard.err" &
	local job=$!
	within 10 grep -q listening "$scratch/overheard.err"
	for n in a b c; do
		check "$n: answers" shell_answers "$n" 15000
	done
	sleep 0.3
	lab exec beta -- bash -c 'kill "$(</run/overhear.pid)"'
	wait "$job" || :
}

# One serves, the other stands by, and neither has ever thought otherwise.
nothing_happened() {
	check "$1: protected" within 10 eval \
		'[[ $(lab status --json | jq .protected) == true ]]'
	is "$1: served by" "$(serving)" alpha
	refuses "$1: nobody took over" log_has beta jeebsd.log taking-over
	refuses "$1: nobody retired" log_has alpha jeebsd.log 'standby-joining'
	for n in a b; do
		check "$n: after $1" shell_answers "$n" 20000
	done
}

# refused HOST: heartbeats on the LAN that HOST took for bad ones.
refused() {
	lab exec "$1" -- "$build/monitor/jeebsctl" -s /run/jeebs/ctl.sock \
		status --json | jq '.heartbeats[0].refused'
}

# The RSTs must end before there is a connection that they are for: then they are
# what ends a plain session, too. A busy machine must not look like a dead one.
lab_up --set timing.detect=2s --set timing.alone-after=8s
login a vip
login b vip6
login c vip -c aes128-ctr -m hmac-sha2-256
alpha_pid=$(lab exec alpha -- cat /run/jeebsd.pid)
beta_pid=$(lab exec beta -- cat /run/jeebsd.pid)
overhear

check "heartbeats replayed" sent replay
check "heartbeats with one bit flipped" sent flip
check "heartbeats of every state with every flag" sent forge
check "all of them again" sent replay
for h in alpha beta; do
	check "$h refused them" test "$(refused "$h")" -gt 500
done
nothing_happened "forged heartbeats"
check "a flood of heartbeats" sent flood 2
nothing_happened "a flood of heartbeats"

for h in alpha beta; do
	check "garbage to $h" sent --to "$h" malformed 4000
	check "claims of the VIPs to $h" sent --to "$h" claim 1
done
is "alpha's jeebsd lives" "$(lab exec alpha -- cat /run/jeebsd.pid)" "$alpha_pid"
check "it is that one" lab exec alpha -- test -d "/proc/$alpha_pid"
check "beta's, too" lab exec beta -- test -d "/proc/$beta_pid"
nothing_happened "garbage and claims"

# What only the standby sees, by its card's address, is of no use to a primary;
# it must not cost a session its adoption.
overhear
check "blind packets to the standby" sent --to beta blind 3000
check "ACKs of what was never sent" sent --to beta ack 1 1000 100000 3000000
check "data at the client's next byte" sent --to beta data 40
for n in a b c; do
	check "$n: the client sends its own" shell_answers "$n" 20000
done
check "data beyond it" sent --to beta data 40 5000
check "ACKs of what was never sent" sent --to beta ack 1 1000 100000 3000000
check "blind packets to the standby" sent --to beta blind 3000

# The primary dies in a flood of heartbeats in its name and of SYNs; its
# clients' RSTs come while the standby holds their packets.
overhear
strays() {
	lab exec alpha -- "$build/monitor/jeebsctl" -s /run/jeebs/ctl.sock \
		status --json | jq .input.refused
}
before=$(strays)
check "data that the primary's TCP wouldn't take" sent --to alpha stray
check "isn't taken" within 5 eval '(($(strays) >= before + 9))'
lab exec target -- "$top/regress/attack/lan-attack.py" svc0 \
	"$scratch/overheard.pcap" flood 6 >/dev/null 2>&1 &
flood=$!
lab exec target -- "$top/regress/attack/lan-attack.py" svc0 \
	"$scratch/overheard.pcap" syn 6 >/dev/null 2>&1 &
syn=$!
attack --to beta reset 1.2 &
rst=$!
within 10 grep -q begun "$scratch/attack.out"
crash_serving
check "RSTs from before the hold until into it" wait "$rst"
for n in a b c; do
	lives "$n" 20000
done
no_login_on_survivor
check "all were adopted" log_has beta jeebsd.log \
	'takeover done: 3 of 3 sessions adopted'
wait "$flood" "$syn" || :
is "beta's jeebsd lives" "$(lab exec beta -- cat /run/jeebsd.pid)" "$beta_pid"
done_testing
