#!/bin/bash
# SPDX-License-Identifier: ISC
# A dead primary that comes back joins as standby, never fights for the VIP, and
# the next failover goes back to it.
. "$(dirname "$0")/lib.bash"
detect=500	# the lab's own
. "$top/regress/e2e/fencing.bash"
lab_up
login a vip
crash_serving
lives a
row "Dead primary comes back"
mac=$(lab exec client -- ip neigh show "$VIP" | grep -o 'lladdr [^ ]*')
capture client claims "arp and ether src 02:00:0a:4d:00:01 and arp src host $VIP"
lab boot alpha --no-wait
stall a beta 0
protected_again
stop_capture
is "alpha's claims to the VIP" "$(captured claims | wc -l)" 0
is "the client's neighbour entry stays" \
	"$(lab exec client -- ip neigh show "$VIP" | grep -o 'lladdr [^ ]*')" "$mac"
is "who serves" "$(serving)" beta
is "who stands by" "$(lab status --json | jq -r .standby)" alpha
stall a beta 0
crash_serving
lives a
is "back on" "$shell_host" alpha
done_testing
