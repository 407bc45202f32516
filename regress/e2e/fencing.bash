# SPDX-License-Identifier: ISC
# For the tests that prove rows of jeebsd(8)'s section FENCING: `regress/fencing rows`.

# Longer than the default, so that a busy machine doesn't look like a dead one. Tests
# that leave it as the lab has it say so before.
detect=${detect-${DETECT:-1500}}	# ms
lease=$(printf '%d.%03d' $((detect / 1000)) $((detect % 1000)))
alone=$((2 * detect + 500 > 2000 ? 2 * detect + 500 : 2000))
# What jeebsd(8) says of a stall, in ms, a takeover being 500 of them: as when the
# primary's host dies, and as when the standby's does.
died=$((detect + 500)) lost=$((alone + 250 + 500))
away=$((alone - detect - 300 + 500))
# A host that starts and hears nobody: the LAN answers in 250. With one that it only
# saw speak, after 5 s, when it asks again.
boot_wait=2000 booted=$((boot_wait + 250)) unseen=$((5000 + 1000 + 250))
alone=$(printf '%d.%03d' $((alone / 1000)) $((alone % 1000)))

# row TITLE: what follows, up to the next one, proves the entry of that name;
# regress/check/fencing.sh compares the names.
row=$tid
row() {
	row=$1
	echo "row: $1"
}

# at_most MS: and what comes on top of them: TCP sends again after twice as long each
# time, and who looks is a script on a busy machine.
at_most() {
	echo $(((2 * $1 + 2000) * ${TIMEOUT_FACTOR:-1}))
}

# stall NAME HOST MS: a key pressed now is answered by HOST, after at most MS ms.
stall() {
	local n=$1 host=$2 from=$EPOCHREALTIME max
	max=$(at_most "$3")
	if ! shell_answers "$n" "$max"; then
		fail "$row: no answer in $max ms: $pty_answer"
		return
	fi
	is "$row: served by" "$shell_host" "$host"
	echo "stall: $row: $(((${EPOCHREALTIME/./} - ${from/./}) / 1000)) ms"
	check "the same client process" pty "$n" alive
}

# ends NAME MS: a key pressed now ends it, as a lost connection and not by a pause.
ends() {
	local n=$1 from=$EPOCHREALTIME max
	max=$(at_most "$2")
	pty "$n" 'send x' || :
	if ! pty "$n" "wait $max"; then
		fail "$row: left hanging for $max ms: $pty_answer"
		return
	fi
	is "$row: ssh's exit status" "$(jq .status <<<"$pty_answer")" 255
	echo "stall: $row: $(((${EPOCHREALTIME/./} - ${from/./}) / 1000)) ms, ended"
	pty_stop "$n"
}

# nobody_waits: who serves now has no session, so none can stall.
nobody_waits() {
	is "$row: sessions" "$(lab status --json | jq .sessions)" 0
	echo "stall: $row: none, no session lives"
}

# ms_between HOST FROM TO: the last lines of its jeebsd.log that have these.
ms_between() {
	local at=() line
	for line in "$2" "$3"; do
		at+=("$(date +%s%3N -d "$(lab exec "$1" -- grep -E "$line" \
			/var/log/jeebsd.log | tail -n 1 | cut -d ' ' -f 1)")")
	done
	echo $((at[1] - at[0]))
}

# port_of PID: of the ssh that has that number at the client.
port_of() {
	lab exec client -- ss -Htnp dport = :"$PORT" |
		awk -v p="pid=$1," 'index($0, p) { sub(/.*:/, "", $4); print $4 }'
}

# state_of HOST: as jeebsd(8) names it.
state_of() {
	lab status --json | jq -r ".hosts.$1.state"
}

plus() {
	awk 'BEGIN { for (i = 1; i < ARGC; i++) n += ARGV[i]; printf "%.6f", n }' "$@"
}

svc_mac() {
	lab exec "$1" -- cat /sys/class/net/svc0/address
}

# As its service would.
start_sshd() {
	lab exec "$1" -- bash -c "$close_inherited
		setsid '$PROGRAMS/openssh/sshd' -D -E /var/log/sshd.log \
		-f /etc/ssh/sshd_config </dev/null >/dev/null 2>&1 &"
}

# restart_jeebsd HOST [PID...]: killed, and started anew in the same breath, while
# PIDs are killed between.
restart_jeebsd() {
	start_jeebsd "$1" 'kill -KILL "$(</run/jeebsd.pid)" "${@:2}"' "${@:2}"
}

# end_sshd HOST: on purpose, and sshd-adopt with it.
end_sshd() {
	lab exec "$1" -- bash -c 'kill "$(</run/sshd.pid)"'
	check "$1's sshd ends" within 5 eval "! lab exec $1 -- pgrep -x sshd-adopt"
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
