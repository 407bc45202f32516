#!/bin/bash
# SPDX-License-Identifier: ISC
# A host that hears of a newer epoch and serves on: the auditor sees it.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/mutant.bash"
scenario() {
	login a vip
	asks alpha 6
	lab pause alpha
	victim=alpha survivor=beta
	lives a
	lab resume alpha
	check "alpha hears of the newer epoch" within 5 log_has alpha jeebsd.log \
		'epoch 2: .*newer epoch'
	wait "$asker" || :
}
catches epoch-ignored epoch alpha
done_testing
