#!/bin/bash
# SPDX-License-Identifier: ISC
# An interactive session of Debian's ssh over IPv4 outlives its host.
. "$(dirname "$0")/lib.bash"
detect=500	# the lab's own
. "$top/regress/e2e/fencing.bash"
row "Primary's host dies"
alias=vip options=()
. "$(dirname "$0")/one-failover.bash"
