#!/bin/bash
# SPDX-License-Identifier: ISC
# The two hosts lose each other, the client sees both: one of them serves, the
# session lives, and when all heals the other joins as standby.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip
capture client resets "tcp port 22 and (tcp[tcpflags] & tcp-rst != 0)"
lab cut alpha beta
check "the session goes on" shell_answers a 15000
pty a 'sleep 4000' || :
check "and on" shell_answers a 15000
holder=$shell_host
is "hosts that serve" "$(lab status --json | jq '[.hosts[] | select(.role == "primary")] | length')" 1
lab heal
check "one serves, one stands by" within 15 eval \
	'[[ $(lab status --json | jq .protected) == true ]]'
is "the same one serves" "$(serving)" "$holder"
check "the session goes on after it healed" shell_answers a 5000
stop_capture
captured resets >"$scratch/resets.out"
is "resets that the client saw or sent" "$(wc -l <"$scratch/resets.out")" 0
crash_serving
lives a
done_testing
