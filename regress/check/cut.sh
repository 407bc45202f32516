#!/bin/bash
# SPDX-License-Identifier: ISC
# The recorded session, cut at the edges of its frames and records and at every
# 997th other byte; and what must be found wrong. All bytes: make cut.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
"${JEEBS_BUILD:-$top/build}/fuzz/cut" -e 997 "$top/regress/cut/run"
"$top/regress/cut/faults" "$top/regress/cut/run" \
	no-{RECORD,INPUT,COVER,FORWARD,TAKEN,CLOSE}
