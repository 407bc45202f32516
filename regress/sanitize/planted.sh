#!/bin/bash
# SPDX-License-Identifier: ISC
# Errors planted in each kind of process of the fork (jeebs_testing_fault()) are
# reported, by that process and as its user. Run by check, which must then call
# the run a failure.
. "$(dirname "$0")/../e2e/lib.bash"
unaudited='programs that are at fault'

# reported PROGRAM UID TEXT...: a report of it by that user, with all of TEXT
reported() {
	local program=$1 uid=$2 f text
	shift 2
	for f in "$JEEBS_REPORTS/report.$program".*; do
		[[ -e $f && $(stat -c %u "$f") == "$uid" ]] || continue
		for text in ' plant' "$@"; do
			grep -q "$text" "$f" || continue 2
		done
		return
	done
	return 1
}
memory=('runtime error: signed integer overflow'
	'ERROR: AddressSanitizer: heap-buffer-overflow')
race=('WARNING: ThreadSanitizer: data race')

lab_up --testing
lab_user=$(lab exec alpha -- id -u lab)
daemon_user=$(lab exec alpha -- id -u _jeebs)

if [[ $SANITIZER == tsan ]]; then
	lab switch beta 'fault jeebsd'
	check "jeebsd, as _jeebs" within 10 reported jeebsd "$daemon_user" \
		"${race[@]}"
	done_testing
	exit
fi

log_in() {
	lab exec client -- timeout 30 ssh -F "$SSH_CONFIG" vip sleep 20 </dev/null || :
}
lab switch alpha 'fault monitor'
log_in
check "sshd-session, as root" within 10 reported sshd-session 0 "${memory[@]}"
lab switch alpha 'fault session'
log_in
check "sshd-session, as the user" within 10 reported sshd-session "$lab_user" \
	"${memory[@]}"
lab switch alpha
login a vip
lab switch beta 'fault worker'
lab crash alpha
check "sshd-adopt's worker, as root" within 10 reported sshd-adopt 0 \
	"${memory[@]}"
lab switch beta 'fault jeebsd'
check "jeebsd, as _jeebs" within 10 reported jeebsd "$daemon_user" "${memory[@]}"
done_testing
