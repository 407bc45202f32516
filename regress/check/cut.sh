#!/bin/bash
# SPDX-License-Identifier: ISC
# The recorded session, cut near the edges of its records and at every 499th
# other byte. All bytes: make cut.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
exec "${JEEBS_BUILD:-$top/build}/fuzz/cut" -e 499 "$top/regress/cut/run"
