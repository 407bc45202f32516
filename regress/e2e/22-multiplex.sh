#!/bin/bash
# SPDX-License-Identifier: ISC
# Several shells on one connection (ControlMaster): all live, each with its own.
. "$(dirname "$0")/lib.bash"
lab_up
login master vip -M -S "$scratch/mux"
for s in one two three; do
	login "$s" vip -S "$scratch/mux"
	pty "$s" "send mkdir -p /tmp/jeebs-$tid-$s; cd /tmp/jeebs-$tid-$s\\r"
	check "$s: its own directory" pty "$s" 'expect 5000 \$ $'
done
is "one connection" "$(lab exec alpha -- grep -c 'Accepted publickey' \
	/var/log/sshd.log)" 1
crash_serving
lives master
for s in one two three; do
	lives "$s"
	pty "$s" 'send pwd\r'
	check "$s: its own directory after the crash" \
		pty "$s" "expect 5000 /tmp/jeebs-$tid-$s"
	rmdir "/tmp/jeebs-$tid-$s"
done
# One of them ends; the others go on.
pty one 'expect 5000 \$ $'
pty one 'send exit 7\r'
check "one: logout" pty one 'wait 5000'
is "one: exit status" "$(jq .status <<<"$pty_answer")" 7
lives two
lives master
done_testing
