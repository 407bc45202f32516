#!/bin/bash
# SPDX-License-Identifier: ISC
# Power cut when the standby, another one than before or the same, has the first
# record of a new incarnation and no other: it names the forwards.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/fencing.bash"
. "$top/regress/e2e/cut.bash"
lab_up --testing
serve_streams
master m vip -L "127.0.0.1:7001:$TARGET:7000"
stream both 127.0.0.1:7001 400000 400000
stream quiet 127.0.0.1:7001 none none
streams_run
protected_again 1

victim=alpha survivor=beta
at_point first-record
signal_jeebsd beta KILL
check "beta's jeebsd is gone" within 5 jeebsd_gone beta
start_jeebsd beta
reached m
crash_serving
end_streams 20
target_saw_nothing 2
no_login_on_survivor
done_testing
