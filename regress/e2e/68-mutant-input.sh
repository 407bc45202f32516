#!/bin/bash
# SPDX-License-Identifier: ISC
# A jeebsd that lets the client's packets through before the standby has them:
# the auditor sees it.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
scenario() {
	local i
	login a vip
	shell_answers a 5000
	# A key while the standby stands still, longer than TCP delays an ACK
	# and less than would alarm anybody.
	for ((i = 0; i < 3; i++)); do
		signal_jeebsd beta STOP
		pty a "send $i"
		pty a 'sleep 150'
		signal_jeebsd beta CONT
		check "echo" pty a "expect 3000 $i"
		pty a 'sleep 300'
	done
}
catches input-ignored input alpha beta
done_testing
