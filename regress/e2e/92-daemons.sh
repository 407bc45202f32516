#!/bin/bash
# SPDX-License-Identifier: ISC
# jeebsd hung, killed or started anew, and sshd's listener killed, on either side.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/fencing.bash"
. "$top/regress/e2e/speakers.bash"
# timeout: 600
lab_up --set "timing.detect=${detect}ms"
login a vip
speakers
mac=$(svc_mac alpha)

# without_standby NAME SIGNAL: of beta's jeebsd; alpha goes on alone, and not before.
without_standby() {
	local at stopped may
	capture_talk "$1" "$mac"
	at=$EPOCHREALTIME
	signal_jeebsd beta "$2"
	stopped=$EPOCHREALTIME
	stall a alpha "$lost"
	may=$(plus "$at" "$alone" -0.2)
	go_on "$1" "$may" "$at" "$lost" "$mac"
	check "alpha serves alone" test "$(state_of alpha)" = primary-alone
	stop_capture
	silent "$1" "$(plus "$stopped" "$lease" 0.2)" "$may" "$mac"
}

# without_primary NAME SIGNAL MS COMMAND...: of its jeebsd; the other host takes over,
# and nothing new leaves it again, after COMMAND neither.
without_primary() {
	local name=$1 signal=$2 ms=$3 stopped
	shift 3
	capture_talk "$name" "$(svc_mac "$victim")"
	signal_jeebsd "$victim" "$signal"
	stopped=$EPOCHREALTIME
	stall a "$survivor" "$ms"
	new_shells "$survivor"
	go_on "$name" "$stopped" "$stopped" "$ms" "$(svc_mac "$survivor")" \
		stream-up stream-down
	"$@"
	all_protected
	stop_capture
	is "who stands by" "$(lab status --json | jq -r .standby)" "$victim"
	silent "$name" "$(plus "$stopped" "$lease" 0.2)" "$(plus "$stopped" 600)" \
		"$(svc_mac "$victim")"
}

# The lease began, and so does alone-after, at most a heartbeat before the signal.
row "Standby's jeebsd hangs"
without_standby hung STOP
signal_jeebsd beta CONT
all_protected
is "who serves" "$(serving)" alpha

row "Standby's jeebsd is killed and stays away"
without_standby killed KILL
start_jeebsd beta
all_protected

row "Standby's jeebsd is killed and started anew"
restart_jeebsd beta
stall a alpha 1500
check "at once" log_has alpha jeebsd.log 'started anew and holds nothing'
all_protected

row "Standby's sshd is killed"
lab exec beta -- bash -c 'kill -KILL "$(</run/sshd.pid)"'
stall a alpha 500
is "who serves" "$(serving)" alpha
check "unprotected meanwhile" within 10 eval \
	'lab status --json | jq -e ".protected | not" >/dev/null'
start_sshd beta
all_protected

row "Primary's sshd listener is killed"
lab exec alpha -- bash -c 'kill -KILL "$(</run/sshd.pid)"'
stall a alpha 0
is "who serves" "$(serving)" alpha
refuses "no login" lab exec client -- timeout 5 ssh -F "$SSH_CONFIG" vip true
start_sshd alpha
check "a login again" within 10 lab exec client -- ssh -F "$SSH_CONFIG" vip true

# A session that ends while no jeebsd is there: its FIN must not be out under
# the lease of the new one, which knows nothing of it.
row "Primary's jeebsd is killed and started anew"
login c vip
pty c 'send echo pid-$PPID-\r'
check "c's sshd" pty c 'expect 5000 pid-([0-9]+)-'
sshd=$(jq -r .group <<<"$pty_answer")
mon=$(lab exec alpha -- sed 's/.*) . //; s/ .*//' "/proc/$sshd/stat")
port=$(port_of "${pty_pid[c]}")
all_protected
capture client ends "src host $VIP and tcp dst port ${port:-0}"
check "c: answers" shell_answers c 5000
check "it is captured" within 5 eval '(($(captured ends | wc -l) > 0))'
restart_jeebsd alpha "$sshd" "$mon"
stall a alpha 1500
check "back under the standby's lease" log_has alpha jeebsd.log 'back on a live host'
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
sleep 2
stop_capture
is "FIN and RST of the session that ended meanwhile" "$(captured ends \
	'tcp[tcpflags] & (tcp-fin | tcp-rst) != 0' | wc -l)" 0
pty_stop c
all_protected

row "Primary's jeebsd hangs"
victim=alpha survivor=beta
without_primary silent STOP "$died" signal_jeebsd alpha CONT

row "Primary's jeebsd is killed and stays away"
victim=beta survivor=alpha
talk
without_primary dead KILL "$away" start_jeebsd beta
all_whole
done_testing
