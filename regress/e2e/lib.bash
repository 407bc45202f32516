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

need_ptyclient() {
	ptyclient=$build/e2e/ptyclient
	[[ $ptyclient -nt $top/regress/e2e/ptyclient.cc ]] && return
	mkdir -p "$build/e2e"
	"${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -o "$ptyclient.$$" \
		"$top/regress/e2e/ptyclient.cc" -lutil
	mv "$ptyclient.$$" "$ptyclient"
}

# pty_start CMD...: CMD on a pty on client. One at a time per test shell.
pty_start() {
	need_ptyclient
	coproc PTY { lab exec client -- "$ptyclient" -l "$scratch/pty.out" -- "$@"; }
	pty_in=${PTY[1]} pty_out=${PTY[0]} pty_job=$PTY_PID
	IFS= read -r -u "$pty_out" pty_answer
	pty_pid=$(jq .pid <<<"$pty_answer")
}

# pty COMMAND: sends it, leaves the answer in pty_answer; status is its "ok".
pty() {
	echo "$*" >&"$pty_in"
	IFS= read -r -u "$pty_out" pty_answer ||
		pty_answer='{"ok":false,"reason":"ptyclient is gone"}'
	[[ $(jq .ok <<<"$pty_answer") == true ]]
}

pty_stop() {
	exec {pty_in}>&-
	wait "$pty_job" || :
}

# pty_hostname: types the question, leaves what the shell answers in shell_host.
pty_hostname() {
	local a=$RANDOM b=$RANDOM
	shell_host=
	pty "send echo \$(($a+$b))-\$(hostname)\\r" || return
	pty "expect 10000 $((a + b))-([a-z]+)" || return
	shell_host=$(jq -r .group <<<"$pty_answer")
	pty 'expect 5000 \$ $'
}
