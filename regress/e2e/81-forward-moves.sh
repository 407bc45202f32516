#!/bin/bash
# SPDX-License-Identifier: ISC
# Forwarded connections survive the death of the host: -L, -W and -D, both
# families, bytes under way in both directions or one, half-closed; the target
# sees nothing.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold

# All of them move, each time that this host takes over.
all_move() {
	check "takeover by $survivor" within 10 log_has "$survivor" jeebsd.log \
		"takeover done: 2 of 2"
	is "forwards that go on $survivor" "$(lab exec "$survivor" -- \
		grep -c 'forward of lab to .* goes on' /var/log/jeebsd.log)" \
		"$((9 * ((i + 1) / 2)))"
}
serve_streams
master m vip -L "127.0.0.1:7001:$TARGET:7000"
master m6 vip6 -L "127.0.0.1:7002:[$target6]:7000"
adoptable 2
stream both 127.0.0.1:7001 4000000 4000000
stream v6 127.0.0.1:7002 2000000 2000000
stream keys 127.0.0.1:7001 2000 2000
stream quiet 127.0.0.1:7001 none none
stream up 127.0.0.1:7001 0 none
stream down 127.0.0.1:7001 none 0
stream half 127.0.0.1:7001 half 400000
stream half-keys 127.0.0.1:7001 half 2000
stream_w W m 500000 500000
streams_run
for ((i = 1; i <= ${ROUNDS:-1}; i++)); do
	sleep "0.$((RANDOM % 10))"
	crash_serving
	((i > 1)) || no_login_on_survivor
	all_move
	((i == ${ROUNDS:-1})) || { lab boot "$victim"; adoptable 2; }
done
end_streams 40
target_saw_nothing 9 2
done_testing
