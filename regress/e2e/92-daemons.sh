#!/bin/bash
# SPDX-License-Identifier: ISC
# jeebsd hung, killed or started anew, and sshd's listener killed, on either side.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
# timeout: 600
lab_up --set "timing.detect=${detect}ms"
login a vip
talk b
mac=$(svc_mac alpha)

# The lease began, and so does alone-after, at most a heartbeat before the signal.
row "Standby's jeebsd hangs"
capture_talk hung "$mac"
at=$EPOCHREALTIME
signal_jeebsd beta STOP
stopped=$EPOCHREALTIME
stall a alpha "$lost"
stop_capture
is "bytes of alpha between its lease and the end of the standby's time" \
	"$(new_bytes hung "$(plus "$stopped" "$lease" 0.2)" "$(plus "$at" "$alone" -0.2)" "$mac")" 0
check "b goes on" pty b 'expect 5000 [0-9]+\r\n[0-9]+'
check "alpha serves alone" test "$(state_of alpha)" = primary-alone
signal_jeebsd beta CONT
protected_again
is "who serves" "$(serving)" alpha

row "Standby's jeebsd is killed and stays away"
capture_talk killed "$mac"
at=$EPOCHREALTIME
stop_jeebsd beta
stopped=$EPOCHREALTIME
stall a alpha "$lost"
stop_capture
is "bytes of alpha between its lease and the end of the standby's time" \
	"$(new_bytes killed "$(plus "$stopped" "$lease" 0.2)" "$(plus "$at" "$alone" -0.2)" "$mac")" 0
start_jeebsd beta
protected_again

row "Standby's jeebsd is killed and started anew"
restart_jeebsd beta
stall a alpha 1500
check "at once" log_has alpha jeebsd.log 'started anew and holds nothing'
protected_again

row "Standby's sshd is killed"
lab exec beta -- bash -c 'kill -KILL "$(</run/sshd.pid)"'
stall a alpha 500
is "who serves" "$(serving)" alpha
check "unprotected meanwhile" within 10 eval \
	'lab status --json | jq -e ".protected | not" >/dev/null'
start_sshd beta
protected_again

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
port=$(lab exec client -- ss -Htnp dst "$VIP" |
	sed -n "s/.*:\([0-9]*\) .*pid=${pty_pid[c]},.*/\1/p")
check "c's port is known" test -n "$port"
protected_again
capture client ends "src host $VIP and tcp dst port ${port:-0} and
	(tcp[tcpflags] & (tcp-fin | tcp-rst) != 0)"
restart_jeebsd alpha "$sshd" "$mon"
stall a alpha 1500
check "back under the standby's lease" log_has alpha jeebsd.log 'back on a live host'
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
sleep 2
stop_capture
is "FIN and RST of the session that ended meanwhile" "$(captured ends | wc -l)" 0
pty_stop c
protected_again

row "Primary's jeebsd hangs"
capture_talk silent "$mac"
signal_jeebsd alpha STOP
stopped=$EPOCHREALTIME
stall a beta "$died"
check "b has a new shell" pty b 'expect 15000 new shell on beta'
sleep 1
signal_jeebsd alpha CONT
protected_again
stop_capture
is "who stands by" "$(lab status --json | jq -r .standby)" alpha
is "bytes of alpha after its lease, for good" \
	"$(new_bytes silent "$(plus "$stopped" "$lease" 0.2)" "$(plus "$stopped" 600)" "$mac")" 0

row "Primary's jeebsd is killed and stays away"
mac=$(svc_mac beta)
pty b 'send while :; do echo $RANDOM; sleep 0.01; done\r'
capture_talk dead "$mac"
stop_jeebsd beta
stopped=$EPOCHREALTIME
stall a alpha "$away"
start_jeebsd beta
protected_again
stop_capture
is "bytes of beta after its lease, for good" \
	"$(new_bytes dead "$(plus "$stopped" "$lease" 0.2)" "$(plus "$stopped" 600)" "$mac")" 0
done_testing
