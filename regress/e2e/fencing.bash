# SPDX-License-Identifier: ISC
# For the tests of jeebsd(8)'s section FENCING, 90 to 94.

# Longer than the default, so that a busy machine doesn't look like a dead one.
detect=${DETECT:-1500}	# ms
lease=$(printf '%d.%03d' $((detect / 1000)) $((detect % 1000)))
alone=$((2 * detect + 500 > 2000 ? 2 * detect + 500 : 2000))
# What jeebsd(8) says of a stall, in ms, a takeover being 500 of them: as when the
# primary's host dies, and as when the standby's does.
died=$((detect + 500)) lost=$((alone + 250 + 500))
away=$((alone - detect - 300 + 500))
alone=$(printf '%d.%03d' $((alone / 1000)) $((alone % 1000)))

# row TITLE: what follows, up to the next one, proves the entry of that name;
# regress/check/fencing.sh compares the names.
row() {
	row=$1
	echo "row: $1"
}

# stall NAME HOST MS: a key pressed now is answered by HOST, after at most MS ms, and
# what comes on top of them: TCP sends again after twice as long each time, and the
# question is a script's on a busy machine.
stall() {
	local n=$1 host=$2 from=$EPOCHREALTIME
	local max=$(((2 * $3 + 2000) * ${TIMEOUT_FACTOR:-1}))
	if ! shell_answers "$n" "$max"; then
		fail "$row: no answer in $max ms: $pty_answer"
		return
	fi
	is "$row: served by" "$shell_host" "$host"
	echo "stall: $row: $(((${EPOCHREALTIME/./} - ${from/./}) / 1000)) ms"
	check "the same client process" pty "$n" alive
}

# state_of HOST: as jeebsd(8) names it.
state_of() {
	lab status --json | jq -r ".hosts.$1.state"
}

# A process that speaks without end, so that something new could leave always.
talk() {
	login "$1" "${2-vip}"
	pty "$1" 'send while :; do echo $RANDOM; sleep 0.01; done\r'
	check "$1 talks" pty "$1" 'expect 5000 [0-9]+\r\n[0-9]+'
}

# new_bytes NAME FROM TO MAC: frames with data in a stopped capture of what MAC
# says as the VIP's sshd, between two times in seconds.
new_bytes() {
	captured "$1" "ether src $4 and src host $VIP and tcp src port 22 and
		ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0" |
		awk -v from="$2" -v to="$3" '$1 > from && $1 < to' | wc -l
}

# capture_talk NAME MAC: what the client gets of the VIP, once MAC has spoken.
capture_talk() {
	capture client "$1" "src host $VIP and tcp"
	check "it speaks" within 5 spoke "$1" "$2"
}

spoke() {
	(($(new_bytes "$1" 0 9e9 "$2") > 0))
}

plus() {
	awk 'BEGIN { for (i = 1; i < ARGC; i++) n += ARGV[i]; printf "%.6f", n }' "$@"
}

svc_mac() {
	lab exec "$1" -- cat /sys/class/net/svc0/address
}

# As its service would.
start_sshd() {
	lab exec "$1" -- bash -c "setsid '$PROGRAMS/openssh/sshd' -D -E /var/log/sshd.log \
		-f /etc/ssh/sshd_config </dev/null >/dev/null 2>&1 &"
}

# restart_jeebsd HOST [PID...]: killed, and started anew in the same breath, while
# PIDs are killed between.
restart_jeebsd() {
	lab exec "$1" -- bash -c 'kill -KILL "$(</run/jeebsd.pid)" "${@:2}"
		for f in /proc/$$/fd/*; do
			((${f##*/} <= 2 || ${f##*/} == 255)) || eval "exec ${f##*/}>&-"
		done
		setsid "$1/monitor/jeebsd" -f /etc/jeebs/jeebsd.conf \
			</dev/null >>/var/log/jeebsd.log 2>&1 &
		echo $! >/run/jeebsd.pid' sh "$PROGRAMS" "${@:2}"
}

# build_ahead PROGRAM CLOCK: a clock that PROGRAM has if it is started by what follows
# LD_PRELOAD=$scratch/ahead.so, and that set_ahead SECONDS moves at once.
build_ahead() {
	"${CC:-gcc}" -O2 -Wall -shared -fPIC -D "PROGRAM=\"$1\"" -D "CLOCK=$2" \
		-o "$scratch/ahead.so" "$top/regress/e2e/ahead.c"
	export JEEBS_LAB_AHEAD=$scratch/ahead
	set_ahead 0
}
set_ahead() {
	printf '%09d\n' "$1" 1<>"$scratch/ahead"
}
