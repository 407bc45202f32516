#!/bin/bash
# SPDX-License-Identifier: ISC
# A primary frozen for 10 s: silent on the wire once its lease ran out, the
# session goes on at the standby, and the thawed host joins as standby.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip
mac=$(lab exec alpha -- cat /sys/class/net/svc0/address)
# All that alpha says as the VIP: packets, and ARP or neighbour advertisements.
capture client vip-frames "ether src $mac and (src host $VIP or src host $VIP6 or
	(arp and arp src host $VIP) or (icmp6 and ip6[40] == 136))"
shell_answers a 5000
lab pause alpha
frozen=$EPOCHREALTIME
victim=alpha survivor=beta
lives a
sleep "$(awk -v a="$frozen" -v b="$EPOCHREALTIME" 'BEGIN { d = 10 - b + a; print (d > 0 ? d : 0) }')"
lab resume alpha
check "alpha joins as standby" within 10 eval \
	'[[ $(lab status --json | jq -r .standby) == alpha ]]'
check "beta serves" test "$(serving)" = beta
stop_capture
check "alpha was heard as the VIP before" test -n "$(captured vip-frames)"
# detect is 500 ms and the lease no longer; 1 s leaves room for a busy machine.
is "frames of alpha as the VIP later than 1 s after the freeze" \
	"$(captured vip-frames | awk -v t="$frozen" '$1 > t + 1' | wc -l)" 0
check "the session still lives" shell_answers a 5000
is "served by" "$shell_host" beta
check "protected again" within 10 eval '[[ $(lab status --json | jq .protected) == true ]]'
crash_serving
lives a
done_testing
