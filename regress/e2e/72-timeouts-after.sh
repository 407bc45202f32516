#!/bin/bash
# SPDX-License-Identifier: ISC
# ClientAlive, ChannelTimeout and UnusedConnectionTimeout work on an adopted
# connection, on clocks that begin anew with it.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up --set sshd.ClientAliveInterval=1 --set sshd.ClientAliveCountMax=4 \
	--set 'sshd.ChannelTimeout=session:shell=7s' \
	--set sshd.UnusedConnectionTimeout=2
ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}
# between WHAT GOT FROM TO, in ms
between() {
	if (($2 >= $3 && $2 <= $4)); then
		ok "$1: $2 ms"
	else
		fail "$1: after $2 ms, not between $3 and $4"
	fi
}
gone() {
	! kill -0 "$1" 2>/dev/null
}

# A shell that says nothing, one that does, and a client that will stop.
master idle vip
mkfifo "$scratch/silence"
exec 8<>"$scratch/silence"	# stdin that says nothing and doesn't end
over idle -tt vip <&8 >"$scratch/idle.out" 2>&1 &
shell=$!
# It is to time out after the crash, however long all this takes before.
for n in busy frozen; do
	login "$n" vip
	echo >&8
done
check "the shell is there" within 10 grep -aq '\$ ' "$scratch/idle.out"
adoptable 3
echo >&8
pty busy 'send \r'
crash_serving
lives busy
adopted=$(ms)
check "what became of it is said" within 5 grep -aq 'a new shell on' "$scratch/idle.out"
pty frozen "signal $(kill -l STOP)"
frozen=$(ms)
# Output for a client that reads none: only keepalives tell.
while ! gone "$shell" && (($(ms) - adopted < 20000)); do
	pty busy 'send \r'
	sleep 0.2
	if [[ ! ${dropped-} ]] && log_has "$survivor" sshd.log 'Timeout, client not responding'; then
		dropped=$(ms)
	fi
done
between "the idle shell is closed" $(($(ms) - adopted)) 4000 15000
closed=$(ms)
check "the connection without channels ends" within 10 gone "${master_job[idle]}"
between "that was" $(($(ms) - closed)) 500 6000
check "sshd says why" log_has "$survivor" sshd.log 'terminating inactive connection'
is "the stopped client was given up" "${dropped:+yes}" yes
between "that was" $((${dropped:-0} - frozen)) 3500 15000
pty frozen "signal $(kill -l CONT)"
check "it sees the end of its connection" pty frozen 'wait 10000'
is "its exit status" "$(jq .status <<<"$pty_answer")" 255
check "the busy one goes on" shell_answers busy 5000
no_login_on_survivor
lab_down

# A channel that timed out is closed by sshd at once; the client, which was
# stopped meanwhile, answers that when its host is another one.
unset dropped
lab_up --set 'sshd.ChannelTimeout=session:shell=3s'
master late vip
over late -tt vip <&8 >"$scratch/late.out" 2>&1 &
check "late: the shell is there" within 10 grep -aq '\$ ' "$scratch/late.out"
stopped=$(lab exec client -- pgrep -fx "ssh .* $scratch/late.ctl vip" | head -n 1)
lab exec client -- kill -STOP "$stopped"
check "late: it was there when the client stopped" eval \
	'lab exec alpha -- pgrep -u "$USER_NAME" -x bash >/dev/null'
check "late: the shell is closed" within 10 eval \
	'! lab exec alpha -- pgrep -u "$USER_NAME" -x bash >/dev/null'
adoptable 1
crash_serving
check "$survivor serves" within 10 eval '[[ $(serving) == "$survivor" ]]'
lab exec client -- kill -CONT "$stopped"
is "late: the connection goes on" "$(status_of late vip true)" 0
no_login_on_survivor
done_testing
