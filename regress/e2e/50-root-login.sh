#!/bin/bash
# SPDX-License-Identifier: ISC
# Root's session outlives its host too, also one that may have forced commands
# only.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up
login a vip -l root
crash_serving
pty a 'send echo $((6*7))-$(id -un)-$(hostname)\r'
check "root lives on $survivor" pty a "expect 15000 42-root-$survivor"
check "prompt" pty a 'expect 5000 \$ $'
lives a
pty_stop a
lab_down

lab_up --set sshd.PermitRootLogin=forced-commands-only
refuses "root without a forced command" lab exec client -- ssh -n \
	-F "$SSH_CONFIG" root@vip true
for h in alpha beta; do
	lab exec "$h" -- sed -i 's/^/command="echo forced: $SSH_ORIGINAL_COMMAND" /' \
		/etc/ssh/authorized_keys/root
done
master m root@vip
is "the forced command" "$(over m root@vip hostname)" "forced: hostname"
adoptable 1
crash_serving
is "the forced command on $survivor" "$(over m root@vip hostname)" "forced: hostname"
check "the connection is the old one" kill -0 "${master_job[m]}"
no_login_on_survivor
done_testing
