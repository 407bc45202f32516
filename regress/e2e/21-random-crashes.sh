#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 1200
# CRASHES (2; the issue's 20) power cuts at random moments of an interactive
# session in use and of 10 idle ones. Each session is adopted, or ended at once
# with a reason that the survivor logged; an idle one is always adopted.
. "$(dirname "$0")/lib.bash"
crashes=${CRASHES:-2} idle=10
adopted=0 ended=0 lost=0
lab_up
for ((crash = 1; crash <= crashes; crash++)); do
	for ((i = 0; i <= idle; i++)); do
		[[ -n ${pty_pid[s$i]-} ]] || login "s$i" vip
	done
	[[ $(lab status --json | jq .sessions) == $((idle + 1)) ]] ||
		within 5 eval '[[ $(lab status --json | jq .sessions) == $((idle + 1)) ]]' ||
		fail "crash $crash: not all sessions are protected"
	# The interactive one types a command a few times a second, up to and
	# through the crash.
	(
		while :; do
			printf 'send echo $((%d+%d))\\r\n' "$RANDOM" "$RANDOM"
			sleep "0.0$((RANDOM % 10))"
		done
	) >&"${pty_in[s0]}" &
	typist=$!
	ms=$((RANDOM % 1000))
	sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
	crash_serving
	sleep 1
	kill "$typist"
	wait "$typist" 2>/dev/null || :
	# Its answers to the typist's commands, up to the one to this.
	echo 'stamp typed' >&"${pty_in[s0]}"
	while IFS= read -r -u "${pty_out[s0]}" pty_answer; do
		[[ $pty_answer != *'"name":"typed"'* ]] || break
	done
	pty s0 'sleep 200' || :
	pty s0 output || :
	for ((i = 0; i <= idle; i++)); do
		if shell_answers "s$i" 15000 && [[ $shell_host == "$survivor" ]]; then
			adopted=$((adopted + 1))
			continue
		fi
		why=$pty_answer
		if ((i == 0)) && pty "s$i" 'wait 1' &&
			log_has "$survivor" jeebsd.log 'session of lab from .* reset: '; then
			ended=$((ended + 1))
		else
			lost=$((lost + 1))
			fail "crash $crash, session $i: $why"
		fi
		pty_stop "s$i"
	done
	lab boot "$victim"
done
echo "$crashes crashes, $((crashes * (idle + 1))) sessions:" \
	"$adopted adopted, $ended ended at once with a reason, $lost lost"
is "adopted or ended honestly" $((adopted + ended)) $((crashes * (idle + 1)))
done_testing
