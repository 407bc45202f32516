#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 600
# One client process through FAILOVERS (4; the issue's 10) failovers back and
# forth, a rekey forced by the client in between each two.
. "$(dirname "$0")/lib.bash"
failovers=${FAILOVERS:-4}
lab_up
login a vip -v -E "$scratch/ssh.out"
newkeys() {
	grep -c 'SSH2_MSG_NEWKEYS received' "$scratch/ssh.out"
}
for ((i = 1; i <= failovers; i++)); do
	echo "--- failover $i"
	crash_serving
	lives a
	before=$(newkeys)
	pty a 'send \r~R'
	check "rekey $i" within 5 eval '(($(newkeys) > before))'
	check "the shell answers after the rekey" shell_answers a 5000
	lab boot "$victim"
	check "protected again" test "$(lab status --json | jq .protected)" = true
done
pty a 'send exit\r'
check "logout" pty a 'wait 5000'
is "exit status" "$(jq .status <<<"$pty_answer")" 0
done_testing
