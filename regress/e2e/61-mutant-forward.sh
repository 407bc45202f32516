#!/bin/bash
# SPDX-License-Identifier: ISC
# An sshd that writes to targets what the standby doesn't have: the auditor sees it
# when another host goes on.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
scenario() {
	rm -f "$scratch/stop"
	stream_job=()
	serve_streams
	login a vip -L "127.0.0.1:7001:$TARGET:7000"
	stream a 127.0.0.1:7001 200000 2000
	streams_run
	protected_again 1
	# What the client sends goes on to the standby, and so to sshd.
	host=$(serving)
	lab switch "$host" records-held $(lab exec "$host" -- \
		sh -c '[ ! -e /etc/jeebs/testing ] || cat /etc/jeebs/testing')
	pty a 'sleep 200'
	crash_serving
	lives a
}
catches forward-commit-ignored "commit: .*:7000.*" alpha beta
done_testing
