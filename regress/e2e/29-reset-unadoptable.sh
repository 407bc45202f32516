#!/bin/bash
# SPDX-License-Identifier: ISC
# A session that can't be adopted (its account is missing on the standby) is
# reset at once and logged; the others go on.
. "$(dirname "$0")/lib.bash"
lab_up
login gone vip
login root vip -l root
lab exec beta -- sed -i '/^lab:/d' /etc/passwd
crash_serving
check "the session without an account ends" pty gone 'wait 5000'
is "as a lost connection" "$(jq .status <<<"$pty_answer")" 255
check "reset, not silence" grep -Eqi 'reset|closed|broken pipe' "$scratch/pty-gone.out"
check "with a reason in the log" log_has beta jeebsd.log \
	"session of lab from .* reset: "
lab log beta | grep 'reset: ' || :
lives root
done_testing
