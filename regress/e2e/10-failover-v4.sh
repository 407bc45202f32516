#!/bin/bash
# SPDX-License-Identifier: ISC
# An interactive session of Debian's ssh over IPv4 outlives its host.
# row: Primary's host dies
. "$(dirname "$0")/lib.bash"
alias=vip options=()
. "$(dirname "$0")/one-failover.bash"
