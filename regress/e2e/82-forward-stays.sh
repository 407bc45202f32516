#!/bin/bash
# SPDX-License-Identifier: ISC
# Forwards that can't move because of where they lead or leave from: loopback and
# link-local targets, and with JeebsForwardSource off or the tap all of them. They
# work, their clients hear of their ends, and the session goes on.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"

ticks() {
	: >"$scratch/ticks-$1.out"
	lab exec "$1" -- python3 "$top/regress/e2e/ticks.py" 7000 >"$scratch/ticks-$1.out" 2>&1 &
	check "$1: a server" within 15 grep -q ready "$scratch/ticks-$1.out"
}
# leads NAME PORT: is open; crash_serving; ends.
leads() {
	from "$1" "$2"
	check "$1: open" within 10 grep -q open "$scratch/$1.out"
}
ends() {
	check "$1: ends" within 5 grep -q eof "$scratch/$1.out"
}
goes_on() {
	is "a new channel of the same session" "$(over "$1" vip hostname </dev/null)" "$survivor"
	no_login_on_survivor
}

lab_up --input hold
host=$(serving)
ticks target
ticks "$host"
for h in alpha beta target; do
	n=$((${n-0} + 1))
	lab exec "$h" -- ip addr add "169.254.77.$n/16" dev svc0
done
far=$(lab exec target -- ip -j -6 addr show dev svc0 scope link | jq -r \
	'[.[0].addr_info[] | select(.scope == "link")][0].local')
master m "$family" -L 7001:127.0.0.1:7000 -L '7002:[::1]:7000' -L 7003:169.254.77.3:7000 \
	-L "7004:[$far%svc0]:7000" -L "7005:$target:7000"
adoptable 1
leads loopback 7001
leads loopback6 7002
leads link-local 7003
leads link-local6 7004
leads target 7005
crash_serving
for n in loopback loopback6 link-local link-local6; do
	ends "$n"
done
refuses "target: ends" within 1 grep -q eof "$scratch/target.out"
goes_on m

for way in "hold --set sshd.JeebsForwardSource=no" "tap"; do
	lab_down
	echo "with $way"
	lab_up --input $way
	ticks target
	name=m-${way%% *}
	master "$name" "$family" -L "7001:$target:7000"
	adoptable 1
	leads target 7001
	crash_serving
	ends target
	goes_on "$name"
done
done_testing
