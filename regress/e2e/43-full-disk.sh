#!/bin/bash
# SPDX-License-Identifier: ISC
# A full disk under state_dir: a running jeebsd takes over all the same; one that
# can't begin says which file and what to do.
. "$(dirname "$0")/lib.bash"
lab_up
small_disk() {
	stop_jeebsd beta
	lab exec beta -- mount -t tmpfs -o size="$1" small /var/lib/jeebs
}
fill_disk() {
	lab exec beta -- bash -c 'cat /dev/zero >/var/lib/jeebs/filling' 2>/dev/null || :
}
small_disk 8k
start_jeebsd beta
check "protected" within 10 eval '[[ $(lab status --json | jq .protected) == true ]]'
fill_disk
is "free blocks" "$(lab exec beta -- stat -f -c %a /var/lib/jeebs)" 0
login a vip
crash_serving
lives a
is "the epoch is on the full disk" \
	"$(lab exec beta -- cat /var/lib/jeebs/epoch | sed 's/^0*//')" \
	"$(lab status --json | jq .hosts.beta.epoch)"
lab boot alpha
crash_serving
lives a

lab boot beta
small_disk 4k
fill_disk
start_jeebsd beta
check "jeebsd doesn't begin with a full disk, and says why" within 5 \
	log_has beta jeebsd.log '/var/lib/jeebs/epoch: .*make room'
done_testing
