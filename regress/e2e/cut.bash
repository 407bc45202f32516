# SPDX-License-Identifier: ISC
# For tests that cut the power when a session is in an exact state: its process
# stops itself there (jeebs-testing-cut.c). Source it after master.bash, in a lab
# of `up --testing`. Each connection stops at one point and stays there.
declare -A cut_job
over_seconds=300	# many of them stop before the crash

# at_point POINT: what runs next on $victim stops at POINT, which the
# caller brings about between at_point and reached.
at_point() {
	is_adoptable "$(lab status --json | jq .sessions)" ||
		fail "$1: a session isn't protected"
	cut_point=$1
	cut_before=$(cut_stopped)
	lab switch "$victim" points "stop $cut_point"
}

cut_stopped() {
	lab exec "$victim" -- grep -c "stops at $cut_point[[:space:]]*\$" \
		/var/log/sshd.log || :
}

# It is there, and the standby has the record that says so.
reached() {
	local said
	check "$1: at $cut_point" within 10 eval '(($(cut_stopped) > cut_before))'
	lab switch "$victim"
	said=$(lab exec "$victim" -- sed -n 's/.*testing: recorded //p' \
		/var/log/sshd.log | tail -n 1 | tr -d '\r')
	check "$1: the standby holds it" within 5 \
		log_has "$(other "$victim")" commit.log " held .*${said/ /.*}"
}

# cut NAME POINT ARGS...: `over NAME ARGS...` in the background, up to POINT;
# what it says is in $scratch/cut-NAME.out and .err, its stdin is ours.
cut() {
	local n=$1
	at_point "cut-$2"
	over "$n" "${@:3}" >"$scratch/cut-$n.out" 2>"$scratch/cut-$n.err" <&0 &
	cut_job[$n]=$!
	reached "$n"
}

# cut_ends NAME STATUS: so it ended, and the connection is as good as ever.
cut_ends() {
	local status=0
	wait "${cut_job[$1]}" || status=$?
	is "$1: exit status" "$status" "$2"
	cut_lives "$1"
}

cut_lives() {
	is "$1: a new channel on the same connection" \
		"$(over "$1" vip hostname 2>&1 </dev/null)" "$survivor"
}

# The client hears of what was lost.
cut_told() {
	check "$1: told what happened" \
		grep -q "jeebs: host $victim failed at" "$scratch/cut-$1.err"
}
