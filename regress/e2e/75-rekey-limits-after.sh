#!/bin/bash
# SPDX-License-Identifier: ISC
# RekeyLimit holds across a crash: bytes of before count on the standby, on both
# sides, and the client's limit in time is served there.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up --set 'sshd.RekeyLimit=4M'
rekeys() {
	grep -c 'SSH2_MSG_NEWKEYS received' "$scratch/master-$1.out" || :
}
# Not through lab exec's stdin: the bytes shall be the server's alone.
down() {
	over "$1" vip "head -c $2 /dev/zero" | wc -c
}
master m vip -o RekeyLimit=1G
master up vip -o RekeyLimit=2M
master timed vip -o 'RekeyLimit=default 2s'
adoptable 3
is "3 MB" "$(down m 3000000)" 3000000
is "the limit isn't reached" "$(rekeys m)" 1
is "1.3 MB up" "$(head -c 1300000 /dev/zero | over up vip 'wc -c')" 1300000
is "the client's isn't either" "$(rekeys up)" 1
before=$(rekeys timed)
crash_serving
is "3 MB more" "$(down m 3000000)" 3000000
is "the limit counts all of them" "$(rekeys m)" 2
is "1 MB after the rekey" "$(down m 1000000)" 1000000
is "the count began anew" "$(rekeys m)" 2
is "1.3 MB more up" "$(head -c 1300000 /dev/zero | over up vip 'wc -c')" 1300000
is "the client's limit counts all of them" "$(rekeys up)" 2
for _ in 1 2 3; do
	sleep 2.2
	over timed vip true
done
check "the client's limit in time" eval "(($(rekeys timed) >= before + 3))"
is "still there" "$(over timed vip hostname)" "$survivor"
no_login_on_survivor
done_testing
