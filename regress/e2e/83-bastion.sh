#!/bin/bash
# SPDX-License-Identifier: ISC
# A jump host loses nothing: ssh -J to target with a shell in it, and streams by
# -D, over two crashes.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold

serve_streams
master m vip -D 127.0.0.1:7001
login j target -J vip
check "j: answers" shell_answers j 5000
is "j: is at" "$shell_host" target
shell=$(shell_pid j)
adoptable 2
stream d "7001/$TARGET:7000" 500000 500000
stream keys "7001/$TARGET:7000" 2000 2000
streams_run
for i in 1 2; do
	pty j 'send echo typed-$((40+2))\r'
	crash_serving
	check "j: what was typed at the crash runs" pty j 'expect 15000 typed-42'
	is "j: the same shell" "$(shell_pid j)" "$shell"
	check "j: the same client process" pty j alive
	((i == 2)) || { lab boot "$victim"; adoptable 2; }
done
end_streams 40
target_saw_nothing 2
done_testing
