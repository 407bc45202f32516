#!/bin/bash
# SPDX-License-Identifier: ISC
# The primary's lease runs out, and for ten seconds nothing tells it that it may go on
# alone: no connection of the VIP dies of that, also none that isn't protected and has
# something to say meanwhile for the first time.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
lab_up --set "timing.detect=${detect}ms"
lab exec alpha -- sh -c 'printf "Match User root\nJeebs no\n" >>/etc/ssh/sshd_config &&
	kill -HUP "$(cat /run/sshd.pid)"'
check "alpha: sshd reads its settings" within 10 eval \
	'(($(lab exec alpha -- grep -c "Server listening" /var/log/sshd.log) >= 4))'
login a vip
login says vip -l root
login talks vip -l root
protected_again 1
pty talks 'send while :; do echo $RANDOM; sleep 0.2; done\r'
check "talks" pty talks 'expect 5000 [0-9]+\r\n[0-9]+'
pty says "send until [[ -e $scratch/say ]]; do sleep 0.1; done; echo \$((40000+2))\\r"
check "says: it waits" pty says 'expect 5000 40000'
lab crash beta
lab cut alpha client
lab cut alpha target
check "alpha says so" within 10 log_has alpha jeebsd.log 'nobody on the LAN answers'
touch "$scratch/say"
# As long as TCP tries what this host doesn't let out: 15 times, each half second.
sleep 10
lab heal
check "a answers" shell_answers a 20000
check "says what it had to" pty says 'expect 20000 40002'
check "it answers" shell_answers says 20000
check "talks on" pty talks 'expect 20000 [0-9]+\r\n[0-9]+'
done_testing
