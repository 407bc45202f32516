#!/bin/bash
# SPDX-License-Identifier: ISC
# Power cut while sessions turn to a new recovery key, over a link that is well: what
# the standby holds under the old one is good until the first record under the new
# one. Here the session's monitor has the offer and hasn't answered; 65-cut-root: it
# has, and its process doesn't know; 65-cut-attach: that knows, and has no record yet.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/fencing.bash"
. "$top/regress/e2e/rotation.bash"
. "$top/regress/e2e/cut.bash"
lab_up --testing
rotation_up 2
serve_streams
login a vip
master m vip -L "127.0.0.1:7001:$TARGET:7000"
stream both 127.0.0.1:7001 400000 400000
stream quiet 127.0.0.1:7001 none none
streams_run
protected_again 2

victim=alpha survivor=beta
at_point "${tid/65-cut/cut-at}"
an_hour_later 2
check "both stop" within 10 eval '(($(cut_stopped) == 2))'
# What their processes say meanwhile, if they can, is held by the standby, or not.
stream late 127.0.0.1:7001 none none
within 1 grep -q started "$scratch/stream-late.out" || :
unset 'stream_job[late]'
crash_serving
lives a
check "all are adopted" within 10 log_has beta jeebsd.log 'takeover done: 2 of 2'
end_streams 20
refuses "target complains" grep FAIL "$scratch/target.out"
no_login_on_survivor
done_testing
