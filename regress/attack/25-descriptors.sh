#!/bin/bash
# SPDX-License-Identifier: ISC
# A user who logs in again and again, until jeebsd has no more descriptors for
# him, on hosts where those are few. His further sessions go on unprotected, and
# one line of the log says why; another user's are protected before and after;
# a standby that has fewer descriptors than a takeover needs at once adopts all
# that it holds, some after others.
. "$(dirname "$0")/../e2e/lib.bash"
. "$(dirname "$0")/hostile.bash"
# 16 places at the primary: (464 - 320) / 9.
export JEEBS_LAB_NOFILE=464
hostile_lab
check "places by the limit" log_has alpha jeebsd.log \
	'places for 16 sessions, by a limit of 464 descriptors'
all() {
	lab exec "$1" -- "$PROGRAMS/monitor/jeebsctl" status --json |
		jq "[.sessions_detail[] | select($2)] | length"
}
open_files() {
	lab exec "$1" -- bash -c "ls /proc/\$(cat /run/jeebsd.pid)/fd | wc -l"
}
# A standby that is started now has 8 places, and few descriptors for them.
idle=$(open_files beta)
lab crash beta
JEEBS_LAB_NOFILE=$((idle + 12)) lab boot beta
jeebsd_b=$(lab exec beta -- cat /run/jeebsd.pid)

crowd 12 ''
logged_in() {
	[[ $(grep -c 'Accepted publickey for lab' "$logs/alpha/log/sshd.log") -ge 12 ]]
}
check "12 sessions of a user" within 60 logged_in
refusal='user lab: not protected, like any further one: this user has had his share of 16 places'
check "the log says that it was enough" within 10 log_has alpha jeebsd.log "$refusal"
is "in one line" "$(lab exec alpha -- grep -c "$refusal" /var/log/jeebsd.log)" 1
# One is root's: 8 of the other 15 are where no more than that are left.
is "his sessions at jeebsd" "$(all alpha '.user == "lab"')" 8
check "the standby takes his share of its 8 places" within 20 log_has beta \
	jeebsd.log "dropped: this user's sessions have all of the places"
check "their sshd says why" log_has alpha sshd.log \
	"going on unprotected: (dropped by the standby: )?this user's sessions have all"
login late vip -l root
check "who comes later is protected" within 10 eval \
	'[[ $(all alpha ".user == \"root\" and .protected") == 2 ]]'
# They are alive: the clients' processes, and what they talk to.
is "his clients" "$(jobs -r | grep -c 'vip cat')" 12
held=$(all beta '.adoptable')
echo "primary: $(open_files alpha) of 464 descriptors; standby: $(open_files beta) of $((idle + 12)), $held sessions"
nothing_broke
lives late
adopted() {
	[[ $(lab exec beta -- grep -c 'adopted, [0-9]* bytes' /var/log/jeebsd.log) == "$held" ]]
}
check "all $held sessions were adopted" within 20 adopted
echo "descriptors ran out: $(lab exec beta -- grep -c 'Too many open files' \
	/var/log/jeebsd.log || :) lines"
done_testing
