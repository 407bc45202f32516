# SPDX-License-Identifier: ISC
# For tests in which user-owned sshd processes turn hostile (jeebs-hostile.c):
# source it after e2e/lib.bash. The programs are those of "make testing".
logs=${JEEBS_LAB_DIR:-/run/jeebs-lab}/$JEEBS_LAB/hosts

# And an honest session of root, which nothing may disturb. A crowd's logins at
# one time are not what sshd's own limit is to thin out.
# ARGS: of the lab.
hostile_lab() {
	local times=()
	# Sanitized programs on a busy machine must not look like dead ones.
	[[ -z ${JEEBS_REPORTS-} ]] ||
		times=(--set timing.detect=2s --set timing.alone-after=8s)
	lab_up --testing --set sshd.MaxStartups=100 "${times[@]}" "$@"
	login honest vip -l root
	jeebsd_a=$(lab exec alpha -- cat /run/jeebsd.pid)
	jeebsd_b=$(lab exec beta -- cat /run/jeebsd.pid)
}

# From here on said_since and sshd_said look at new lines of alpha's logs.
mark() {
	jeebsd_mark=$(stat -c %s "$logs/alpha/log/jeebsd.log")
	sshd_mark=$(stat -c %s "$logs/alpha/log/sshd.log")
}
jeebsd_said() {
	tail -c "+$((jeebsd_mark + 1))" "$logs/alpha/log/jeebsd.log" | grep -Eq "$1"
}
sshd_said() {
	tail -c "+$((sshd_mark + 1))" "$logs/alpha/log/sshd.log" | grep -Eq "$1"
}

# hostile ATTACK: a session of lab whose process begins it. Nothing else may
# log in meanwhile.
hostile() {
	mark
	lab switch alpha "$1"
	rm -f "$scratch/hostile.in"
	mkfifo "$scratch/hostile.in"
	lab exec client -- ssh -F "$SSH_CONFIG" vip cat \
		<"$scratch/hostile.in" >"$scratch/$1.out" 2>&1 &
	hostile_job=$!
	exec {hostile_in}>"$scratch/hostile.in"
	within 15 sshd_said "$1: begins" || fail "$1 didn't begin"
}

# crowd N ATTACK: N more sessions of lab, whose processes begin it. Ends with
# the test, or by crowd_end.
crowd=()
crowd() {
	local n=$1 i in
	mark
	lab switch alpha ${2:+"$2"}
	for ((i = 1; i <= n; i++)); do
		rm -f "$scratch/crowd.in"
		mkfifo "$scratch/crowd.in"
		lab exec client -- ssh -F "$SSH_CONFIG" vip cat \
			<"$scratch/crowd.in" >/dev/null 2>>"$scratch/crowd.out" &
		crowd+=($!)
		exec {in}>"$scratch/crowd.in"
	done
}
crowd_size() {
	lab exec "${1-alpha}" -- "$PROGRAMS/monitor/jeebsctl" status --json |
		jq '[.sessions_detail[] | select(.user == "lab")] | length'
}

# Switch off, end of its input, session over.
hostile_end() {
	lab switch alpha
	exec {hostile_in}>&-
	wait "$hostile_job" || :
	within 10 eval '[[ $(session_of lab) == null ]]' ||
		fail "the hostile session doesn't end"
}

# alpha's status of user USER's session, as JSON
session_of() {
	lab exec alpha -- "$PROGRAMS/monitor/jeebsctl" status --json |
		jq -c --arg u "$1" '[.sessions_detail[] | select(.user == $u)][0]'
}
honest_is_protected() {
	[[ $(session_of root | jq .protected) == true ]]
}

# rss HOST PID: of jeebsd, in MB
rss() {
	lab exec "$1" -- awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$2/status"
}

# Time of day in milliseconds
ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}
# worst N CMD...: the longest of N runs, in $took
worst() {
	local n=$1 start t
	shift
	took=0
	while ((n-- > 0)); do
		start=$(ms)
		"$@" || took=99999
		t=$(($(ms) - start))
		((t <= took)) || took=$t
	done
}

# After all: the same jeebsd, and the honest session still fails over.
nothing_broke() {
	is "alpha's jeebsd is the same process" \
		"$(lab exec alpha -- cat /run/jeebsd.pid)" "$jeebsd_a"
	check "and lives" lab exec alpha -- kill -0 "$jeebsd_a"
	check "beta's lives" lab exec beta -- kill -0 "$jeebsd_b"
	check "the honest session is protected" within 10 honest_is_protected
	check "alpha served all the time" eval \
		'! log_has alpha jeebsd.log "standby_joining: was primary|retired"'
	crash_serving
	lives honest
	no_login_on_survivor
}

# peaks ALLOWED: asks both honest sessions and looks at both jeebsd; raises
# echoes (ms; ALLOWED as of worst), rss_a and rss_b (MB) to what it found.
peaks() {
	local n t
	for n in honest late; do
		worst "$1" shell_answers "$n" 10000
		((took <= echoes)) || echoes=$took
	done
	t=$(rss alpha "$jeebsd_a")
	((t <= rss_a)) || rss_a=$t
	t=$(rss beta "$jeebsd_b")
	((t <= rss_b)) || rss_b=$t
}
