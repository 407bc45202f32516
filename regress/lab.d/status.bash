# SPDX-License-Identifier: ISC
# What the two jeebsd say about themselves, as one answer.

# This is what tests poll: no process but the two jeebsctl.

# statuses: jeebsctl's JSON of each server in said[HOST], "null" when it is down,
# or doesn't answer in two seconds.
declare -A said
statuses() {
	local h fd
	local -A from=()
	freezer_known
	for h in "${servers[@]}"; do
		said[$h]=null
		host_up "$h" && ! freezer_frozen "$h" || continue
		exec {fd}< <(exec "$build/monitor/jeebsctl" \
			-s "$state/hosts/$h/run/jeebs/ctl.sock" status --json 2>/dev/null)
		from[$h]=$fd
	done
	for h in "${!from[@]}"; do
		fd=${from[$h]}
		read -rt 2 -u "$fd" "said[$h]" && [[ ${said[$h]} ]] || said[$h]=null
		exec {fd}<&-
	done
}

# Both as one answer, in the variable json.
lab_status_json() {
	local h serving=null standby=null sessions=0 protected=0
	local -a primaries=() standbys=()
	statuses
	for h in "${servers[@]}"; do
		[[ ${said[$h]} =~ \"role\":\"([a-z]+)\" ]] || continue
		case ${BASH_REMATCH[1]} in
		primary) primaries+=("$h") ;;
		standby) standbys+=("$h") ;;
		*) continue ;;
		esac
		# What comes first is of the host, not of one of its sessions.
		[[ ${said[$h]} =~ \"protected\":(true|false) &&
			${BASH_REMATCH[1]} == true ]] && protected=$((protected + 1))
	done
	((${#primaries[@]} == 0)) || {
		serving=\"${primaries[0]}\"
		[[ ${said[${primaries[0]}]} =~ \"sessions\":([0-9]+) ]] &&
			sessions=${BASH_REMATCH[1]}
	}
	((${#standbys[@]} == 0)) || standby=\"${standbys[0]}\"
	((${#primaries[@]} == 1 && ${#standbys[@]} == 1 && protected == 2)) &&
		protected=true || protected=false
	json="{\"serving\":$serving,\"standby\":$standby,\"protected\":$protected"
	json+=",\"sessions\":$sessions,\"hosts\":{\"alpha\":${said[alpha]},\"beta\":${said[beta]}}}"
}

lab_status() {
	local json
	lab_status_json
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

# wait_protected SECONDS: until the standby protects, else says who doesn't.
wait_protected() {
	local json deadline=$((SECONDS + $1 * ${TIMEOUT_FACTOR:-1}))
	until lab_status_json && [[ $json == *'"protected":true,"sessions"'* ]]; do
		((SECONDS < deadline)) || {
			jq -c 'del(.hosts)' <<<"$json" >&2
			die "no standby protects after $1 s: regress/lab log alpha, beta"
		}
		nap 0.05
	done
}
