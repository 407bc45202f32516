#!/bin/bash
# SPDX-License-Identifier: ISC
# The standby's rules are stricter than those under which the user logged in:
# what it wouldn't have let in it doesn't adopt.
. "$(dirname "$0")/lib.bash"
lab_up --set beta/sshd.AuthenticationMethods=publickey,password \
	--set beta/sshd.PasswordAuthentication=yes
login a vip
crash_serving
check "the session ends" pty a 'wait 5000'
is "as a lost connection" "$(jq .status <<<"$pty_answer")" 255
check "with a reason in the log" log_has beta jeebsd.log \
	'reset: .*AuthenticationMethods asks for more'
done_testing
