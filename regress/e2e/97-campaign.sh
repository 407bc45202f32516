#!/bin/bash
# SPDX-License-Identifier: ISC
# Runs of the campaign that failed once: regress/campaign/seeds says of what.
# timeout: 300
status=0
for seed in 20261202 93000087; do
	"$(dirname "$0")/../campaign/campaign-run" "$seed" || status=1
done
exit "$status"
