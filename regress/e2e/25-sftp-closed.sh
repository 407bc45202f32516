#!/bin/bash
# SPDX-License-Identifier: ISC
# An sftp session ends cleanly and at once, not after a TCP timeout.
. "$(dirname "$0")/lib.bash"
lab_up
pty_start f sftp -F "$SSH_CONFIG" vip
check "sftp: prompt" pty f 'expect 10000 sftp> $'
check "sftp: pwd" pty f 'send pwd\r'
check "sftp: works" pty f 'expect 5000 /home/lab'
login a vip
crash_serving
check "sftp: says so" pty f 'expect 5000 Connection closed'
check "sftp: the next command" pty f 'send ls\r'
check "sftp: ends" pty f 'wait 5000'
is "sftp: exit status" "$(jq .status <<<"$pty_answer")" 255
lives a
check "a new sftp works" eval 'echo pwd | lab exec client -- sftp -F "$SSH_CONFIG" \
	-b - vip | grep -q /home/lab'
done_testing
