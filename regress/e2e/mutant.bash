# SPDX-License-Identifier: ISC
# For tests of the auditor: `scenario` runs twice in a lab of `up --testing`,
# first on sound programs, which the auditor must have nothing against, then
# with MUTANT switched on at HOSTS, which it must catch with the finding RULE.
#
#   catches MUTANT RULE HOST...

catches() {
	local mutant=$1 rule=$2 h
	shift 2
	echo "without $mutant"
	lab_up --testing
	scenario
	pty_stop a
	lab_down
	echo "with $mutant"
	lab_up --testing
	for h in "$@"; do
		lab switch "$h" "$mutant"
	done
	scenario
	audit_finds "$rule"
	pty_stop a
}

# asks HOST SECONDS: somebody who doesn't hear of a new owner asks HOST for the
# VIP, 10 times a second; each time its kernel may answer, or not. Job: asker.
asks() {
	local mac
	mac=$(lab exec "$1" -- cat /sys/class/net/svc0/address)
	lab exec target -- ip neigh replace "$VIP" lladdr "$mac" dev svc0 \
		nud permanent
	lab exec target -- timeout "$2" bash -c 'while :; do
		timeout 0.1 bash -c "echo >/dev/tcp/$0/9" 2>/dev/null; sleep 0.1
		done' "$VIP" &
	asker=$!
}
