#!/bin/bash
# SPDX-License-Identifier: ISC
# A primary that doesn't run: for some of PAUSES ms, for LONG ms, or most of the
# time. `make fencing` has longer ones.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
# timeout: 400

# freeze MS: alpha is frozen when it returns, for that long; thawed() waits.
freeze() {
	exec {freezer}< <(lab pause alpha "$1")
	read -r -u "$freezer" frozen
}
thawed() {
	! read -r -u "$freezer"
	exec {freezer}<&-
}

lab_up --set "timing.detect=${detect}ms"
login a vip

row "Primary frozen, for less than detect"
for ms in ${PAUSES:-10 100 700}; do
	freeze "$ms"
	stall a alpha "$ms"
	thawed
done
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'

row "Primary starved of processor time"
for ((i = 0; i < 12; i++)); do
	freeze 300
	((i % 3)) || stall a alpha 1000
	thawed
	sleep 0.05
done
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
protected_again

row "Primary frozen, for longer than detect"
talk b
mac=$(svc_mac alpha)
capture_talk frozen "$mac"
freeze "${LONG:-5000}"
stall a beta "$died"
thawed
thawed=$EPOCHREALTIME
protected_again
is "who stands by" "$(lab status --json | jq -r .standby)" alpha
stop_capture
is "bytes of alpha after its lease" \
	"$(new_bytes frozen "$(plus "$frozen" "$lease" 0.2)" "$(plus "$thawed" 60)" "$mac")" 0
check "b has a new shell" pty b 'expect 15000 new shell on beta'
done_testing
