#!/bin/bash
# SPDX-License-Identifier: ISC
# A command without a terminal is gone: said on stderr, exit status 255.
. "$(dirname "$0")/lib.bash"
lab_up
lab exec client -- ssh -F "$SSH_CONFIG" vip 'echo started; exec sleep 1000' \
	>"$scratch/exec-stdout.out" 2>"$scratch/exec-stderr.out" &
job=$!
check "the command runs" within 10 grep -q started "$scratch/exec-stdout.out"
# Its exit status was said, its pipes are held by what it left behind.
lab exec client -- ssh -v -F "$SSH_CONFIG" vip 'echo left; sleep 1000 & exit 3' \
	>"$scratch/left-stdout.out" 2>"$scratch/left-stderr.out" &
left=$!
check "the other command exits" within 10 \
	grep -q 'rtype exit-status' "$scratch/left-stderr.out"
crash_serving
start=$EPOCHREALTIME
wait "$job" && status=0 || status=$?
is "exit status" "$status" 255
check "it ends within 3 s" \
	awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { exit !(b - a < 3) }'
is "nothing strange on stdout" "$(cat "$scratch/exec-stdout.out")" started
check "the message on stderr names the host that died" \
	grep -q "$victim" "$scratch/exec-stderr.out"
refuses "it is not a reset" grep -Eqi 'reset|broken pipe|timed out' \
	"$scratch/exec-stderr.out"
wait "$left" && status=0 || status=$?
is "what had exited keeps its status" "$status" 3
refuses "and has nothing to say" grep 'jeebs:' "$scratch/left-stderr.out"
done_testing
