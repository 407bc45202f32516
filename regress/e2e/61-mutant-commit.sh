#!/bin/bash
# SPDX-License-Identifier: ISC
# An sshd that doesn't wait for the standby's commit: the auditor sees it.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
scenario() {
	local i
	login a vip
	shell_answers a 5000
	# Output without any input, while the standby stands still for less than
	# would alarm anybody.
	for ((i = 1; i <= 3; i++)); do
		pty a 'send for n in 1 2 3 4 5 6 7 8; do sleep 0.05; echo tick-$n; done\r'
		check "output" pty a 'expect 3000 tick-1\r'
		signal_jeebsd beta STOP
		pty a 'sleep 150'
		signal_jeebsd beta CONT
		check "all of it" pty a 'expect 3000 tick-8\r'
	done
}
catches commit-ignored commit alpha beta
done_testing
