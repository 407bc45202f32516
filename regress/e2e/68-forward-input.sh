#!/bin/bash
# SPDX-License-Identifier: ISC
# A jeebsd that lets a target's packets through before the standby has them: the
# auditor sees it.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
scenario() {
	local i
	rm -f "$scratch/stop"
	stream_job=()
	serve_streams
	login a vip -L "127.0.0.1:7001:$TARGET:7000"
	stream a 127.0.0.1:7001 2000 200000
	streams_run
	# Longer than TCP delays an ACK and less than would alarm anybody.
	for ((i = 0; i < 3; i++)); do
		signal_jeebsd beta STOP
		pty a 'sleep 150'
		signal_jeebsd beta CONT
		pty a 'sleep 300'
	done
	end_streams 20
	target_saw_nothing 1
}
# The session's own packets don't tell.
catches input-ignored "input: .*:7000.*" alpha beta
done_testing
