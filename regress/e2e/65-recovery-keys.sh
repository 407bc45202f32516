#!/bin/bash
# SPDX-License-Identifier: ISC
# Recovery keys are replaced each hour, which passes at once for sshd-adopt here:
# sessions and forwards stay protected, are sealed to the new key, and go on with it
# when the one to which they were sealed first is gone.
# timeout: 90
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/fencing.bash"
lab_up --input hold
build_ahead sshd-adopt CLOCK_BOOTTIME
lab exec beta -- bash -c 'kill "$(</run/sshd.pid)"'
check "beta's sshd ends" within 5 eval '! lab exec beta -- pgrep -x sshd-adopt'
LD_PRELOAD=$scratch/ahead.so start_sshd beta

# ask N: sshd-adopt for its key, and for new ones, up to N of them.
ask() {
	lab exec beta -- timeout 60 python3 -uc '
import hashlib, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/jeebs/adopt.sock")
for _ in range(int(sys.argv[1])):
    print(hashlib.sha256(s.recv(65536)).hexdigest())' "$1"
}
keys() {
	(($(sort -u "$scratch/keys.out" | wc -l) == $1))
}
# What alpha says of itself, and of both sessions, again and again.
watch_protection() {
	lab exec alpha -- bash -c 'until [[ -e $2 ]]; do "$1" status --json; done' \
		bash "$build/monitor/jeebsctl" "$scratch/stop-watching" \
		>"$scratch/watched.out"
}
sealed() {
	(($(lab exec alpha -- grep -c 'session .: protected' /var/log/jeebsd.log) == 2 * $1))
}
# an_hour_later N: there is key N, and both sessions are sealed to it.
an_hour_later() {
	set_ahead "$((3600 * ($1 - 1)))"
	# It sleeps until then otherwise.
	ask 1 >"$scratch/key.out"
	check "key $1" within 5 keys "$1"
	check "all are sealed to it" within 10 sealed "$1"
}

check "sshd-adopt is back" within 10 eval \
	'(($(lab exec beta -- grep -c "adopt.sock: connected" /var/log/jeebsd.log) == 2))'
ask 3 >"$scratch/keys.out" &
check "its key" within 5 keys 1
serve_streams
login a vip
master m vip -L "127.0.0.1:7001:$TARGET:7000"
protected_again 2
stream both 127.0.0.1:7001 400000 400000
stream quiet 127.0.0.1:7001 none none
streams_run
watch_protection &
watch_job=$!
an_hour_later 2
an_hour_later 3
touch "$scratch/stop-watching"
wait "$watch_job"
is "protected, all the while" "$(jq -c '[.protected, (.sessions_detail[] | .protected)]' \
	"$scratch/watched.out" | sort -u)" '[true,true,true]'
check "the shell answers" shell_answers a 5000
crash_serving
lives a
check "all are adopted" within 10 log_has beta jeebsd.log 'takeover done: 2 of 2'
end_streams 20
target_saw_nothing 2
no_login_on_survivor
done_testing
