# SPDX-License-Identifier: ISC
# For end-to-end tests: source it, call `ok`/`fail`/`check`, end with `done_testing`.
# Each run has a lab of its own name and leaves nothing behind; what the hosts
# logged is kept in build/e2e/logs/TEST when it failed.
set -eu -o pipefail
shopt -s inherit_errexit

tid=$(basename "$0" .sh)
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
export JEEBS_LAB=${JEEBS_LAB:-e2e-$tid.$$}
export PATH=$PATH:/usr/sbin:/sbin
scratch=$(mktemp -d "${TMPDIR:-/tmp}/jeebs-$tid.XXXXXX")
passed=0 failures=0 finished=

lab() {
	"$top/regress/lab" "$@"
}

# SKIP is not success: run-tests counts 77 as skipped and says why.
skip() {
	echo "skip: $tid: $*"
	finished=skip
	exit 77
}

# With the programs of regress/sanitize/check the test says nothing: WHY
unsanitized() {
	[[ -z ${JEEBS_REPORTS-} ]] || skip "not with sanitizers: $*"
}

ok() {
	passed=$((passed + 1))
	echo "ok: $tid: $*"
}

fail() {
	failures=$((failures + 1))
	echo "FAIL: $tid: $*"
}

# check WHAT CMD...: ok when CMD succeeds.
check() {
	local what=$1
	shift
	if "$@"; then ok "$what"; else fail "$what"; fi
}

# is WHAT GOT WANT
is() {
	if [[ $2 == "$3" ]]; then ok "$1"; else fail "$1: got \"$2\", not \"$3\""; fi
}

done_testing() {
	no_service_crashed
	audit
	finished=yes
	((passed + failures > 0)) || fail "nothing was tested"
	((failures == 0))
}

# What the test started, and the lab: gone, however the test ended.
cleanup() {
	local status=$? pid
	trap - EXIT
	if [[ -z $finished ]]; then
		echo "FAIL: $tid: stopped early (status $status)"
		status=1
	fi
	((failures == 0)) || status=1
	if ((status != 0 && status != 77)); then
		mkdir -p "$build/e2e/logs"
		rm -rf "$build/e2e/logs/$tid"
		mkdir "$build/e2e/logs/$tid"
		local h
		for h in alpha beta client target; do
			lab log "$h" >"$build/e2e/logs/$tid/$h.log" 2>/dev/null || :
		done
		lab status --json >"$build/e2e/logs/$tid/status.json" 2>/dev/null || :
		[[ $finished ]] || audit || :
		cp -r "$scratch"/*.out "$scratch/evidence" "$build/e2e/logs/$tid/" \
			2>/dev/null || :
		echo "logs: $build/e2e/logs/$tid"
	fi
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || :
	done
	[[ ${E2E_KEEP_LAB-} ]] || lab down
	rm -rf "$scratch"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# lab_up ARGS...: up, with its variables set. LAB_ARGS="--mirror off", say, runs
# a test under other settings. Every lab is audited but those with --stock, and
# those before which `unaudited` is set to the reason why that can't be. What a test
# that says $family for the service does over IPv6, too, takes $target and $iptables.
family=vip
[[ $tid != *-v6 ]] || family=vip6
lab_up() {
	local audit=--audit
	if [[ " $* " == *" --stock "* || ${unaudited-} ]]; then
		audit=
		[[ -z ${unaudited-} ]] || echo "not audited: $unaudited"
	fi
	# shellcheck disable=SC2086
	lab up $audit ${LAB_ARGS-} "$@"
	eval "$(lab env)"
	target=$TARGET iptables=iptables
	[[ $family == vip ]] || target="[$TARGET6]" iptables=ip6tables
	recording=$audit
}

# What regress/audit says of all that the hosts of this lab did.
audit() {
	[[ ${recording-} ]] || return 0
	recording=
	if lab audit >"$scratch/audit.out" 2>&1; then
		ok "audit: $(tail -n 1 "$scratch/audit.out")"
	else
		fail "audit: $(tail -n 1 "$scratch/audit.out")"
	fi
	((failures == 0)) || lab evidence "$scratch/evidence"
	sed 's/^/    /' "$scratch/audit.out"
}

# audit_finds RULE...: of a lab of mutants: the auditor says so, of each RULE.
audit_finds() {
	local rule
	recording=
	refuses "the auditor finds something" eval 'lab audit >"$scratch/audit.out"'
	for rule; do
		check "audit: $rule" grep -E "^audit: [0-9.]+ $rule: " "$scratch/audit.out"
	done
	sed 's/^/    /' "$scratch/audit.out"
}

# No service of alpha or beta ended by itself, which a failover would hide, and
# none wrote a sanitizer's report to its log.
no_service_crashed() {
	local said
	said=$(grep -shE 'ERROR: [A-Za-z]*Sanitizer|: runtime error: ' \
		"${JEEBS_LAB_DIR:-/run/jeebs-lab}/$JEEBS_LAB"/hosts/{alpha,beta}/log/*.log || :)
	[[ -z $said ]] || fail "a sanitizer's report: $said"
	said=$(grep -shE ' ended with status (13[1-689]|14[0-9]|15[0-9])$' \
		"${JEEBS_LAB_DIR:-/run/jeebs-lab}/$JEEBS_LAB"/hosts/{alpha,beta}/log/*.log || :)
	[[ -z $said ]] || fail "a service crashed: $said"
}

# For tests that need another lab, or none.
lab_down() {
	no_service_crashed
	audit
	lab down
}

. "$top/regress/e2e/pty.bash"
sweep_labs "e2e-$tid"

# serving: the host that serves, "null" for none.
serving() {
	lab status --json | jq -r .serving
}

other() {
	[[ $1 == alpha ]] && echo beta || echo alpha
}

# An interactive session with the stock client, up to its prompt.
login() {
	local n=$1 host=$2
	shift 2
	pty_start "$n" ssh -F "$SSH_CONFIG" "$@" "$host"
	check "$n: login" pty "$n" 'expect 10000 \$ $'
}

# protected_again [N]: the hosts say so, and of each session of this test, or of N
# sessions: one that a new jeebsd has not met yet would answer as if it were
# nobody's business.
protected_again() {
	local sessions=${1-${#pty_in[@]}}
	check "protected again" within 20 eval 'lab status --json |
		jq -e --argjson n "$sessions" ".serving as \$h | .protected and
		([.hosts[\$h].sessions_detail[] | select(.protected)] |
		length) == \$n" >/dev/null'
}

# crash_serving: power cut for the host that serves; sets victim and survivor.
crash_serving() {
	victim=$(serving)
	survivor=$(other "$victim")
	lab crash "$victim"
}

# lives NAME [MS]: the same client process, now served by $survivor.
lives() {
	local n=$1 ms=${2-15000}
	if ! shell_answers "$n" "$ms"; then
		fail "$n: after the crash of $victim: $pty_answer"
		return
	fi
	is "$n: served by" "$shell_host" "$survivor"
	check "$n: the same client process" pty "$n" alive
}

# log_has HOST FILE REGEX: a line of HOST's /var/log/FILE.
log_has() {
	lab exec "$1" -- grep -Eq "$3" "/var/log/$2"
}

# within SECONDS CMD...: CMD comes true in that time.
within() {
	local end=$((SECONDS + $1 * ${TIMEOUT_FACTOR:-1} + 1))
	shift
	until "$@" 2>/dev/null; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# stopped_where HOST PID CMD...: the process stands still, and CMD succeeds; or it goes on.
stopped_where() {
	lab exec "$1" -- kill -STOP "$2"
	within 1 "${@:3}" || {
		lab exec "$1" -- kill -CONT "$2"
		return 1
	}
}

# No login on the survivor: what lives there was adopted.
no_login_on_survivor() {
	if log_has "$survivor" sshd.log 'Accepted publickey'; then
		fail "somebody logged in on $survivor"
	else
		ok "nobody logged in on $survivor"
	fi
}

# capture HOST NAME FILTER...: tcpdump on HOST's LAN card, ready when it returns; the
# heads of packets: each takes a place of a whole one in the kernel's ring else.
declare -A capture_said
capture() {
	local host=$1 name=$2
	shift 2
	rm -f "$scratch/$name.err"
	lab exec "$host" -- tcpdump -Unl --immediate-mode -s 192 -B 4096 -i svc0 \
		-w "$scratch/$name.pcap" "$@" 2>"$scratch/$name.err" &
	capture_job=$!
	until grep -q listening "$scratch/$name.err" 2>/dev/null; do
		kill -0 "$capture_job" || return
		sleep 0.01
	done
	capture_pid=$(last_descendant "$capture_job")
	capture_said[$capture_pid]=$scratch/$name.err
}

# tcpdump itself: a signal to what waits for it would leave it running. A host
# that died took it along.
stop_capture() {
	kill "$capture_pid" 2>/dev/null || :
	wait "$capture_job" || :
	[[ ! -e /proc/$capture_pid ]] || fail "tcpdump $capture_pid lives on"
	! grep "[1-9][0-9]* packets* dropped" "${capture_said[$capture_pid]}" ||
		fail "the capture is not whole"
}

# Child of child of ... PID, each the only one.
last_descendant() {
	local pid=$1 child
	while child=$(<"/proc/$pid/task/$pid/children") && [[ $child ]]; do
		pid=${child% }
	done
	echo "$pid"
}

# Packets of a stopped capture, one a line, with the time of day in seconds.
captured() {
	tcpdump -ttnr "$scratch/$1.pcap" "${@:2}" 2>/dev/null
}

# refuses WHAT CMD...: ok when CMD fails.
refuses() {
	local what=$1
	shift
	if "$@" 2>/dev/null; then fail "$what"; else ok "$what"; fi
}

# The second at which HOST's link last fell silent.
dark_at() {
	jq -r --arg h "$1" 'select(.event == "dark" and .host == $h) | .realtime' \
		"${JEEBS_LAB_DIR:-/run/jeebs-lab}/$JEEBS_LAB/events" | tail -n 1
}

# signal_jeebsd HOST SIGNAL
signal_jeebsd() {
	lab exec "$1" -- bash -c "kill -$2 \"\$(</run/jeebsd.pid)\""
}

# jeebsd_gone HOST: the one that was started there last.
jeebsd_gone() {
	lab exec "$1" -- bash -c '[[ ! -e /proc/$(</run/jeebsd.pid)/exe ]]'
}

# Killed, and given up by its service manager.
stop_jeebsd() {
	signal_jeebsd "$1" KILL
	lab exec "$1" -- "$build/e2e/keeper" drop /run/keeper
}

# For a script of `lab exec`: what it starts must not hold what the test has open.
close_inherited='for f in /proc/$$/fd/*; do
		((${f##*/} <= 2 || ${f##*/} == 255)) || eval "exec ${f##*/}>&-"
	done
'

# start_jeebsd HOST [COMMAND ARGS...]: as its service would, right after COMMAND.
start_jeebsd() {
	lab exec "$1" -- bash -c "${2-}
		$close_inherited"'
		setsid "$0" run /run/keeper "$1/monitor/jeebsd" \
			-f /etc/jeebs/jeebsd.conf </dev/null >>/var/log/jeebsd.log 2>&1 &
		echo $! >/run/jeebsd.pid' "$build/e2e/keeper" "$PROGRAMS" "${@:3}"
}
