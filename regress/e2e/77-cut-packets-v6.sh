#!/bin/bash
# SPDX-License-Identifier: ISC
# As 77-cut-packets, over IPv6.
. "$(dirname "$0")/77-cut-packets.sh"
