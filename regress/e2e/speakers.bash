# SPDX-License-Identifier: ISC
# Who speaks without end, so that something new could leave always: b over IPv4, v6
# over IPv6, and a stream both ways by -L. Source it after fencing.bash, master.bash
# and forward.bash.
declare -A heard	# WHO: the capture that has it, "" for the client's, and a filter

speakers() {
	serve_streams
	login b vip
	login v6 vip6
	talk
	master m vip -L "127.0.0.1:7001:$TARGET:7000"
	stream l 127.0.0.1:7001 5000 5000
	streams_run
	heard=([b]=" src host $VIP and dst port $(port_of "${pty_pid[b]}")"
		[v6]=" src host $VIP6 and dst port $(port_of "${pty_pid[v6]}")"
		[stream-down]=" src host $VIP and dst port $(port_of "$(awk '/^NSpid:/ {
			print $NF }' "/proc/$(last_descendant "${master_job[m]}")/status")")"
		[stream-up]="far src host $VIP and dst port 7000")
}

# talk: b and v6 do, from their prompts.
talk() {
	local n
	for n in b v6; do
		pty "$n" 'send while :; do echo $RANDOM; sleep 0.01; done\r'
		check "$n talks" pty "$n" 'expect 5000 [0-9]+\r\n[0-9]+'
	done
}

# new_shells HOST
new_shells() {
	local n
	for n in b v6; do
		check "$n has a new shell" pty "$n" "expect 15000 new shell on $1"
		pty "$n" 'expect 5000 \$ $' || :
	done
}

# all_protected: of all sessions, m's too.
all_protected() {
	protected_again $((${#pty_in[@]} + 1))
}

# said WHO NAME FROM TO MAC: the times, between two in seconds, of frames with data that
# MAC says as the VIP; NAME is the capture of capture_talk.
said() {
	local of=${heard[$1]}
	captured "$([[ ${of%% *} ]] && echo "${of%% *}" || echo "$2")" "ether src $5 and
		tcp and ${of#* } and
		((ip and ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0) or
		(ip6 and ip6[4:2] - ((ip6[52] & 0xf0) >> 2) != 0))" |
		awk -v from="$3" -v to="$4" '$1 > from && $1 < to { print $1 }'
}

spoke() {
	[[ $(said "$@") ]]
}

# capture_talk NAME MAC: what the client gets of the VIP, once MAC has spoken to all.
capture_talk() {
	local who
	talked=$EPOCHREALTIME
	capture client "$1" "(src host $VIP or src host $VIP6) and tcp"
	for who in "${!heard[@]}"; do
		check "$who: speaks" within 5 spoke "$who" "$1" "$talked" 9e9 "$2"
	done
}

# go_on NAME FROM AT MS MAC [WHO...]: all do, or those, as MAC and after FROM, no more than
# MS after AT.
go_on() {
	local who name=$1 from=$2 at=$3 ms=$4 mac=$5 first max
	max=$(at_most "$ms")
	shift 5
	(($#)) || set -- "${!heard[@]}"
	for who; do
		check "$who: goes on" within 10 spoke "$who" "$name" "$from" 9e9 "$mac"
		first=$(said "$who" "$name" "$from" 9e9 "$mac" | sed -n 1p)
		first=$(awk -v a="$at" -v b="$first" 'BEGIN { printf "%d", (b - a) * 1000 }')
		echo "stall: $row: $first ms, $who"
		check "that is no more than $max" test "$first" -ge 0 -a "$first" -le "$max"
	done
}

# silent NAME FROM TO MAC: each spoke before, and said nothing new between these.
silent() {
	local who
	for who in "${!heard[@]}"; do
		check "$row: $who spoke before" spoke "$who" "$1" "$talked" "$2" "$4"
		is "$row: what $who says then" "$(said "$who" "$@" | wc -l)" 0
	done
}

# all_whole: the stream is byte-exact, target saw one connection that nothing befell.
all_whole() {
	end_streams 60
	target_saw_nothing 1
}
