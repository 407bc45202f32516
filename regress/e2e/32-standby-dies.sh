#!/bin/bash
# SPDX-License-Identifier: ISC
# The standby dies: the primary goes on alone once the LAN gives evidence, old
# and new sessions work, a standby that comes back protects both.
# row: Standby's host dies
. "$(dirname "$0")/lib.bash"
lab_up
login old vip
lab crash beta
survivor=alpha victim=beta
# Not at once: it stalls from the end of its lease until it may go on alone.
alpha_serves() { [[ $(serving) == alpha ]]; }
check "alpha serves" within 10 alpha_serves
check "the session goes on" shell_answers old 10000
login new vip
lab boot beta
is "who stands by" "$(lab status --json | jq -r .standby)" beta
crash_serving
lives old
lives new
done_testing
