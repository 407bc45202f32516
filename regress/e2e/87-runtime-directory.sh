#!/bin/bash
# SPDX-License-Identifier: ISC
# The directory of jeebsd's sockets is removed when its service stops, and is root's
# for a moment when it is made anew: sshd-adopt finds jeebsd again all the same, and
# adopts.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip
protected_again
lab exec beta -- bash -c 'kill -KILL "$(</run/jeebsd.pid)"
	rm -r /run/jeebs
	mkdir -m 755 /run/jeebs'
check "sshd-adopt listens in root's directory" within 5 \
	lab exec beta -- test -S /run/jeebs/adopt.sock
lab exec beta -- chown _jeebs: /run/jeebs
start_jeebsd beta
protected_again
crash_serving
lives a
done_testing
