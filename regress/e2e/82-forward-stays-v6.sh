#!/bin/bash
# SPDX-License-Identifier: ISC
# As 82-forward-stays, over IPv6.
# timeout: 120
. "$(dirname "$0")/82-forward-stays.sh"
