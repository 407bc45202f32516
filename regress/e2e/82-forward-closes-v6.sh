#!/bin/bash
# SPDX-License-Identifier: ISC
# As 82-forward-closes, over IPv6.
# timeout: 90
. "$(dirname "$0")/82-forward-closes.sh"
