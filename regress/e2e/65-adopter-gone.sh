#!/bin/bash
# SPDX-License-Identifier: ISC
# While there is no sshd-adopt on the standby nobody could open a record: what comes
# meanwhile isn't called protected, and all are when it is back.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
lab_up
login a vip
protected_again
end_sshd beta
login b vip
# SESSION NAME: what alpha says of it.
of_alpha() {
	lab status --json | jq -r --arg at ":${port[$1]}\$" '.hosts.alpha.sessions_detail[] |
		select(.client | gsub(" "; ":") | test($at)) | "\(.protected) \(.reason)"'
}
declare -A port=([a]=$(port_of "${pty_pid[a]}") [b]=$(port_of "${pty_pid[b]}"))
unprotected() {
	[[ $(of_alpha "$1") == "false dropped by the standby: $2" ]]
}
check "a: unprotected" within 5 unprotected a "sshd-adopt ended on the standby"
check "b: unprotected" within 5 unprotected b "sshd-adopt isn't there"
is "the hosts say so" "$(lab status --json | jq .protected)" false
for n in a b; do
	check "$n: the shell answers" shell_answers "$n" 5000
done
start_sshd beta
protected_again
crash_serving
lives a
lives b
no_login_on_survivor
done_testing
