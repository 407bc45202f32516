#!/bin/bash
# SPDX-License-Identifier: ISC
# The auditor isn't silent when something is wrong: alpha's packet filter is
# emptied, so that a dying sshd says FIN and alpha goes on to speak as the VIP
# after its lease. And it says so when there is nothing to audit.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip
check "the shell answers" shell_answers a 5000
lab exec alpha -- bash -c 'nft flush ruleset
	kill -KILL $(pgrep -x sshd-session) "$(</run/jeebsd.pid)"'
check "the client is told of the end" pty a 'wait 5000'
sleep 1		# twice the lease
refuses "alpha speaks as the VIP" lab exec alpha -- timeout 1 \
	ssh -o BatchMode=yes -b "$VIP" 10.77.0.3
audit_finds ending lease
lab down

lab_up
audit_finds evidence
done_testing
