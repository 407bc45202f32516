#!/bin/bash
# SPDX-License-Identifier: ISC
# A service behind the client, which others reach by -R: streams from target, over
# CRASHES (2) crashes at moments drawn from SEED, and new connections while nobody has
# the address, accepted when their SYN comes for the second time, or the third: after a
# second, or three. `make reverse`: 30 of them.
# timeout: 150
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/reverse.bash"
crashes=${CRASHES:-2}
RANDOM=${SEED:=$((RANDOM << 15 | RANDOM))}
echo "seed $SEED"
lab_up --set sshd.GatewayPorts=clientspecified
client_serves
master m vip -R "*:9001:127.0.0.1:7000"
master m6 vip6 -R "[::]:9002:127.0.0.1:7000"
adoptable 2
capture target far tcp portrange 9001-9002
from target both "$VIP:9001" 500000 500000
from target v6 "[$VIP6]:9002" 500000 500000
from target up "$VIP:9001" 0 none
from target down "$VIP:9001" none 2000000
from target late "$VIP:9001" none 0 late
from target quiet "[$VIP6]:9002" none none
streams_run
for ((i = 1; i <= crashes; i++)); do
	sleep "$(printf '0.%03d' $((RANDOM % 1000)))"
	crash_serving
	started=$EPOCHREALTIME
	from target "new-$i" "$VIP:9001" 2000 2000
	check "$i: a new connection" within 10 grep -q started "$scratch/stream-new-$i.out"
	took=$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
	check "$i: after $took s" eval '((${took%.*} < 4))'
	((i == crashes)) || { lab boot "$victim"; adoptable 2; }
done
end_streams 60
stop_capture
nothing_ended 'src port 9001 or src port 9002'
done_testing
