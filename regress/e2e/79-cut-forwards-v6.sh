#!/bin/bash
# SPDX-License-Identifier: ISC
# As 79-cut-forwards, over IPv6.
# timeout: 120
. "$(dirname "$0")/79-cut-forwards.sh"
