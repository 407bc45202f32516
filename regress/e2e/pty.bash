# SPDX-License-Identifier: ISC
# Sessions on ptys, driven by ptyclient on the lab's client; for tests, the
# demo and benchmarks. Needs $top, $build, $scratch and lab().
declare -A pty_in pty_out pty_job pty_pid

# sweep_labs NAME: what killed runs left of labs named NAME.PID.
sweep_labs() {
	local dir pid
	for dir in "${JEEBS_LAB_DIR:-/run/jeebs-lab}/$1".*; do
		pid=${dir##*.}
		[[ ! -d $dir || -d /proc/${pid%-b} ]] || JEEBS_LAB=${dir##*/} lab down
	done
}

need_ptyclient() {
	ptyclient=$build/e2e/ptyclient
	[[ $ptyclient -nt $top/regress/e2e/ptyclient.cc ]] && return
	mkdir -p "$build/e2e"
	"${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -o "$ptyclient.$$" \
		"$top/regress/e2e/ptyclient.cc" -lutil
	mv "$ptyclient.$$" "$ptyclient"
}

# pty_start NAME CMD...: CMD on a pty of its own on client. pty_pid[NAME] is
# its process there, $scratch/pty-NAME.out what it printed.
pty_start() {
	local n=$1 in out
	shift
	need_ptyclient
	rm -f "$scratch/$n.in" "$scratch/$n.ans"
	mkfifo "$scratch/$n.in" "$scratch/$n.ans"
	lab exec client -- "$ptyclient" -l "$scratch/pty-$n.out" -- "$@" \
		<"$scratch/$n.in" >"$scratch/$n.ans" &
	pty_job[$n]=$!
	exec {in}>"$scratch/$n.in" {out}<"$scratch/$n.ans"
	pty_in[$n]=$in pty_out[$n]=$out
	IFS= read -r -u "$out" pty_answer
	pty_pid[$n]=$(jq .pid <<<"$pty_answer")
}

# pty NAME COMMAND...: sends it, leaves the JSON answer in pty_answer; its
# status is the answer's "ok".
pty() {
	pty_ask "$@"
	pty_reply "$1"
}

# The same in two steps, for several sessions at once.
pty_ask() {
	local n=$1
	shift
	if [[ $* =~ ^expect\ ([0-9]+)\ (.*)$ ]]; then
		set -- expect "$((BASH_REMATCH[1] * ${TIMEOUT_FACTOR:-1}))" \
			"${BASH_REMATCH[2]}"
	fi
	echo "$*" >&"${pty_in[$n]}"
}

pty_reply() {
	IFS= read -r -u "${pty_out[$1]}" pty_answer ||
		pty_answer='{"ok":false,"reason":"ptyclient is gone"}'
	[[ $pty_answer == *'"ok":true'* ]]
}

# Hangs up; the command is dead when it returns.
pty_stop() {
	local in=${pty_in[$1]} out=${pty_out[$1]}
	# Not by closing it alone: whoever was started meanwhile has it open too.
	echo quit >&"$in" || :
	exec {in}>&- {out}<&-
	wait "${pty_job[$1]}" || :
	unset "pty_in[$1]" "pty_out[$1]" "pty_job[$1]" "pty_pid[$1]"
}

# shell_answers NAME MS: asks the shell something that only it can answer
# within MS; leaves its host in shell_host.
shell_answers() {
	local a=$RANDOM b=$RANDOM
	shell_host=
	pty "$1" "send echo \$(($a+$b))-\$(hostname)\\r" &&
		pty "$1" "expect $2 $((a + b))-([a-z]+)" || return
	shell_host=$(jq -r .group <<<"$pty_answer")
	pty "$1" "expect $2 \\\$ \$"
}

# shell_pid NAME: the shell's own process, so that a new one can be told from it.
shell_pid() {
	pty "$1" 'send echo pid-$((0+$$))-\r' && pty "$1" 'expect 15000 pid-([0-9]+)-' || :
	jq -r .group <<<"$pty_answer"
	pty "$1" 'expect 5000 \$ $' || :
}
