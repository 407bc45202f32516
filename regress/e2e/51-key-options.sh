#!/bin/bash
# SPDX-License-Identifier: ISC
# What a key or certificate was restricted to holds after adoption too: forced
# commands, no terminal, no forwarding; and root with forced commands only.
. "$(dirname "$0")/lib.bash"
lab_up --set "sshd.TrustedUserCAKeys=$scratch/ca.pub" \
	--set sshd.PermitRootLogin=forced-commands-only
chmod 755 "$scratch"
for key in ca forced restricted cert; do
	ssh-keygen -q -t ed25519 -N '' -C "$key" -f "$scratch/$key"
done
# What is forced says where, and what the client asked for instead.
forced='echo forced-$(hostname)-$SSH_ORIGINAL_COMMAND'
ssh-keygen -q -s "$scratch/ca" -I test -n lab -O clear -O permit-pty \
	-O "force-command=$forced" -O source-address=10.77.0.0/24 "$scratch/cert.pub"
for h in alpha beta; do
	lab exec "$h" -- tee -a /etc/ssh/authorized_keys/{lab,root} >/dev/null <<-END
		command="$forced" $(<"$scratch/forced.pub")
		restrict $(<"$scratch/restricted.pub")
	END
done

# mux NAME ARGS...: a new channel on NAME's connection.
mux() {
	local n=$1
	shift
	lab exec client -- timeout 20 ssh -F "$SSH_CONFIG" -S "$scratch/mux-$n" \
		-o ControlMaster=no "$@" 2>&1 </dev/null || :
}

# master NAME KEY USER: a connection without a session.
master() {
	lab exec client -- ssh -F "$SSH_CONFIG" -M -N -S "$scratch/mux-$1" \
		-o IdentityFile=none -i "$scratch/$2" -l "$3" vip \
		>"$scratch/$1.out" 2>&1 &
	master_job[$1]=$!
	check "$1: login" within 10 test -S "$scratch/mux-$1"
}
declare -A master_job

all_hold() {
	local on=$1
	is "forced: the command" "$(mux forced vip wanted)" "forced-$on-wanted"
	is "root: the command" "$(mux root vip wanted)" "forced-$on-wanted"
	is "certificate: the command" "$(mux cert vip wanted)" "forced-$on-wanted"
	is "restricted: commands" "$(mux restricted vip hostname)" "$on"
	check "restricted: no terminal" grep -q 'PTY allocation request failed' \
		<<<"$(mux restricted -tt vip true)"
	check "restricted: no forwarding" grep -q 'prohibited' \
		<<<"$(mux restricted -W "$TARGET:22" vip)"
	check "certificate: no forwarding" grep -q 'prohibited' \
		<<<"$(mux cert -W "$TARGET:22" vip)"
}

refuses "root without a forced command" lab exec client -- ssh -n \
	-F "$SSH_CONFIG" -l root vip true
master forced forced lab
master root forced root
master cert cert lab
master restricted restricted lab
all_hold alpha
check "all protected" within 10 eval \
	'[[ $(lab status --json | jq "[.hosts.alpha.sessions_detail[] |
		select(.protected)] | length") == 4 ]]'
crash_serving
all_hold "$survivor"
for m in "${!master_job[@]}"; do
	check "$m: the same client process" kill -0 "${master_job[$m]}"
done
no_login_on_survivor
done_testing
