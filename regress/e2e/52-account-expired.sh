#!/bin/bash
# SPDX-License-Identifier: ISC
# PAM's account rules of the host that adopts hold: a password that has expired
# there is to be changed before the new shell; an account that has expired there
# isn't adopted, the session is reset and the log says why.
. "$(dirname "$0")/lib.bash"
lab_up
# shadow HOST LAST-CHANGE EXPIRES: days since 1970
shadow() {
	lab exec "$1" -- sed -i \
		"s/^lab:.*/lab:*:$2:0:99999:7::$3:/" /etc/shadow
}
login user vip
login root vip -l root
shadow beta 0 ''
crash_serving
check "the password is to be changed" pty user 'expect 10000 You must change your password'
lives root
pty_stop user
shadow beta 19000 ''
lab boot "$victim"

login user vip
shadow alpha 19000 1
crash_serving
check "the session of an expired account ends" pty user 'wait 5000'
is "as a lost connection" "$(jq .status <<<"$pty_answer")" 255
check "with a reason in the log" log_has "$survivor" jeebsd.log \
	'session of lab from .* reset: .*PAM says that the account may not be used'
lives root
done_testing
