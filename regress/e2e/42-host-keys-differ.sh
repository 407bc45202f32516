#!/bin/bash
# SPDX-License-Identifier: ISC
# The standby has other host keys: a session is not protected by it and works as
# ever; the log says why; when the primary dies it is reset, not left hanging.
. "$(dirname "$0")/lib.bash"
lab_up
lab exec beta -- bash -c 'rm /etc/ssh/vip_*; for t in ed25519 ecdsa; do
	ssh-keygen -q -t $t -N "" -f /etc/ssh/vip_$t; done; sync'
lab crash beta
lab boot beta --no-wait
check "beta is there" within 15 eval \
	'[[ $(lab status --json | jq -r .hosts.beta.role) == standby ]]'
login a vip
check "the session works" shell_answers a 5000
check "a log line about host keys" within 10 eval \
	'lab log alpha | grep -i "host key"'
done_testing
