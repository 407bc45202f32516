#!/bin/bash
# SPDX-License-Identifier: ISC
# Whoever starts first, one serves and the other stands by.
# row: Hosts start one after the other
. "$(dirname "$0")/lib.bash"
lab_up
for first in beta alpha; do
	lab crash alpha
	lab crash beta
	lab boot "$first" --no-wait
	check "$first, alone, serves" within 15 eval '[[ $(serving) == "$first" ]]'
	login "$first" vip
	lab boot "$(other "$first")"
	is "$first first: who serves" "$(serving)" "$first"
	check "$first first: the session goes on" shell_answers "$first" 5000
	pty_stop "$first"
done
done_testing
