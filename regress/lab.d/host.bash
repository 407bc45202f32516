# SPDX-License-Identifier: ISC
# A host: namespaces (network, PID, mount, UTS, time) under one init, and the
# files that outlive a crash of it, in $state/hosts/HOST.

# Hours since boot, as on machines that were not started together.
declare -Ar uptime=([alpha]=12600 [beta]=93600 [client]=5400 [target]=180000)

# host_up HOST: whether it runs; then $host_pid is its init's number here. Its
# time of birth tells it from who got that number later.
host_up() {
	local born stat
	host_pid=
	[[ -f $state/hosts/$1/init ]] || return
	read -r host_pid born <"$state/hosts/$1/init" &&
		proc_stat "$host_pid" && [[ ${stat[2]} != [ZX] &&
			${stat[21]} == "$born" ]]
}

# proc_stat PID: its /proc/PID/stat in the array stat, if it lives.
proc_stat() {
	{ read -ra stat <"/proc/$1/stat"; } 2>/dev/null
}

# A fresh kernel for HOST. The cards outlive a crash: they are moved over from
# the dead namespace, whose orphaned sockets die with it.
host_network() {
	local h=$1 net=$state/hosts/$1/net dev
	net_create "$net.new"
	for dev in svc0 rep0; do
		nsenter --net="$net" ip link set "$dev" netns "$net.new" 2>/dev/null ||
			[[ $dev == rep0 ]]
	done
	umount "$net"
	mount --bind "$net.new" "$net"
	umount "$net.new"
	rm "$net.new"
	nsenter --net="$net" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0
	# Debian's congestion control, whatever this machine's is; by routes, since a
	# namespace may only have for all what is allowed to every user.
	nsenter --net="$net" ip -batch - <<-END
		link set lo up
		link set svc0 up
		address add ${addr[$h]}/24 dev svc0
		address add ${addr6[$h]}/64 dev svc0 nodad
		route change 10.77.0.0/24 dev svc0 proto kernel scope link \
			src ${addr[$h]} congctl cubic
		route change fd77::/64 dev svc0 proto kernel metric 256 congctl cubic
	END
	[[ " ${servers[*]} " != *" $h "* ]] ||
		nsenter --net="$net" ip -batch - <<-END
			link set rep0 up
			address add 10.78.0.${host_number[$h]}/24 dev rep0
		END
}

# host_start HOST: power on; returns when its services were started.
host_start() {
	local h=$1 dir=$state/hosts/$1 deadline=$((SECONDS + 60)) pid stat log
	rm -rf "$dir"/{run,init,pid,ready} "$state/dark/$h"
	mkdir -p "$dir"/{etc,etc-work,lib,lib-work,log,run/sshd,run/lock} \
		"$dir/run/${state#/run/}"
	: >>"$dir/run/utmp"
	for log in wtmp btmp lastlog; do
		: >>"$dir/log/$log"
	done
	host_network "$h"
	switch_sync
	freezer_create "$h"
	(
		freezer_join "$h"
		close_inherited
		exec setsid nsenter --net="$dir/net" \
			unshare --mount --uts --pid --fork --time \
			--boottime "${uptime[$h]}" --monotonic "${uptime[$h]}" \
			"$here/lab.d/init" "$h" "$state" "$programs" "$stock" \
			"$build/e2e/keeper" \
			</dev/null >>"$dir/log/init.log" 2>&1
	) &
	until [[ -e $dir/ready ]]; do
		((SECONDS < deadline)) || {
			tail -n 5 "$dir/log/init.log" >&2
			die "$h does not come up"
		}
		nap 0.01
	done
	pid=$(<"$dir/pid")
	proc_stat "$pid" || die "$h is gone again"
	echo "$pid ${stat[21]}" >"$dir/init"
}

# A host must not hold what its starter happens to have open: pipes, the lock.
close_inherited() {
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		((fd <= 2)) || exec {fd}>&-
	done
}

lab_up() {
	local arg value
	local -A skew=()
	stock='' nowait='' input=hold mirror=on programs=$build \
		audit=''
	while (($#)); do
		arg=$1
		value=${2-}
		case $arg in
		--stock) stock=1 ;;
		--no-wait) nowait=1 ;;
		--testing) programs=$build/testing ;;
		--audit) audit=1 ;;
		--input | --mirror | --set | --skew)
			(($# >= 2)) || die "$arg: a value is missing"
			shift
			;;
		*) die "up: unknown argument \"$arg\"" ;;
		esac
		case $arg=$value in
		--stock=* | --no-wait=* | --testing=* | --audit=*) ;;
		--input=tap | --input=hold) input=$value ;;
		--mirror=on | --mirror=off) mirror=$value ;;
		--set=*) config_set "$value" ;;
		--skew=*=*) skew[${value%%=*}]=${value#*=} ;;
		*) die "$arg: \"$value\" is not one of its values" ;;
		esac
		shift
	done
	[[ -z $audit || -z $stock ]] || die "--audit: --stock has no commit log"
	up_check
	[[ ! -f $state/up ]] || ! host_up alpha || [[ $(<"$state/up") != up ]] ||
		die "lab \"$name\" is up already: regress/lab down"
	lab_down
	trap 'up_failed $?' EXIT
	mkdir -p "$state"
	mount -t tmpfs -o mode=755 jeebs-lab "$state"
	mount --make-private "$state"
	mkfifo "$state/nap"
	echo starting >"$state/up"
	echo "$stock" >"$state/stock"
	echo "$programs" >"$state/programs"
	mkdir "$state/skew"
	for arg in "${!skew[@]}"; do
		need_host "$arg"
		echo "${skew[$arg]}" >"$state/skew/$arg"
	done
	((${#skew[@]} == 0)) || "${CC:-gcc}" -O2 -Wall -shared -fPIC \
		-o "$state/skew/skew.so" "$here/lab.d/skew.c"
	echo "$mirror" >"$state/mirror"
	freezer_find
	echo "$freezer" >"$state/freezer"
	mkdir -p "$state/hosts" "$state/home" "$state/common"
	local h
	switch_create
	config_common
	config_accounts
	for h in "${servers[@]}"; do
		[[ $stock ]] || "$build/monitor/jeebsctl" keygen \
			-f "$state/common/$h.key" >"$state/common/$h.pub"
	done
	for h in "${hosts[@]}"; do
		mkdir "$state/hosts/$h"
		config_host "$h"
		net_create "$state/hosts/$h/net"
		switch_port "$h" "$state/hosts/$h/net"
	done
	switch_rules
	[[ -z $audit ]] || audit_start
	local pids=()
	for h in "${hosts[@]}"; do
		host_start "$h" &
		pids+=($!)
	done
	for h in "${pids[@]}"; do
		wait "$h" || die "lab \"$name\" did not start"
	done
	if [[ $stock ]]; then
		nsenter --net="$state/hosts/alpha/net" ip -batch - <<-END
			address add $vip/24 dev svc0
			address add $vip6/64 dev svc0 nodad
		END
	elif [[ -z $nowait ]]; then
		wait_protected 20
	fi
	echo up >"$state/up"
	trap - EXIT
}

up_check() {
	local tool
	for tool in ip nft unshare nsenter ssh ssh-keygen jq setsid findmnt awk; do
		command -v "$tool" >/dev/null || die "$tool is missing: ./bootstrap.sh deps"
	done
	[[ -x /usr/sbin/sshd ]] ||
		die "/usr/sbin/sshd is missing (target runs it): ./bootstrap.sh deps"
	[[ $stock ]] && return
	for tool in openssh/sshd openssh/sshd-adopt monitor/jeebsd monitor/jeebsctl; do
		[[ -x $programs/$tool ]] || die "$programs/$tool is missing:" \
			"$([[ $programs == "$build" ]] && echo ./bootstrap.sh build ||
				echo make testing)"
	done
	[[ -x $build/e2e/keeper ]] || die "$build/e2e/keeper is missing: make e2e"
	[[ -z $audit || -x $build/audit/audit ]] ||
		die "$build/audit/audit is missing: make audit"
}

# A lab that did not come up says why, and leaves nothing.
up_failed() {
	local h
	trap - EXIT
	for h in "${servers[@]}"; do
		echo "--- $h, last lines of its logs" >&2
		tail -qn 8 "$state/hosts/$h"/log/{init,jeebsd,sshd}.log >&2 2>/dev/null || :
	done
	if [[ ${JEEBS_LAB_KEEP-} ]]; then
		echo "lab: left as it is in $state" >&2
		echo failed >"$state/up"
	else
		lab_down
		unlock
	fi
	exit "$1"
}

lab_down() {
	local h m
	if [[ -d $state ]]; then
		freezer_find
	else
		freezer_find_without_state
	fi
	for h in "${hosts[@]}"; do
		host_up "$h" && kill -KILL "$host_pid" 2>/dev/null
		freezer_remove "$h"
	done
	# Deepest first; more than once where a crashed "up" mounted over itself.
	while read -r m; do
		umount -l "$m" || :
	done < <(awk -v d="$state" '$5 == d || index($5, d "/") == 1 { print $5 }' \
		/proc/self/mountinfo | sort -r)
	rm -rf --one-file-system "$state"
	audit_clean
}

# Nothing was ever mounted for this name: only a system-wide freezer counts.
freezer_find_without_state() {
	mkdir -p "$state"
	freezer_find
}

lab_exec() {
	(($# >= 1)) || die "usage: exec HOST -- CMD..."
	local h=$1 cwd=()
	need_host "$h"
	shift
	[[ ${1-} == -- ]] && shift
	(($#)) || die "usage: exec HOST -- CMD..."
	host_up "$h" || die "$h is not up"
	freezer_known
	freezer_join "$h"
	[[ -d /proc/$host_pid/root$PWD ]] && cwd=(--wdns="$PWD")
	exec nsenter --target "$host_pid" --mount --uts --net --pid --time "${cwd[@]}" \
		-- "$@"
}

event() {
	printf '{"event":"%s","host":"%s","realtime":%s}\n' "$1" "$2" \
		"$EPOCHREALTIME" >>"$state/events"
}

# Power cut. JEEBS_LAB_DARK names a FIFO that gets the time at which the link
# fell silent, for who must do something at that very moment.
lab_crash() {
	local h=$1
	need_host "$h"
	host_up "$h" || die "$h is not up"
	freezer_known
	: >"$state/dark/$h"
	switch_sync
	[[ -z ${JEEBS_LAB_DARK-} ]] || echo "$EPOCHREALTIME" >"$JEEBS_LAB_DARK"
	event dark "$h"
	kill -KILL "$host_pid"
	freezer_sweep "$h"
	event dead "$h"
}

lab_boot() {
	local h=${1-} nowait=
	(($# == 1)) || { (($# == 2)) && [[ $2 == --no-wait ]] && nowait=1; } ||
		die "usage: boot HOST [--no-wait]"
	need_host "$h"
	# One that was killed takes a moment to be gone.
	while [[ -e $state/dark/$h ]] && host_up "$h"; do
		sleep 0.01
	done
	! host_up "$h" || die "$h is up already"
	freezer_known
	stock=$(<"$state/stock")
	programs=$(<"$state/programs")
	event boot "$h"
	host_start "$h"
	if [[ -z $nowait && -z $stock && " ${servers[*]} " == *" $h "* ]] &&
		host_up alpha && host_up beta; then
		wait_protected 20
	fi
}

# In one step: what runs there reads it at any moment.
lab_switch() {
	(($# >= 1)) || die "usage: switch HOST [NAME...]"
	local h=$1
	need_host "$h"
	shift
	[[ $(<"$state/programs") != "$build" ]] ||
		die "these programs have no switches: regress/lab up --testing"
	(lab_exec "$h" -- sh -c 'printf "%s\n" "$@" >/etc/jeebs/testing.new &&
		mv /etc/jeebs/testing.new /etc/jeebs/testing' sh "$@")
}

lab_log() {
	local f
	need_host "$1"
	for f in "$state/hosts/$1"/log/{init,sshd,jeebsd}.log; do
		[[ ! -s $f ]] || { echo "--- $1 ${f##*/}" && cat "$f"; }
	done
}
