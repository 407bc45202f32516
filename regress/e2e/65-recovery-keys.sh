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
. "$top/regress/e2e/rotation.bash"
lab_up --input hold

# What alpha says of itself, and of both sessions, again and again.
watch_protection() {
	lab exec alpha -- bash -c 'until [[ -e $2 ]]; do "$1" status --json; done' \
		bash "$build/monitor/jeebsctl" "$scratch/stop-watching" \
		>"$scratch/watched.out"
}
# sealed N: both are, to N keys by now.
sealed() {
	(($(lab exec alpha -- grep -c 'session .: protected' /var/log/jeebsd.log) == 2 * $1))
}

rotation_up 3
serve_streams
login a vip
master m vip -L "127.0.0.1:7001:$TARGET:7000"
protected_again 2
stream both 127.0.0.1:7001 400000 400000
stream quiet 127.0.0.1:7001 none none
streams_run
watch_protection &
watch_job=$!
for n in 2 3; do
	an_hour_later "$n"
	check "all are sealed to it" within 10 sealed "$n"
done
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
