#!/bin/bash
# SPDX-License-Identifier: ISC
# A primary that doesn't run: for some of PAUSES ms, for LONG ms, or most of the
# time. `make fencing` has longer ones.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/fencing.bash"
. "$top/regress/e2e/speakers.bash"
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
# With 20 ms of a processor in each second, which a loop would have for itself.
lab exec alpha -- bash -c 'while :; do :; done' &
loop_job=$!
check "a loop runs" within 5 eval '[[ $(lab exec alpha -- pgrep -fc "while :") == 1 ]]'
lab starve alpha 20000
for ((i = 0; i < 6; i++)); do
	stall a alpha 1000
done
lab starve alpha max
kill "$(last_descendant "$loop_job")"
check "jeebsd didn't run most of the time" eval '(($(lab exec alpha -- grep -cE \
	"process didn.t run for [6-9][0-9][0-9] ms" /var/log/jeebsd.log) >= 3))'
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
is "who serves" "$(serving)" alpha
protected_again

row "Primary frozen, for longer than detect"
speakers
mac=$(svc_mac alpha)
capture_talk frozen "$mac"
freeze "${LONG:-5000}"
stall a beta "$died"
thawed
thawed=$EPOCHREALTIME
all_protected
is "who stands by" "$(lab status --json | jq -r .standby)" alpha
new_shells beta
go_on frozen "$frozen" "$frozen" "$died" "$(svc_mac beta)" stream-up stream-down
stop_capture
silent frozen "$(plus "$frozen" "$lease" 0.2)" "$(plus "$thawed" 60)" "$mac"
all_whole
done_testing
