#!/bin/bash
# SPDX-License-Identifier: ISC
# jeebsd of the primary is killed: the session goes on, here or there, and no
# two hosts serve.
. "$(dirname "$0")/lib.bash"
lab_up
# A locked stack that may not grow would end it some day.
# shellcheck disable=SC2016
check "jeebsd's memory is locked without a limit, or not" lab exec alpha -- bash -c '
	pid=$(</run/jeebsd.pid)
	grep -q "Max locked memory *unlimited" /proc/$pid/limits ||
		grep -q "VmLck:.* 0 kB" /proc/$pid/status'
login a vip
capture client vip-frames "src host $VIP and tcp"
stop_jeebsd alpha
killed=$EPOCHREALTIME
check "the session goes on" shell_answers a 15000
holder=$shell_host
check "$holder serves" within 10 eval '[[ $(serving) == beta ]]'
pty a 'sleep 2000' || :
stop_capture
# Whoever speaks as the VIP 2 s after the kill is one host.
is "hosts that speak as the VIP" "$(tcpdump -ttenr "$scratch/vip-frames.pcap" 2>/dev/null |
	awk -v t="$killed" '$1 > t + 1 { print $2 }' | sort -u | wc -l)" 1
check "the session goes on" shell_answers a 5000
done_testing
