#!/bin/bash
# SPDX-License-Identifier: ISC
# sshd of an adopted session dies when its records are read and jeebsd hasn't let it
# go on yet: nobody is left to end the connection but jeebsd.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up --testing
login dies vip
login root vip -l root
# More is to be sent than TCP sends before it hears anything: the client's kernel
# takes less than sshd's window is.
lab exec client -- sysctl -qw net.ipv4.tcp_rmem='4096 16384 65536'
master bulk vip
bulk=$(last_descendant "${master_job[bulk]}")
over bulk vip yes >"$scratch/yes" 2>/dev/null </dev/null &
adoptable 3
check "it flows" within 5 test -s "$scratch/yes"
kill -STOP "$bulk"
check "its window is closed" within 10 eval '(($(lab exec alpha -- ss -tnH \
	"sport = :22" | awk "{ print \$3 }" | sort -n | tail -n 1) > 20000))'
lab switch beta go-late
crash_serving
check "all are read" within 10 eval \
	'(($(lab exec beta -- grep -c "waits for GO" /var/log/jeebsd.log) == 3))'
check "the user's sshd are there" within 5 eval \
	'(($(lab exec beta -- pgrep -c -u "$USER_NAME" sshd) == 2))'
lab exec beta -- pkill -KILL -u "$USER_NAME" sshd
refuses "they are gone" within 1 lab exec beta -- pgrep -u "$USER_NAME" sshd
lab switch beta
# nsenter stops with what it waits for.
kill -CONT "$bulk" "$(ps -o ppid= "$bulk" | tr -d " ")"
check "its client is told" pty dies 'wait 5000'
is "as of a lost connection" "$(jq .status <<<"$pty_answer")" 255
check "so is the other one" within 5 eval '[[ ! -e /proc/$bulk ]]'
is "both for the same reason" "$(lab exec beta -- grep -c \
	"session from .* reset: .*its process has ended it" /var/log/jeebsd.log)" 2
lives root
is "connections left" "$(lab exec beta -- ss -tnH state established "sport = :22" |
	wc -l)" 1
done_testing
