#!/bin/bash
# SPDX-License-Identifier: ISC
# OpenSSH 10.0's own client, with its defaults (mlkem768x25519-sha256).
. "$(dirname "$0")/lib.bash"
lab_up
pty_start a "$build/openssh/ssh" -v -E "$scratch/ssh.out" -F "$SSH_CONFIG" vip
check "login" pty a 'expect 10000 \$ $'
check "the client is 10.0" grep -q 'OpenSSH_10\.0' "$scratch/ssh.out"
check "hybrid key exchange" grep -q 'kex: algorithm: mlkem768x25519-sha256' \
	"$scratch/ssh.out"
crash_serving
lives a
check "typing on" pty a 'type 2000 qwertyuiop'
done_testing
