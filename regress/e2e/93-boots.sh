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
# Nobody holds it: it is ended at the client's first packet.
pty old 'send x' || :
check "the session of before is ended" pty old 'wait 20000'
pty_stop old
login a vip
protected_again

row "Old primary comes back while the new one fails"
crash_serving
lives a
lab boot "$victim" --no-wait
lab crash "$survivor"
check "$victim serves" within 20 eval '[[ $(serving) == "$victim" ]]'
login new vip
if shell_answers a 20000; then
	ok "the session was protected already: $shell_host"
	is "served by" "$shell_host" "$victim"
else
	check "the session is ended, not left hanging" pty a 'wait 1000'
fi
lab boot "$survivor"
check "the new one goes on" shell_answers new 5000
done_testing
