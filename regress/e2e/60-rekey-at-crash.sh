#!/bin/bash
# SPDX-License-Identifier: ISC
# The power cut in the middle of a key exchange, at an exact point of it: it is
# carried on, or, when sshd alone knows a secret of it, the session is reset
# with a reason. All points and methods: regress/e2e/rekey-campaign.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/rekey.bash"
gex=diffie-hellman-group-exchange-sha256
rekey_lab_up
# point STARTER WHEN OUTCOME METHOD...
point() {
	local starter=$1 when=$2 want=$3 m
	shift 3
	for m in "$@"; do
		[[ ${pty_pid[$m]-} ]] || rekey_login "$m"
	done
	rekey_to_point "$starter" "$when" "$@"
	lab crash "$victim"
	for m in "$@"; do
		rekey_judge "$m"
		is "by the $starter, $when, $m" "$rekey_outcome" "$want"
		[[ $rekey_outcome != ended ]] || echo "$rekey_reason"
		[[ $rekey_outcome == carried-on ]] || pty_stop "$m"
	done
	lab boot "$victim"
}
point client 2-committed carried-on mlkem768x25519-sha256 curve25519-sha256
point client 3-reached carried-on mlkem768x25519-sha256 curve25519-sha256
point server 1-sent carried-on mlkem768x25519-sha256 curve25519-sha256
point server 3-committed carried-on mlkem768x25519-sha256 curve25519-sha256
pty_stop mlkem768x25519-sha256
pty_stop curve25519-sha256
point client 255-committed ended "$gex"
check "the reason says what to do" eval '[[ $rekey_reason == *KexAlgorithms* ]]'
done_testing
