#!/bin/bash
# SPDX-License-Identifier: ISC
# One user, many hostile sessions at once: they fill the standby's store and,
# without end, the link and their rings on the primary. Another user's sessions
# keep their echo and their protection, one that logs in then gets it, and both
# survive a power cut in the middle of that.
. "$(dirname "$0")/../e2e/lib.bash"
. "$(dirname "$0")/hostile.bash"
hostile_lab
lab switch beta small-store

hoards=4 floods=6
# The link has 200 Mbit/s and the hostile records 8 MiB, a third of a second. A key
# crosses it twice, behind 4 MiB in jeebsd and a record, and behind one each of two
# sessions whose turn comes before; and it waits for one to be let in. 2.8 s in all,
# which one run in six comes near to.
patience=3000 memory=300
# What is freed waits there for a while.
[[ -z ${SANITIZER-} ]] || memory=700
lab exec alpha -- tc qdisc add dev rep0 root tbf rate 200mbit burst 256k \
	latency 50ms

began() {
	[[ $(tail -c "+$((sshd_mark + 1))" "$logs/alpha/log/sshd.log" |
		grep -c "$1: begins") -ge $2 ]]
}
crowd "$hoards" attack-hoard
check "$hoards sessions hoard" within 60 began attack-hoard "$hoards"
check "the store has its limit" within 20 log_has beta jeebsd.log \
	'dropped: records of all sessions take too much memory'
# The first of the list is what a new session begins.
crowd "$floods" attack-large-checkpoints
lab switch alpha attack-large-checkpoints attack-hoard
check "$floods sessions flood" within 60 began attack-large-checkpoints "$floods"
login late vip -l root
sent() {
	lab exec alpha -- cat /sys/class/net/rep0/statistics/tx_bytes
}
start=$(ms) bytes=$(sent) echoes=0 rss_a=0 rss_b=0 rounds=0
end=$((SECONDS + 8))
while ((SECONDS < end)); do
	peaks 1
	rounds=$((rounds + 1))
done
rate=$((($(sent) - bytes) * 8 / ($(ms) - start) / 1000))
echo "echo $echoes ms, RSS $rss_a and $rss_b MB, link $rate Mbit/s, $rounds rounds"
check "the link is full" eval '((rate >= 100))'
check "keys are echoed" eval '((echoes <= patience))'
check "memory is bounded" eval '((rss_a <= memory && rss_b <= memory))'
is "sessions of root that the standby dropped" \
	"$(lab exec beta -- grep -c 'user root.*dropped\|given up.*user root' \
	/var/log/jeebsd.log || :)" 0
protected_roots() {
	[[ $(lab exec alpha -- "$PROGRAMS/monitor/jeebsctl" status --json |
		jq '[.sessions_detail[] | select(.user == "root" and .protected)] |
		length') == 2 ]]
}
check "both sessions of root are protected" within 10 protected_roots
# While all that goes on.
nothing_broke
lives late
done_testing
