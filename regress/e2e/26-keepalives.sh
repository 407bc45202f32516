#!/bin/bash
# SPDX-License-Identifier: ISC
# Keepalives both ways, three times as often as the session could bear to miss.
. "$(dirname "$0")/lib.bash"
lab_up --set sshd.ClientAliveInterval=1 --set sshd.ClientAliveCountMax=3
login a vip -v -E "$scratch/ssh.out" -o ServerAliveInterval=1 -o ServerAliveCountMax=3
login quiet vip -o ServerAliveInterval=0
crash_serving
# Nobody types: only keepalives go, for longer than either side's patience.
pty a 'sleep 8000' || :
lives a
lives quiet
refuses "the client missed nothing for long" grep -q 'Timeout, server' "$scratch/ssh.out"
done_testing
