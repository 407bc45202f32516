#!/bin/bash
# SPDX-License-Identifier: ISC
# The power cut in the middle of a key exchange, at an exact point of it: it is
# carried on. All points and methods: regress/e2e/rekey-campaign.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/rekey.bash"
gex=diffie-hellman-group-exchange-sha256
rekey_lab_up
# point STARTER WHEN METHOD...
point() {
	local starter=$1 when=$2 m
	shift 2
	for m in "$@"; do
		[[ ${pty_pid[$m]-} ]] || rekey_login "$m"
	done
	rekey_to_point "$starter" "$when" "$@"
	lab crash "$victim"
	for m in "$@"; do
		rekey_judge "$m"
		is "by the $starter, $when, $m" "$rekey_outcome" carried-on
		[[ $rekey_outcome == carried-on ]] || pty_stop "$m"
	done
	lab boot "$victim"
}
point client 2-committed mlkem768x25519-sha256 curve25519-sha256
point client 3-reached mlkem768x25519-sha256 curve25519-sha256
point server 1-sent mlkem768x25519-sha256 curve25519-sha256
point server 3-committed mlkem768x25519-sha256 curve25519-sha256
point client 4-committed "$gex"
done_testing
