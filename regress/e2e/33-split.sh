#!/bin/bash
# SPDX-License-Identifier: ISC
# alpha lives but is cut off from everybody: beta takes over, and when all heals
# alpha joins as standby without a word as the VIP. Then a split in which both
# reach the client: it ends with one that serves and a log line.
# row: Primary cut off from the standby and the clients
. "$(dirname "$0")/lib.bash"
lab_up
login a vip
mac=$(lab exec alpha -- cat /sys/class/net/svc0/address)
capture client resets "tcp port 22 and (tcp[tcpflags] & tcp-rst != 0)"
for h in beta client target; do
	lab cut alpha "$h"
done
victim=alpha survivor=beta
lives a
# Longer than alone-after (2 s): alpha must not go on alone.
pty a 'sleep 5000' || :
check "the session goes on" shell_answers a 5000
is "hosts that serve" "$(lab status --json |
	jq -c '[.hosts[] | select(.role == "primary") | .host]')" '["beta"]'
lab heal
check "one serves, one stands by" within 15 eval \
	'[[ $(lab status --json | jq .protected) == true ]]'
is "who serves" "$(serving)" beta
check "the session goes on after it healed" shell_answers a 5000
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
