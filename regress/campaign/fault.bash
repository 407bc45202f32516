# SPDX-License-Identifier: ISC
# Faults by the names that draw.bash gives them, and when they are overcome. Source
# it after fencing.bash, and draw before do_fault.

sleep_ms() {
	sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
}

# All of $sessions are protected, and the standby could go on with them.
is_settled() {
	lab status --json | jq -e --argjson n "$sessions" '. as $s | .protected and
		([$s.hosts[$s.serving].sessions_detail[] | select(.protected)] |
		length) == $n and
		([$s.hosts[$s.standby].sessions_detail[]? | select(.adoptable)] |
		length) == $n' >/dev/null
}

# settled WHAT: that, and each of $shells answers; $nested_pid is the shell on target,
# where there is one.
settled() {
	local n
	check "$1: protected again" within 40 is_settled
	for n in "${shells[@]}"; do
		check "$1: $n answers" shell_answers "$n" 20000
		check "$1: the same client process of $n" pty "$n" alive
	done
	[[ -z ${nested_pid-} ]] ||
		is "$1: the same shell on target" "$(shell_pid nested)" "$nested_pid"
}

# Of what the listener has started, one of the programs: a worker, or who hands out.
kill_adopt() {
	lab exec "$1" -- bash -c 'mapfile -t p < <(pgrep -x sshd-adopt)
		kill -KILL "${p[$0 % ${#p[@]}]}"' "$RANDOM"
}

# On purpose, and started anew when it has ended.
stop_and_start() {
	signal_jeebsd "$1" TERM
	check "$1's jeebsd ends" within 10 jeebsd_gone "$1"
	start_jeebsd "$1"
}

restart_sshd() {
	lab exec "$1" -- bash -c 'kill -KILL "$(</run/sshd.pid)"'
	start_sshd "$1"
}

# do_fault_while_typing NUMBER HOST NAME SHELL...: what is typed in the shells right
# before runs after it. A shell that died with its host may have been given it, and
# acted on it, and nobody has its answer: then its client is told that it died. Not
# those that run on target (nested).
do_fault_while_typing() {
	local number=$1 host=$2 fault=$3 n
	shift 3
	for n; do
		pty "$n" "send echo typed-\$(($number+40000))\\r"
	done
	do_fault "$host" "$fault"
	for n; do
		if [[ $n == nested* ]]; then
			check "$fault: what was typed in $n then runs" pty "$n" \
				"expect 20000 typed-$((number + 40000))"
		else
			check "$fault: what was typed in $n runs, or its shell is lost" \
				typed_runs "$n" "typed-$((number + 40000))"
		fi
		pty "$n" 'expect 5000 \$ $' || :
	done
}

typed_runs() {
	pty "$1" "expect 20000 $2|jeebs: host [a-z]* failed at" || return 1
	[[ $pty_answer != *'"match":"jeebs:'* ]] || pty "$1" "expect 3000 $2" ||
		echo "$1: its shell had been given $2"
}

# Returns when it is over, not when it is overcome.
do_fault() {
	local host=$1 peer
	peer=$(other "$host")
	case $2 in
	crash | loss)
		[[ $2 == crash ]] || lab loss "$loss"
		crash_serving
		lab boot "$victim"
		lab loss 0
		;;
	pause) lab pause "$host" "$pause_ms" >/dev/null ;;
	freeze) lab pause "$host" "$freeze_ms" >/dev/null ;;
	standby-crash)
		lab crash "$peer"
		lab boot "$peer"
		;;
	cut-link | cut-lan) lab cut "--${2#cut-}" alpha beta ;;
	cut-oneway) lab cut --oneway --link "$host" "$peer" ;;
	cut-lan-from) lab cut --oneway --lan "$host" "$peer" ;;
	cut-lan-to) lab cut --oneway --lan "$peer" "$host" ;;
	cut-client) lab cut client "$host" ;;
	lossy)
		lab loss "$loss"
		sleep_ms "$cut_ms"
		lab loss 0
		;;
	jeebsd-primary) restart_jeebsd "$host" ;;
	jeebsd-standby) restart_jeebsd "$peer" ;;
	sshd) restart_sshd "$host" ;;
	sshd-standby) restart_sshd "$peer" ;;
	adopt-standby) kill_adopt "$peer" ;;
	stop-primary) stop_and_start "$host" ;;
	stop-standby) stop_and_start "$peer" ;;
	esac
	if [[ $2 == cut-* ]]; then
		sleep_ms "$cut_ms"
		lab heal
	fi
}
