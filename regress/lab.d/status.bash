# SPDX-License-Identifier: ISC
# What the two jeebsd say about themselves, as one answer.

# jeebsctl's JSON of HOST, or nothing when it is down or doesn't answer.
host_status() {
	host_up "$1" && ! freezer_frozen "$1" || return 0
	(lab_exec "$1" -- timeout 2 "$build/monitor/jeebsctl" \
		status --json) 2>/dev/null || :
}

lab_status_json() {
	local a b
	freezer_known
	a=$(host_status alpha)
	b=$(host_status beta)
	jq -cn --argjson alpha "${a:-null}" --argjson beta "${b:-null}" '
		{alpha: $alpha, beta: $beta} as $h
		| ([$h | to_entries[] | select(.value.role == "primary")]) as $p
		| ([$h | to_entries[] | select(.value.role == "standby")]) as $s
		| {
			serving: ($p[0].key // null),
			standby: ($s[0].key // null),
			protected: (($p | length) == 1 and ($s | length) == 1
				and $p[0].value.protected and $s[0].value.protected),
			sessions: ($p[0].value.sessions // 0),
			hosts: $h
		}'
}

lab_status() {
	local json
	json=$(lab_status_json)
	if [[ ${1-} == --json ]]; then
		echo "$json"
	elif (($# == 0)); then
		jq -r '"serving    \(.serving // "nobody")",
			"standby    \(.standby // "nobody")",
			"protected  \(if .protected then "yes" else "no" end)",
			"sessions   \(.sessions)"' <<<"$json"
	else
		die "usage: status [--json]"
	fi
}

# Without jq: a first look.
may_protect() {
	[[ $(host_status "$1") == *'"protected":true'* ]]
}

protects() {
	freezer_known
	may_protect alpha && may_protect beta &&
		[[ $(lab_status_json) == *'"protected":true,"sessions"'* ]]
}

# wait_protected SECONDS: until the standby protects, else says who doesn't.
wait_protected() {
	local deadline=$((SECONDS + $1 * ${TIMEOUT_FACTOR:-1}))
	until protects; do
		((SECONDS < deadline)) || {
			lab_status_json | jq -c 'del(.hosts)' >&2
			die "no standby protects after $1 s: regress/lab log alpha, beta"
		}
		nap 0.05
	done
}
