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

restart_sshd() {
	lab exec "$1" -- bash -c "kill -KILL \"\$(</run/sshd.pid)\"
		setsid '$PROGRAMS/openssh/sshd' -D -E /var/log/sshd.log \
			-f /etc/ssh/sshd_config </dev/null >/dev/null 2>&1 &"
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
	cut-client) lab cut client "$host" ;;
	jeebsd-primary) restart_jeebsd "$host" ;;
	jeebsd-standby) restart_jeebsd "$peer" ;;
	sshd) restart_sshd "$host" ;;
	esac
	if [[ $2 == cut-* ]]; then
		sleep_ms "$cut_ms"
		lab heal
	fi
}
