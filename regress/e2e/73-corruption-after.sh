#!/bin/bash
# SPDX-License-Identifier: ISC
# A bit that is turned over on the way is noticed after a crash as before it, by
# sshd and by the client, with each kind of cipher and MAC; others go on. Not
# with CBC: both sides go on reading on purpose, and end after 256 KiB more.
# timeout: 120
. "$(dirname "$0")/lib.bash"
declare -A options=(
	[chacha]='-o Ciphers=chacha20-poly1305@openssh.com'
	[gcm]='-o Ciphers=aes128-gcm@openssh.com'
	[etm]='-o Ciphers=aes128-ctr -o MACs=hmac-sha2-256-etm@openssh.com'
	[mac]='-o Ciphers=aes256-ctr -o MACs=umac-128@openssh.com'
)
lab_up
for n in "${!options[@]}"; do
	# Two of each: one for a bit of the client's, one for a bit of the server's.
	for way in up down; do
		# shellcheck disable=SC2086
		login "$n-$way" vip ${options[$n]} \
			-o "ProxyCommand=$top/regress/e2e/flip.py $VIP 22" 2>/dev/null ||
			fail "$n-$way: login"
	done
done
login witness vip
# The relay of a session: ssh's only child.
relay() {
	lab exec client -- pgrep -P "${pty_pid[$1]}" -f flip.py
}
crash_serving
lives witness
for n in "${!options[@]}"; do
	for way in up down; do
		shell_answers "$n-$way" 15000 || fail "$n-$way: $pty_answer"
	done
done
errors='Corrupted MAC on input|message authentication code incorrect|padding error|Bad packet length'
said_since() {
	(($(lab exec "$survivor" -- grep -Ec "$errors" /var/log/sshd.log) > $1))
}
for n in "${!options[@]}"; do
	before=$(lab exec "$survivor" -- grep -Ec "$errors" /var/log/sshd.log || :)
	lab exec client -- kill -USR1 "$(relay "$n-up")"
	pty "$n-up" 'send touch $HOME/corrupt-$$\r'
	check "$n: sshd ends the session" pty "$n-up" 'wait 15000'
	is "$n: exit status" "$(jq .status <<<"$pty_answer")" 255
	check "$n: sshd says why" within 5 said_since "${before:-0}"
	lab exec client -- kill -USR2 "$(relay "$n-down")"
	pty "$n-down" 'send echo\r'
	check "$n: the client ends the session" pty "$n-down" 'wait 15000'
	is "$n: exit status" "$(jq .status <<<"$pty_answer")" 255
	check "$n: the client says why" grep -Eq "$errors" "$scratch/pty-$n-down.out"
done
is "nothing of it was done" "$(lab exec "$survivor" -- sh -c 'ls /home/lab/corrupt-* 2>/dev/null | wc -l')" 0
lives witness
no_login_on_survivor
done_testing
