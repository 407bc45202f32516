#!/bin/bash
# SPDX-License-Identifier: ISC
# A user's process that gives jeebsd all that it can: floods of records, rings that
# move by a byte, pipes that never are empty, records without an end, more than
# anybody can hold. Meanwhile an honest session's keys are echoed and committed,
# jeebsd's control socket answers, no host takes over, memory stays bounded.
. "$(dirname "$0")/../e2e/lib.bash"
. "$(dirname "$0")/hostile.bash"
hostile_lab

# What an honest user may have to wait for a line's answer, and an administrator
# for a status, under attack on a machine of two cores; in milliseconds.
patience=$((1500 * ${TIMEOUT_FACTOR:-1}))
# Memory of a jeebsd, in MB: the limits of one session and what is on its way.
# A sanitizer's shadow, and what it keeps of freed memory, have no such bound.
memory=160
[[ -z ${JEEBS_REPORTS-} ]] || memory=

# under ATTACK SECONDS
under() {
	local end rss_a=0 rss_b=0 echoes=0 answers=0 rounds=0
	hostile "$1"
	# One session is older than the attacker's, this one younger.
	login late vip -l root
	end=$((SECONDS + $2 + 1))
	while ((SECONDS < end)); do
		peaks 2
		worst 1 eval 'session_of root | grep -q "\"protected\":true"'
		((took <= answers)) || answers=$took
		rounds=$((rounds + 1))
	done
	echo "$1: echo $echoes ms, status $answers ms, RSS $rss_a and $rss_b MB, $rounds rounds"
	check "$1: the honest session's keys are echoed" eval "((echoes <= patience))"
	check "$1: jeebsd answers" eval "((answers <= patience))"
	[[ -z $memory ]] || check "$1: jeebsd's memory is bounded" \
		eval "((rss_a <= memory && rss_b <= memory))"
	pty_stop late
	hostile_end
}
under attack-tiny-checkpoints 2
under attack-tiny-progress 2
under attack-large-checkpoints 3
under attack-never-acked 2
under attack-unfinished 1
under attack-hoard 1
under attack-byte-by-byte 3
under attack-kick-flood 3
under attack-scribble 2
nothing_broke
done_testing
