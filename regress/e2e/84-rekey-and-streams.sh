#!/bin/bash
# SPDX-License-Identifier: ISC
# A client that exchanges keys for each 64 KiB, with a stream each way: both go on,
# also on the next host. (Found by campaign-run 20261201: nothing came down.)
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold

serve_streams
master m vip -o RekeyLimit=64K -L "127.0.0.1:7001:$TARGET:7000"
adoptable 1
stream both 127.0.0.1:7001 400000 400000
streams_run
sleep 3
crash_serving
check "takeover by $survivor" within 10 log_has "$survivor" jeebsd.log "takeover done: 1 of 1"
sleep 3
end_streams 40
read -r _ up down < <(tail -n 1 "$scratch/stream-both.out")
check "down as much as up, or nearly ($up, $down)" test "$down" -gt $((up / 3))
target_saw_nothing 1
done_testing
