# SPDX-License-Identifier: ISC
# One control group per host: it says which processes are the lab's, and it
# freezes. cgroup v2 where there is one, else v1's freezer, else none: then
# pause sends SIGSTOP to each process (which a parent can see, unlike frost).

freezer_find() {
	freezer=$(findmnt -rno TARGET -t cgroup2 | head -n 1)
	[[ -z $freezer || ! -w $freezer/cgroup.procs ]] || return 0
	freezer=$(findmnt -rno TARGET,OPTIONS -t cgroup |
		awk '$2 ~ /(^|,)freezer(,|$)/ { print $1; exit }')
	[[ -z $freezer || ! -w $freezer/cgroup.procs ]] || return 0
	freezer=$state/cgroup
	mkdir -p "$freezer"
	mountpoint -q "$freezer" ||
		mount -t cgroup2 jeebs-lab "$freezer" 2>/dev/null || freezer=
}

# What "up" found.
freezer_known() {
	freezer=$(<"$state/freezer")
}

# freezer_dir HOST: its group, in the variable dir.
freezer_dir() {
	dir=$freezer/jeebs-lab.$name.$1
}

freezer_create() {
	[[ $freezer ]] || return 0
	local dir
	freezer_dir "$1"
	[[ -d $dir ]] || mkdir "$dir"
}

# Puts this shell, and so what it execs, under HOST.
freezer_join() {
	[[ $freezer ]] || return 0
	local dir
	freezer_dir "$1"
	echo "$BASHPID" >"$dir/cgroup.procs"
}

freezer_pids() {
	local dir
	if [[ $freezer ]]; then
		freezer_dir "$1"
		[[ ! -d $dir ]] || cat "$dir/cgroup.procs"
	elif host_up "$1"; then
		pgrep --ns "$host_pid" --nslist pid
	fi
}

freezer_set() {
	local dir pid deadline
	if [[ -z $freezer ]]; then
		echo "lab: no cgroup freezer here: $1's processes get SIGSTOP" >&2
		for pid in $(freezer_pids "$1"); do
			[[ $pid == "$host_pid" ]] ||
				kill -s "$( (($2)) && echo STOP || echo CONT)" "$pid"
		done
		return
	fi
	freezer_dir "$1"
	deadline=$((SECONDS + 5))
	if [[ -e $dir/cgroup.freeze ]]; then
		echo "$2" >"$dir/cgroup.freeze"
		until grep -qx "frozen $2" "$dir/cgroup.events"; do
			((SECONDS < deadline)) || die "$1: the freezer hangs"
		done
	else
		local want=THAWED
		(($2)) && want=FROZEN
		echo "$want" >"$dir/freezer.state"
		until [[ $(<"$dir/freezer.state") == "$want" ]]; do
			((SECONDS < deadline)) || die "$1: the freezer hangs"
		done
	fi
}

freezer_frozen() {
	local dir
	[[ $freezer ]] || return
	freezer_dir "$1"
	if [[ -e $dir/cgroup.events ]]; then
		[[ $(<"$dir/cgroup.events") == *"frozen 1"* ]]
	else
		[[ $(<"$dir/freezer.state") == FROZEN ]]
	fi
}

# Kills what runs under HOST, as an earlier lab of this name may have left it,
# and waits until it is dead.
freezer_sweep() {
	[[ $freezer ]] || return 0
	local dir pid deadline=$((SECONDS + 10))
	freezer_dir "$1"
	[[ -d $dir ]] || return 0
	[[ ! -e $dir/freezer.state ]] || echo THAWED >"$dir/freezer.state"
	until [[ -z $(<"$dir/cgroup.procs") ]]; do
		for pid in $(<"$dir/cgroup.procs"); do
			kill -KILL "$pid" 2>/dev/null || :
		done
		((SECONDS < deadline)) || die "$1: processes that do not die:" \
			"$(tr '\n' ' ' <"$dir/cgroup.procs")"
		nap 0.02
	done
}

# The dead keep a group until their parents have seen them.
freezer_remove() {
	[[ $freezer ]] || return 0
	local dir cpu deadline=$((SECONDS + 10))
	freezer_dir "$1"
	[[ -d $dir ]] || return 0
	freezer_sweep "$1"
	cpu_dir "$1"
	for dir in "$dir" ${cpu:+"$cpu"}; do
		until [[ ! -d $dir ]] || rmdir "$dir" 2>/dev/null; do
			((SECONDS < deadline)) || die "$1: $dir can't be removed"
			nap 0.02
		done
	done
}

# cpu_dir HOST: its group for cgroup v1's processor time, in the variable cpu.
cpu_dir() {
	cpu=$(findmnt -rno TARGET,OPTIONS -t cgroup |
		awk '$2 ~ /(^|,)cpu(,|$)/ { print $1; exit }')
	cpu=${cpu:+$cpu/jeebs-lab.$name.$1}
}

lab_freeze() {
	need_host "$1"
	host_up "$1" || die "$1 is not up"
	freezer_known
	freezer_set "$1" "$2"
}

# With MS, says when it is frozen, by the clock.
lab_pause() {
	[[ $# == 1 || ($# == 2 && $2 =~ ^[1-9][0-9]*$) ]] ||
		die "usage: pause HOST [MS]"
	lab_freeze "$1" 1
	(($# == 2)) || return 0
	echo "$EPOCHREALTIME"
	sleep "$(($2 / 1000)).$(printf %03d "$(($2 % 1000))")"
	freezer_set "$1" 0
}

# For what runs there by now and all that it starts; real time has a limit of its
# own, where it has groups.
lab_starve() {
	local dir cpu pid us=${2-}
	[[ $# == 2 && $us =~ ^([1-9][0-9]*|max)$ ]] || die "usage: starve HOST US|max"
	need_host "$1"
	host_up "$1" || die "$1 is not up"
	freezer_known
	freezer_dir "$1"
	if [[ $freezer && -e $dir/cpu.max ]]; then
		echo "$us 1000000" >"$dir/cpu.max"
		return
	fi
	cpu_dir "$1"
	[[ $cpu ]] || die "no control group for processor time here"
	mkdir -p "$cpu"
	[[ $us != max ]] || us=-1
	echo 1000000 >"$cpu/cpu.cfs_period_us"
	echo "$us" >"$cpu/cpu.cfs_quota_us"
	if [[ -e $cpu/cpu.rt_runtime_us ]]; then
		((us > 0)) || us=100000
		echo 1000000 >"$cpu/cpu.rt_period_us"
		echo "$us" >"$cpu/cpu.rt_runtime_us"
	fi
	for pid in $(freezer_pids "$1"); do
		# It may have ended meanwhile.
		echo "$pid" >"$cpu/cgroup.procs" || [[ ! -d /proc/$pid ]]
	done
}
