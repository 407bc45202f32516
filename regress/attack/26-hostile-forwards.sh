#!/bin/bash
# SPDX-License-Identifier: ISC
# A user's process that gives jeebsd wrong connections to look after: descriptors
# of other kinds, ones that close(2) waits for, ones that change while jeebsd looks
# at them. None is kept, nobody else waits.
. "$(dirname "$0")/../e2e/lib.bash"
. "$(dirname "$0")/hostile.bash"
hostile_lab --input hold
patience=$((1500 * ${TIMEOUT_FACTOR:-1}))	# ms, as in 23

lab exec client -- python3 -c '
import socket
s = socket.create_server(("", 7000), backlog=1024)
print("ready", flush=True)
all = []
while True:
    all.append(s.accept())
' >"$scratch/targets.out" 2>&1 &
check "targets" within 15 grep -q ready "$scratch/targets.out"

hostile attack-forward-descriptors
check "all are refused" within 30 sshd_said 'descriptors: 10 refused, 0 kept'
check "but its own" sshd_said 'descriptors: its own is kept'
check "many at once" within 30 sshd_said 'after 8 at once: hung up'
hostile_end

hostile attack-forward-repair
check "300 races" within 60 sshd_said 'repair: 300 races'
check "no socket in repair mode, no port stolen" sshd_said \
	'repair: .* 0 in repair mode, 0 ports stolen'
sed -n 's/.*attack-forward-repair: \([0-9]* races\)/\1/p' "$logs/alpha/log/sshd.log"
hostile_end

# Rules of alpha's about connections to targets.
rules() {
	lab exec alpha -- nft list ruleset | grep -c '[. ]7000 ' || :
}
hostile attack-forward-gone
check "one is kept" within 30 sshd_said 'gone: its own is kept'
check "by rules" test "$(rules)" -gt 0
lab switch alpha attack-forward-gone attack-forward-cut
check "and gone" within 10 eval '[[ $(rules) == 0 ]]'
lab switch alpha attack-forward-gone attack-forward-end
check "what is said of it then" within 10 sshd_said 'gone: and said'
is "rules about its 4-tuple" "$(rules)" 0
lab switch alpha attack-forward-gone
hostile_end

hostile attack-forward-lingers
check "eight are kept" within 30 sshd_said 'lingers: 8 of 8 are kept'
lab exec client -- iptables -w -A INPUT -p tcp --dport 7000 -j DROP
lab switch alpha attack-forward-lingers attack-forward-close
check "and over" within 10 sshd_said 'lingers: all are over'
for i in 1 2 3; do
	worst 1 shell_answers honest 10000
	check "the honest session's keys are echoed ($took ms)" eval '((took <= patience))'
	worst 1 eval 'session_of root | grep -q "\"protected\":true"'
	check "jeebsd answers ($took ms)" eval '((took <= patience))'
	sleep 1
done
# Its own connection is closed behind those that linger: its client would wait.
kill "$hostile_job" 2>/dev/null || :
hostile_end
nothing_broke
done_testing
