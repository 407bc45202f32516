# SPDX-License-Identifier: ISC
# Streams through forwards to `target`, and what it sees of them. Source it after
# master.bash.
declare -A stream_job

# Streams are served on target's port 7000; what leads there is recorded.
serve_streams() {
	lab exec target -- python3 "$top/regress/e2e/stream.py" serve 7000 \
		>"$scratch/target.out" 2>&1 &
	check "target serves streams" within 15 grep -q ready "$scratch/target.out"
	target6=$(lab exec target -- ip -j addr show dev svc0 | jq -r \
		'[.[0].addr_info[] | select(.family == "inet6" and .scope == "global")][0].local')
	capture target far tcp port 7000
}

# stream NAME HOST:PORT UP DOWN RATE [PAUSE]: from the client, in the background.
stream() {
	local n=$1
	shift
	lab exec client -- python3 "$top/regress/e2e/stream.py" run "$@" \
		>"$scratch/stream-$n.out" 2>&1 &
	stream_job[$n]=$!
	within 15 grep -q started "$scratch/stream-$n.out" ||
		fail "$n: $(cat "$scratch/stream-$n.out")"
}

# exact NAME SECONDS: it comes to its end, every byte as it should be.
exact() {
	within "$2" eval '! kill -0 "${stream_job[$1]}" 2>/dev/null' || :
	is "$1: every byte arrives once" "$(tail -n 1 "$scratch/stream-$1.out")" ok
}

# target_saw_nothing N: of N connections no other beginning, and no end but those
# that the streams make themselves, once all of their bytes are through.
target_saw_nothing() {
	stop_capture
	is "connections that target saw" "$(captured far \
		'tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn or (ip6 and ip6[53] & 0x12 == 2)' |
		awk '{ print $3 }' | sort -u | wc -l)" "$1"
	is "resets" "$(captured far 'tcp[tcpflags] & tcp-rst != 0 or (ip6 and ip6[53] & 4 != 0)' |
		wc -l)" 0
	is "streams that target saw whole" "$(grep -c '^ok' "$scratch/target.out")" "$1"
	refuses "target complains" grep FAIL "$scratch/target.out"
}
