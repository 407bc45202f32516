#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 300
# A dozen combinations of `make matrix` with the clients that are always there.
exec "$(dirname "$0")/../matrix/matrix" -b "$(dirname "$0")/../matrix/check.json"
