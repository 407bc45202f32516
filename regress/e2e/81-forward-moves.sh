#!/bin/bash
# SPDX-License-Identifier: ISC
# Forwarded connections survive the death of the host: -L, -W and -D, both
# families, bytes under way in both directions; the target sees nothing.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold
serve_streams
master m vip
master m6 vip6
adoptable 2
over m -O forward -L "127.0.0.1:7001:$TARGET:7000" vip
over m6 -O forward -L "127.0.0.1:7002:[$target6]:7000" vip6
stream both 127.0.0.1:7001 20000000 20000000 4000000
stream v6 127.0.0.1:7002 8000000 8000000 2000000
stream slow 127.0.0.1:7001 40000 40000 8000
sleep 1.5
crash_serving
exact both 40
exact v6 40
exact slow 40
no_login_on_survivor
target_saw_nothing 3
done_testing
