#!/bin/bash
# SPDX-License-Identifier: ISC
# An adoption from an older state than the one whose bytes have been on the
# wire: other plaintext under the same counters. The auditor sees it.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
scenario() {
	login a vip
	pty a 'send sleep 1; seq 20\r'
	pty a 'expect 2000 seq 20'
	# What alpha emits from here on, the client doesn't get.
	lab cut --oneway alpha client
	sleep 2
	crash_serving
	lab heal
	check "adopted" within 5 log_has beta jeebsd.log 'takeover done: 1 of 1'
	pty a 'sleep 1000' || :
}
catches nonce-reused content beta
done_testing
