#!/bin/bash
# SPDX-License-Identifier: ISC
# As 69-unread-input, over IPv6.
. "$(dirname "$0")/69-unread-input.sh"
