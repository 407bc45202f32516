#!/bin/bash
# SPDX-License-Identifier: ISC
# As 65-cut-offer, a moment later.
. "$(dirname "$0")/65-cut-offer.sh"
