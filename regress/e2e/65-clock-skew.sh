#!/bin/bash
# SPDX-License-Identifier: ISC
# beta's clock is an hour ahead of alpha's: sessions are protected and adopted in
# both directions. If it is more than a recovery key's life behind, alpha
# refuses beta's keys, and says so.
. "$(dirname "$0")/lib.bash"
unaudited="the commit logs are joined by the clocks that differ here"
lab_up --skew beta=3600
login a vip
ahead=$(($(date -u -d "$(lab exec beta -- sed -n \
	'/primary\|standby/{s/ .*//p;q}' /var/log/jeebsd.log)" +%s) - $(date +%s)))
check "beta's clock is ahead ($ahead s)" eval '((ahead > 3500 && ahead < 3700))'
crash_serving
lives a
lab boot alpha
crash_serving
lives a
is "back on" "$shell_host" alpha
pty_stop a
lab_down

lab_up --skew beta=-90000
login a vip
check "alpha refuses beta's recovery key" within 5 log_has alpha sshd.log \
	'not protected: recovery key of the standby: expired .compare the clocks'
lab exec alpha -- grep 'not protected' /var/log/sshd.log || :
done_testing
