#!/bin/bash
# SPDX-License-Identifier: ISC
# A session ends while no jeebsd is there, and the one that is started anew can't know:
# its client hears nothing of it for a minute, which is a short one here, and then, as
# it sends something, that the connection is closed. Another one goes on, protected.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
# That of timers; all that the fence rests on has CLOCK_BOOTTIME.
build_ahead monitor/jeebsd CLOCK_MONOTONIC
lab_up --set "timing.detect=${detect}ms"
LD_PRELOAD=$scratch/ahead.so restart_jeebsd beta
login a vip
login c vip
pty c 'send echo pid-$PPID-\r'
check "c's sshd" pty c 'expect 5000 pid-([0-9]+)-'
sshd=$(jq -r .group <<<"$pty_answer")
mon=$(lab exec alpha -- sed 's/.*) . //; s/ .*//' "/proc/$sshd/stat")
protected_again
LD_PRELOAD=$scratch/ahead.so restart_jeebsd alpha "$sshd" "$mon"
check "a goes on" shell_answers a 5000
protected_again 1
is "who serves" "$(serving)" alpha
links() {
	lab exec alpha -- grep -c 'link: up' /var/log/jeebsd.log
}
links=$(links)
# Less at a time than ends a silent link; the pause is for both to hear each other.
for ((clock = 1; clock <= 40; clock++)); do
	set_ahead "$clock"
	((clock != 25)) || pty c 'send x'
	! pty c 'wait 200' || break
done
is "seconds without a word to c's client" "$((clock - 1))" 40
for (( ; clock <= 60; clock++)); do
	set_ahead "$clock"
	pty c 'wait 200' || :
done
if (($(links) != links)); then
	echo "the link was lost: it is five minutes"
	set_ahead 300
fi
check "c's client hears of it after that" pty c 'wait 30000'
is "as of a lost connection" "$(jq .status <<<"$pty_answer")" 255
pty_stop c
check "a answers" shell_answers a 5000
protected_again
crash_serving
lives a
done_testing
