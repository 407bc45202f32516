#!/bin/bash
# SPDX-License-Identifier: ISC
# What a client sent, what TCP acknowledged and what sshd never read is not lost
# with the host, and no switch mirrors it: a session process is stopped in the
# middle of an upload until the client can send no more, then the power is cut.
. "$(dirname "$0")/lib.bash"
lab_up --mirror off
login a "$family" -M -S "$scratch/mux"
lab exec client -- bash -c "ssh -F '$SSH_CONFIG' -S '$scratch/mux' $family \
	'cat >/dev/null' </dev/zero" 2>"$scratch/upload.out" &
upload=$!

# in HELD of the session, as the standby says.
held() {
	lab status --json | jq -r '.hosts.beta.sessions_detail[0] |
		"\(.in) \(.held) \(.covered)"'
}
moves() {
	local before
	read -r before _ < <(held)
	sleep 0.1
	read -r after _ < <(held)
	((after > before + 100000))
}
check "the upload runs" within 10 moves
pa=$(lab exec alpha -- pgrep -u lab -f 'sshd-session: lab')
lab exec alpha -- kill -STOP "$pa"
stands() {
	local before=$state
	sleep 0.3
	state=$(held)
	[[ $state == "$before" ]]
}
state=
check "the client can send no more" within 10 stands
read -r in held covered <<<"$state"
echo "$((held - in)) bytes that sshd hasn't read"
# A window full of it, or what was left of its channel's.
check "it is some" test $((held - in)) -gt 10000
is "all of it is held" "$covered" true
# TCP had all of that, and the client believes it.
queued=$(lab exec alpha -- ss -Htno state established "sport = :$PORT" |
	awk '{ print $1 }')
check "TCP holds no more than the standby" test "$queued" -le $((held - in))
victim=alpha survivor=beta
lab crash alpha
wait "$upload" && status=0 || status=$?
is "the upload ends with" "$status" 255
lives a
check "nothing was reset" eval '! log_has beta jeebsd.log "reset:"'
done_testing
