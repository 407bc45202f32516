#!/bin/bash
# SPDX-License-Identifier: ISC
# alpha lives but is cut off from everybody: beta takes over, and when all heals
# alpha joins as standby without a word as the VIP. Then a split in which both
# reach the client: it ends with one that serves and a log line.
. "$(dirname "$0")/lib.bash"
detect=500	# the lab's own
. "$top/regress/e2e/fencing.bash"
lab_up
login a vip
mac=$(lab exec alpha -- cat /sys/class/net/svc0/address)
capture client resets "tcp port 22 and (tcp[tcpflags] & tcp-rst != 0)"
row "Primary cut off from the standby and the clients"
for h in beta client target; do
	lab cut alpha "$h"
done
stall a beta "$died"
# Longer than alone-after (2 s): alpha must not go on alone.
pty a 'sleep 5000' || :
check "the session goes on" shell_answers a 5000
is "hosts that serve" "$(lab status --json |
	jq -c '[.hosts[] | select(.role == "primary") | .host]')" '["beta"]'
lab heal
check "one serves, one stands by" within 15 eval \
	'[[ $(lab status --json | jq .protected) == true ]]'
is "who serves" "$(serving)" beta
stall a beta 0
stop_capture
captured resets >"$scratch/resets.out"
is "resets on the client's wire" "$(wc -l <"$scratch/resets.out")" 0

lab cut alpha beta
sleep 5
lab heal
check "after the split one serves" within 15 eval \
	'[[ $(lab status --json | jq .protected) == true ]]'
login b vip
protected_again
crash_serving
lives b
done_testing
