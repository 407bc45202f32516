#!/bin/bash
# SPDX-License-Identifier: ISC
# What the client has the server listen at (-R) goes on listening on the host that
# takes over, under the same names; connections that had come that way go on.
# timeout: 90
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/reverse.bash"
lab_up --set sshd.GatewayPorts=clientspecified
path=/tmp/jeebs-$JEEBS_LAB
client_serves
master m vip -R "*:9001:127.0.0.1:7000" -R "9002:127.0.0.1:7000" \
	-R "$VIP:9003:127.0.0.1:7000" -R "$path:127.0.0.1:7000"
master m6 vip6 -R "[::]:9004:127.0.0.1:7000"
dynamic=$(over m -O forward -R "*:0:127.0.0.1:7000" vip)
check "a port that the server chose" eval '[[ $dynamic =~ ^[0-9]+$ ]]'
capture target far tcp portrange 9001-9004
from target both "$VIP:9001" 400000 400000
from target quiet "$VIP:9003" none none
from target v6 "[$VIP6]:9004" 400000 400000
streams_run
check "protected" within 10 eval 'lab status --json | jq -e ".protected and .sessions == 2" \
	>/dev/null'
crash_serving
# While nobody has the address.
from target new "$VIP:9001" 400000 400000
from target new-quiet "$VIP:9003" none none
from target new-v6 "[$VIP6]:9004" none none
check "all are adopted" within 10 log_has "$survivor" jeebsd.log 'takeover done: 2 of 2'
from target chosen "$VIP:$dynamic" none none
from "$survivor" loopback 127.0.0.1:9002 none none
from "$survivor" path "$path" none none
streams_run
end_streams 20
stop_capture
nothing_ended 'src portrange 9001-9004'
over m -O cancel -R "*:9001:127.0.0.1:7000" vip
over m -O cancel -R "$VIP:9003:127.0.0.1:7000" vip
for port in 9001 9003; do
	refuses "cancelled: $port" lab exec target -- bash -c "exec 3<>/dev/tcp/$VIP/$port"
done
rm -f "$path"
no_login_on_survivor
done_testing
