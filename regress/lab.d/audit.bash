# SPDX-License-Identifier: ISC
# The evidence for regress/audit: a capture of all frames on the LAN, taken at
# the bridge, where each is seen once, whatever is lost or mirrored at the ports
# behind it; and the hosts' commit logs. The capture is on disk: a flood's has
# gigabytes.

audit_dir=${JEEBS_AUDIT_DIR:-$build/audit/run}/$name
commit_log=/var/log/commit.log

audit_start() {
	local h deadline=$((SECONDS + 10)) whole=()
	rm -rf "$audit_dir"
	mkdir -p "$audit_dir"
	touch "$state/events"
	for h in "${servers[@]}"; do
		whole+=(-f "${mac[$h]}")
	done
	(
		close_inherited
		exec setsid nsenter --net="$state/switch" \
			"$build/audit/audit-capture" -i lan \
			-w "$audit_dir/lan.pcap" "${whole[@]}" \
			</dev/null >"$audit_dir/capture.out" 2>&1
	) &
	echo $! >"$audit_dir/pid"
	# Not audit_capturing: at first it is still this shell's copy.
	until grep -qx listening "$audit_dir/capture.out" 2>/dev/null; do
		kill -0 $! 2>/dev/null && ((SECONDS < deadline)) || {
			cat "$audit_dir/capture.out" >&2
			die "the capture of the LAN does not begin"
		}
		nap 0.01
	done
}

# The number may be somebody else's by now.
audit_capturing() {
	local pid
	pid=$(cat "$audit_dir/pid" 2>/dev/null) &&
		[[ $(readlink "/proc/$pid/exe") == */audit-capture ]]
}

audit_stop() {
	local deadline=$((SECONDS + 30))
	! audit_capturing || kill -TERM "$(<"$audit_dir/pid")"
	while audit_capturing; do
		((SECONDS < deadline)) || die "the capture does not end"
		nap 0.02
	done
}

# Ends the capture; what the auditor says of all that it saw. Exit status 1:
# findings, or evidence that was lost.
lab_audit() {
	local h status=0 logs=()
	(($# == 0)) || die "usage: audit"
	[[ -f $audit_dir/pid ]] || die "not recorded: regress/lab up --audit"
	audit_stop
	for h in "${servers[@]}"; do
		logs+=("$state/hosts/$h/log/${commit_log##*/}")
	done
	tail -n 1 "$audit_dir/capture.out"
	grep -qx '[0-9]* frames, 0 dropped' "$audit_dir/capture.out" || {
		echo "audit: frames were lost: not audited"
		status=1
	}
	"$build/audit/audit" -p "$state/events" -t "$audit_dir" \
		"$audit_dir/lan.pcap" "${logs[@]}" || status=1
	return "$status"
}

# DIR gets the evidence, for who looks into a finding.
lab_evidence() {
	local h
	mkdir -p "$1"
	for h in "${servers[@]}"; do
		cp "$state/hosts/$h/log/${commit_log##*/}" \
			"$1/$h-${commit_log##*/}" 2>/dev/null || :
	done
	cp "$state/events" "$1/events" 2>/dev/null || :
	ln -f "$audit_dir/lan.pcap" "$1/lan.pcap" 2>/dev/null ||
		cp "$audit_dir/lan.pcap" "$1/lan.pcap" 2>/dev/null || :
}

audit_clean() {
	[[ -d $audit_dir ]] || return 0
	audit_stop
	rm -rf "$audit_dir"
}
