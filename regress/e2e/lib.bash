# SPDX-License-Identifier: ISC
# For end-to-end tests: source it, call `ok`/`fail`/`check`, end with `done_testing`.
# Each test has a lab of its own name and leaves nothing behind; what the hosts
# logged is kept in build/e2e/logs/TEST when it failed.
set -eu -o pipefail
shopt -s inherit_errexit

tid=$(basename "$0" .sh)
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
export JEEBS_LAB=${JEEBS_LAB:-e2e-$tid}
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
		cp "$scratch"/*.out "$build/e2e/logs/$tid/" 2>/dev/null || :
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

# lab_up ARGS...: up, with its variables set.
lab_up() {
	lab up "$@"
	eval "$(lab env)"
}

. "$top/regress/e2e/pty.bash"

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
