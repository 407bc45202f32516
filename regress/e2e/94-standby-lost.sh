#!/bin/bash
# SPDX-License-Identifier: ISC
# Each kind of evidence by which a primary goes on without its standby, but the
# fence command (66), and what happens where there is none.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
# timeout: 300
lab_up --set "timing.detect=${detect}ms"
login a vip

row "Standby ends on purpose"
signal_jeebsd beta TERM
stall a alpha 0
check "alone at once" log_has alpha jeebsd.log 'primary-alone: .*beta resigned'
check "beta's jeebsd is gone" within 5 jeebsd_gone beta
start_jeebsd beta
protected_again

row "Primary's jeebsd ends on purpose"
signal_jeebsd alpha TERM
stall a alpha 0
check "alpha's jeebsd is gone" within 5 jeebsd_gone alpha
sleep 3
refuses "no takeover" log_has beta jeebsd.log 'taking-over:|primary-alone:'
stall a alpha 0
start_jeebsd alpha
protected_again
is "who serves" "$(serving)" alpha
stall a alpha 1000

row "Standby's host dies"
lab crash beta
stall a alpha "$lost"
check "by what the LAN tells" log_has alpha jeebsd.log \
	'its time to take over has passed, nobody answers for the VIP'
lab boot beta

# The primary can't tell that from its own cable being out.
row "Standby's host dies, nobody on the LAN answers"
lab crash beta
lab cut alpha client
lab cut alpha target
check "alpha says so" within 10 log_has alpha jeebsd.log \
	'nobody on the LAN answers'
sleep 2
is "alpha's state" "$(state_of alpha)" primary-stalled
lab heal
stall a alpha 1500
lab boot beta
done_testing
