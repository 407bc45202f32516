#!/bin/bash
# SPDX-License-Identifier: ISC
# A primary whose kernel doesn't fall silent when the lease has run out: the
# auditor sees it.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
scenario() {
	login a vip
	asks alpha 4
	lab cut alpha beta
	check "beta took over" within 5 log_has beta jeebsd.log 'takeover done'
	wait "$asker" || :
}
catches lease-ignored lease alpha
done_testing
