#!/bin/bash
# SPDX-License-Identifier: ISC
# Hosts that boot while nobody serves, or while the one that serves fails.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
# timeout: 300
lab_up --set "timing.detect=${detect}ms"

row "Both hosts boot at once"
login old vip
lab crash alpha
lab crash beta
lab boot alpha --no-wait
lab boot beta --no-wait
protected_again 0
is "hosts that serve" "$(lab status --json |
	jq -c '[.hosts[] | select(.role == "primary")] | length')" 1
nobody_waits
# Nobody holds it: it is ended at the client's first packet.
pty old 'send x' || :
check "the session of before is ended" pty old 'wait 20000'
pty_stop old

row "Old primary comes back while the new one fails"
login a vip
protected_again
crash_serving
lives a
lab boot "$victim" --no-wait
protected_again
crash_serving
stall a "$survivor" "$died"
lab boot "$victim"

# not_held: whose session the old one doesn't hold when it serves.
not_held() {
	lab crash "$survivor"
	ends a "$1"
	is "who serves" "$(serving)" "$victim"
	login a vip
}

# It starts still, and never heard the new one.
protected_again
crash_serving
lives a
lab cut --link alpha beta
lab boot "$victim" --no-wait
check "$victim starts" within 2 eval '[[ $(state_of "$victim") == starting ]]'
not_held "$unseen"
since=$(lab exec "$victim" -- sed -n 's/ .*primary-alone: was probing.*//p' \
	/var/log/jeebsd.log | tail -n 1)
since=$(awk -v a="$(dark_at "$survivor")" -v b="$(date -d "$since" +%s.%N)" \
	'BEGIN { printf "%d", (b - a) * 1000 }')
check "it serves $since ms after the new one's end" \
	test "$since" -gt 0 -a "$since" -le $((unseen + 1000 * ${TIMEOUT_FACTOR:-1}))
lab heal
lab boot "$survivor"
stall a "$victim" 0

# It stands by, and what is to be held is on its way.
pty_stop a
lab_down
lab_up --testing --set "timing.detect=${detect}ms"
login a vip
protected_again
crash_serving
lives a
lab switch "$survivor" records-held
lab boot "$victim" --no-wait
check "$victim stands by" within 10 eval '[[ $(state_of "$victim") == standby-ready ]]'
is "sessions that are protected" "$(lab status --json | jq \
	"[.hosts[].sessions_detail[]? | select(.protected)] | length")" 0
not_held "$died"
done_testing
