#!/bin/bash
# SPDX-License-Identifier: ISC
# The power cut just after a session has ended, with its last bytes at the
# standby and not at the client: the client gets them, and the connection is
# closed in the orderly way.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/cut.bash"
lab_up --testing
victim=alpha survivor=beta
mkfifo "$scratch/go"
exec 8<>"$scratch/go"
lab exec client -- "$top/regress/e2e/strange-client.py" "$VIP" "$USER_NAME" \
	"$KEY" 'echo started; until [ -e /run/ended.go ]; do sleep 0.05; done; exit 7' \
	<"$scratch/go" >"$scratch/strange.out" 2>&1 &
client=$!
check "the command runs" within 15 grep -q started "$scratch/strange.out"
check "the standby could go on" within 10 is_adoptable 1
# Its exit status and the disconnect go into the last record.
pa=$(lab exec alpha -- pgrep -f '^sshd-session: [a-z]*@notty')
lab exec alpha -- kill -STOP "$pa"
lab exec alpha -- touch /run/ended.go
echo >&8
check "the client says what nobody may" within 5 grep -q sent "$scratch/strange.out"
check "the command ends" within 10 eval \
	'lab exec alpha -- pgrep -r Z -P "$pa"'
capture client ends "tcp port 22 and (tcp[tcpflags] & (tcp-rst|tcp-fin) != 0)"
at_point end-committed
lab exec alpha -- kill -CONT "$pa"
reached ended
lab crash alpha
wait "$client" || :
is "the client got all of it" "$(sort "$scratch/strange.out" | tr '\n' ';')" \
	'Disconnect (code 2): oclose packet referred to nonexistent channel 4711;exit status 7;sent;started;'
check "$survivor: nothing was lost" within 10 log_has "$survivor" sshd.log \
	'the session had ended; 0 bytes of it'
check "$survivor: it is over" within 10 log_has "$survivor" jeebsd.log 'session [0-9]*: over'
# The client has gone before the server closes.
check "$survivor: it has closed" within 10 eval \
	'[[ -z $(lab exec "$survivor" -- ss -Htn state established state close-wait \
		"sport = :22") ]]'
stop_capture
is "resets by the server" "$(captured ends "src host $VIP and tcp[tcpflags] & tcp-rst != 0" | wc -l)" 0
check "a FIN of the server" eval '(($(captured ends "src host $VIP and tcp[tcpflags] & tcp-fin != 0" | wc -l) >= 1))'
refuses "no program was started on $survivor" lab exec "$survivor" -- \
	pgrep -u "$USER_NAME" -x 'bash|sleep'
no_login_on_survivor
done_testing
