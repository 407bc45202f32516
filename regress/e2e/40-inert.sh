#!/bin/bash
# SPDX-License-Identifier: ISC
# With Jeebs no, and with no jeebsd, it is stock sshd.
. "$(dirname "$0")/lib.bash"
on_vip() {
	lab exec client -- timeout 20 ssh -F "$SSH_CONFIG" "$@"
}
works_as_stock() {
	login a vip
	check "$1: typing" pty a 'type 2000 qwertyuiop'
	pty a 'send \x15exit 5\r'
	check "$1: logout" pty a 'wait 5000'
	is "$1: exit status" "$(jq .status <<<"$pty_answer")" 5
	pty_stop a
	is "$1: bulk both ways" \
		"$(head -c 3000000 /dev/urandom | tee >(md5sum >"$scratch/sum") |
			on_vip vip 'tee >(md5sum >&2) | cat' 2>&1 >/dev/null)" \
		"$(cat "$scratch/sum")"
	is "$1: sftp" "$(echo pwd | lab exec client -- sftp -q -F "$SSH_CONFIG" -b - \
		vip | tail -n 1)" "Remote working directory: /home/lab"
}
lab_up --set sshd.Jeebs=no --no-wait
check "alpha serves" within 10 eval '[[ $(serving) == alpha ]]'
works_as_stock "Jeebs no"
is "Jeebs no: sessions that jeebsd knows" "$(lab status --json | jq .sessions)" 0
lab_down

unaudited="without jeebsd nothing says what may be sent"
lab_up
# The standby first, so that it doesn't take over. Then the VIP stays where it is
# only by hand: no jeebsd is there to keep it, and the kernel's lease is its.
for h in beta alpha; do
	stop_jeebsd "$h"
done
lab exec alpha -- ip address replace "$VIP/24" dev svc0
lab exec alpha -- nft flush ruleset
works_as_stock "no jeebsd"
done_testing
