#!/bin/bash
# SPDX-License-Identifier: ISC
# What jeebsd can't see is wrong: a record that the session's key sealed, or
# nearly, with nonsense in it. At the takeover such a session is refused with a
# reason and reset; the honest one beside it goes on. And what a hostile process
# does to its ring without breaking a rule harms nobody.
. "$(dirname "$0")/../e2e/lib.bash"
. "$(dirname "$0")/hostile.bash"
hostile_lab

# Sessions that stay: their clients' ends of the pipe, by attack.
declare -A stays
stay() {
	hostile "$1"
	stays[$1]=$hostile_in
	check "$1: protected, for all that jeebsd sees" within 10 jeebsd_said 'session [0-9]+: protected'
	# The switch of the next one would cut it short.
	check "$1: all of it" within 10 sshd_said "$1: is done"
}
stay attack-bad-tag
stay attack-garbage-state
stay attack-garbage-keys
stay attack-no-keys
stay attack-too-many-objects
stay attack-header
stay attack-pipes
check "the pipes are full" within 10 sshd_said 'attack-pipes: pipes are full'
stay attack-resize
within 10 sshd_said 'attack-resize: seal against jeebsd' || :
is "attempts to change the ring's size or seals that failed" "$(tail -c \
	"+$((sshd_mark + 1))" "$logs/alpha/log/sshd.log" |
	grep -Ec 'attack-resize: .*: (Operation not permitted|Device or resource busy)')" 8
lab switch alpha
jeebsd_mark=0
# Nothing here has an end that could be waited for: beta must hold it all.
within 10 eval '[[ $(lab exec beta -- "$PROGRAMS/monitor/jeebsctl" status --json |
	jq "[.sessions_detail[] | select(.adoptable)] | length") == 9 ]]' ||
	fail "beta doesn't hold nine sessions"
nothing_broke
reset_for() {
	check "$1" within 10 log_has beta jeebsd.log "session of lab from .* reset: $2"
}
reset_for "a wrong tag is refused" 'records: message authentication code incorrect'
reset_for "state that is none is refused" 'records: invalid format'
reset_for "keys that are none are refused" "its sshd-adopt worker ended|keys"
reset_for "no keys are refused" 'records: no keys'
reset_for "too many objects are refused" 'records: insufficient buffer space'
lab exec beta -- grep -E 'reset: ' /var/log/jeebsd.log || :
# The honest one, and those that lie to themselves: header, pipes, size.
is "sessions that were adopted" "$(lab exec beta -- grep -c 'adopted, [0-9]* bytes' \
	/var/log/jeebsd.log)" 4
done_testing
