#!/bin/bash
# SPDX-License-Identifier: ISC
# A failover on a LAN that loses 5 % of all frames, heartbeats and the mirror's
# copies among them.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip
lab loss 5
check "typing" pty a "type 10000 $(head -c 50 /dev/zero | tr '\0' q)"
pty a 'send \x15'
is "still no takeover" "$(serving)" alpha
crash_serving
lives a 30000
check "typing on" pty a "type 10000 $(head -c 50 /dev/zero | tr '\0' q)"
done_testing
