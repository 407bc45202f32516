# SPDX-License-Identifier: ISC
# Connections that others share (ssh -M), and what runs over them. Source it
# after lib.bash.
declare -A master_job

# master NAME ARGS...: a connection without a session of its own; what it says
# is in $scratch/master-NAME.out. $ssh_env (NAME=VALUE...) is its environment.
ssh_env=()
master() {
	local n=$1
	shift
	lab exec client -- env "${ssh_env[@]}" ssh -F "$SSH_CONFIG" -v \
		-M -N -S "$scratch/$n.ctl" "$@" </dev/null 2>"$scratch/master-$n.out" &
	master_job[$n]=$!
	check "$n: login" within 15 test -S "$scratch/$n.ctl"
}

# over NAME ARGS...: ssh on that connection, never on one of its own, for at
# most $over_seconds.
over_seconds=30
over() {
	local n=$1
	shift
	lab exec client -- env "${ssh_env[@]}" timeout "$over_seconds" ssh -F "$SSH_CONFIG" \
		-S "$scratch/$n.ctl" -o ControlMaster=no -o ProxyCommand=false "$@"
}

# status_of NAME ARGS...: its exit status, on stdout; stderr is in over.err.
status_of() {
	local status=0
	over "$@" </dev/null >"$scratch/over.out" 2>"$scratch/over.err" || status=$?
	echo "$status"
}

# adoptable N: the standby could go on with N sessions.
adoptable() {
	check "$1 adoptable" within 10 is_adoptable "$1"
}

is_adoptable() {
	lab status --json | jq -e --argjson n "$1" '. as $s | $s.standby as $h |
		[$s.hosts[$h].sessions_detail[]? | select(.adoptable)] | length == $n' \
		>/dev/null
}

# reconfigure TEXT: more lines for both sshd_config files, read at once.
reconfigure() {
	local h
	for h in alpha beta; do
		lab exec "$h" -- sh -c 'printf "%s\n" "$1" >>/etc/ssh/sshd_config &&
			kill -HUP "$(cat /run/sshd.pid)"' sh "$1"
		check "$h: sshd reads its settings" within 10 has_read "$h"
	done
}

has_read() {
	(($(lab exec "$1" -- grep -c 'Server listening' /var/log/sshd.log) >= 4))
}

# Two runs of a battery must have said the same: before and after the crash.
same_as_before() {
	if diff -u "$scratch/$1-before.out" "$scratch/$1-after.out"; then
		ok "$1: as before the crash ($(wc -l <"$scratch/$1-after.out") lines)"
	else
		fail "$1: differs from what it was before the crash"
	fi
}
