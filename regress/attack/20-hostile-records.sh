#!/bin/bash
# SPDX-License-Identifier: ISC
# A user's process writes records that claim to be others, and breaks the rings
# and the frames they go through: refused by jeebsd with a line in the log, at
# once; its own session goes on unprotected, everybody else's untouched.
. "$(dirname "$0")/../e2e/lib.bash"
. "$(dirname "$0")/hostile.bash"
hostile_lab

# refused ATTACK REASON
refused() {
	hostile "$1"
	if within 10 jeebsd_said "session [0-9]+: bad record from sshd: $2; protection ends"; then
		ok "$1: refused: $2"
	else
		fail "$1: not refused: $(session_of lab)"
	fi
	check "$1: its session is not protected any more" within 10 eval \
		'session_of lab | grep -Eq "\"state\":\"known\",\"protected\":false|^null"'
	hostile_end
}
envelope="record's envelope: invalid format"
refused attack-magic "$envelope"
refused attack-compat "$envelope"
refused attack-flags "$envelope"
refused attack-type "$envelope"
refused attack-root 'second root record'
refused attack-other-session 'record of another incarnation'
refused attack-epoch-older 'record of another epoch'
refused attack-epoch-newer 'record of another epoch'
refused attack-seq-twice 'hole in the sequence of records'
refused attack-seq-hole 'hole in the sequence of records'
refused attack-seq-wrap "$envelope"
refused attack-twice 'hole in the sequence of records'
refused attack-swapped 'hole in the sequence of records'
refused attack-in-back 'input offset went backwards'
refused attack-in-wrap "$envelope"
ahead='input consumed up to byte [0-9]+, its client has sent [0-9]+'
refused attack-consumed-ahead "$ahead"
check "and the standby's log says why" within 10 log_has beta jeebsd.log \
	"user lab, given up by the primary: bad record from sshd: $ahead"
refused attack-out-hole 'hole in the output stream'
refused attack-out-back '(hole in the output stream|record.s envelope: invalid format)'
refused attack-out-wrap "$envelope"
refused attack-acked-back 'acknowledged offset went backwards'
refused attack-acked-beyond "$envelope"
refused attack-stream-long "record's length isn't what its envelope says"
refused attack-stream-max "$envelope"
refused attack-length-wrap "($envelope|record's length isn't what its envelope says)"
refused attack-cut 'record of 87 bytes in the ring'
refused attack-long "record's length isn't what its envelope says"
# Its own sshd ends it too: the chain that it seals has an end.
refused attack-after-end 'record after END'
refused attack-oversized-frame 'record of 4294967295 bytes in the ring'
refused attack-empty-frame 'record of 0 bytes in the ring'
refused attack-head-ahead "ring's head is out of range"
refused attack-head-back "ring's head is out of range"
refused attack-head-max "ring's head is out of range"
login adopted vip
nothing_broke
lives adopted
# The socket of an adopted session counts from its adoption on.
lab switch beta attack-consumed-ahead
lab boot alpha --no-wait
check "adopted, it lies: refused as well" within 20 log_has beta jeebsd.log \
	"bad record from sshd: $ahead; protection ends"
check "the honest one, adopted, is protected" within 20 eval \
	'[[ $(lab exec beta -- "$PROGRAMS/monitor/jeebsctl" status --json |
	jq -c "[.sessions_detail[] | select(.user == \"root\")][0].protected") == true ]]'
done_testing
