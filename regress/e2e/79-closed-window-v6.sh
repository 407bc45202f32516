#!/bin/bash
# SPDX-License-Identifier: ISC
# As 79-closed-window, over IPv6.
# timeout: 90
. "$(dirname "$0")/79-closed-window.sh"
