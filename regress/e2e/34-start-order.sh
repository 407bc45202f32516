#!/bin/bash
# SPDX-License-Identifier: ISC
# Whoever starts first, one serves and the other stands by.
. "$(dirname "$0")/lib.bash"
detect=500	# the lab's own
. "$top/regress/e2e/fencing.bash"
lab_up
row "Hosts start one after the other"
for first in beta alpha; do
	lab crash alpha
	lab crash beta
	lab boot "$first" --no-wait
	check "$first, alone, serves" within 15 eval '[[ $(serving) == "$first" ]]'
	nobody_waits
	ms=$(ms_between "$first" ': starting, ' ': primary-alone: ')
	check "$first first: it waits for the other one, not longer ($ms ms)" \
		test "$ms" -ge "$boot_wait" -a "$ms" -le "$(at_most "$booted")"
	login "$first" vip
	lab boot "$(other "$first")" --no-wait
	stall "$first" "$first" 0
	protected_again
	is "$first first: who serves" "$(serving)" "$first"
	stall "$first" "$first" 0
	pty_stop "$first"
done
done_testing
