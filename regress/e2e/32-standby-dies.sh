#!/bin/bash
# SPDX-License-Identifier: ISC
# The standby dies: the primary goes on alone once the LAN gives evidence, old
# and new sessions work, a standby that comes back protects both.
. "$(dirname "$0")/lib.bash"
detect=500	# the lab's own
. "$top/regress/e2e/fencing.bash"
lab_up
login old vip
row "Standby's host dies"
lab crash beta
survivor=alpha victim=beta
stall old alpha "$lost"
is "who serves" "$(serving)" alpha
login new vip
lab boot beta
is "who stands by" "$(lab status --json | jq -r .standby)" beta
crash_serving
lives old
lives new
done_testing
