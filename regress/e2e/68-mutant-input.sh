#!/bin/bash
# SPDX-License-Identifier: ISC
# A jeebsd that lets the client's packets through before the standby has them:
# the auditor sees it.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
scenario() {
	local slow
	login a vip
	shell_answers a 5000
	# The standby takes its time, though less than would alarm anybody.
	lab exec beta -- bash -c 'for ((i = 0; i < 5; i++)); do
		kill -STOP "$0"; sleep 0.1; kill -CONT "$0"; sleep 0.2
		done' "$(lab exec beta -- cat /run/jeebsd.pid)" &
	slow=$!
	check "typing" pty a 'type 3000 qwertyuiopasdfghjklzxcvbnm'
	wait "$slow"
}
catches input-ignored input alpha beta
done_testing
