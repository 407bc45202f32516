#!/bin/bash
# SPDX-License-Identifier: ISC
# The primary hears no heartbeats and has no lease, but the link goes on: what is committed
# meanwhile is written and doesn't leave. The session outlives 12 s of that.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
lab_up --set "timing.detect=${detect}ms" --set timing.alone-after=15s
login a vip
login b vip
protected_again
pty a 'send (sleep 4; echo $((40000+2))) &\r'
check "prompt" pty a 'expect 5000 \$ '
sleep 0.5
lab exec alpha -- iptables -w -A INPUT -p udp --dport 7475 -j DROP
check "stalled" within 10 eval '[[ $(state_of alpha) == primary-stalled ]]'
# As long as TCP tries what this host does not let out: 15 times, each half second.
sleep 12
lab exec alpha -- iptables -w -D INPUT -p udp --dport 7475 -j DROP
check "a hears what was said meanwhile" pty a 'expect 20000 40002'
check "a answers" shell_answers a 20000
check "b answers" shell_answers b 20000

done_testing
