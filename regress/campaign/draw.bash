# SPDX-License-Identifier: ISC
# What a run of the campaign does, drawn from its seed alone and before anything
# else: nothing that happens in the run changes it.

draw_ciphers=(chacha20-poly1305@openssh.com aes128-gcm@openssh.com aes256-gcm@openssh.com
	aes128-ctr aes256-ctr)
draw_works=(both up down keys half churn shell nested idle)
# Each as often as it is likely.
draw_faults=(crash crash crash crash pause pause freeze loss loss loss standby-crash
	cut-link cut-lan cut-oneway cut-client jeebsd-primary jeebsd-standby sshd)
# Beside those, from this seed on: what older ones draw stays as it was.
draw_more_from=100000000
draw_more=(lossy cut-lan-from cut-lan-to sshd-standby adopt-standby stop-primary
	stop-standby)

# one_of NAME VALUE...
one_of() {
	local -n drawn=$1
	shift
	drawn=${*:1 + (RANDOM << 15 | RANDOM) % $#:1}
}

# draw SEED: sets family, cipher, mirror, rekey, works, faults and moments (ms
# after the streams run, or are protected again).
draw() {
	local n left i skip ms fault kinds=("${draw_faults[@]}")
	(($1 < draw_more_from)) || kinds+=("${draw_more[@]}")
	RANDOM=$1
	# Seeds that are near give numbers that are.
	for skip in {1..8}; do : "$RANDOM"; done
	one_of family vip vip6
	one_of cipher "${draw_ciphers[@]}"
	one_of mirror on off
	one_of rekey none none 64K
	works=() faults=() moments=()
	left=("${draw_works[@]}")
	one_of n 2 3 4
	while ((n-- > 0)); do
		i=$((RANDOM % ${#left[@]}))
		works+=("${left[i]}")
		left=("${left[@]:0:i}" "${left[@]:i+1}")
	done
	one_of n 1 2 3
	while ((n-- > 0)); do
		one_of fault "${kinds[@]}"
		one_of ms {0..1500}
		faults+=("$fault")
		moments+=("$ms")
	done
	one_of pause_ms 10 50 100 200 300 400 600 1000
	one_of freeze_ms 1500 3000 6000
	one_of cut_ms 50 100 200 500 1000 3000
	one_of loss 1 2 3 4 5
}

drawn() {
	local i said=
	for i in "${!faults[@]}"; do
		said+=" ${faults[i]}@${moments[i]}"
	done
	echo "$family $cipher mirror=$mirror rekey=$rekey pause=$pause_ms" \
		"freeze=$freeze_ms cut=$cut_ms loss=$loss works: ${works[*]} faults:$said"
}

# said_kinds: what is in the array kinds, how many of each fault.
said_kinds() {
	local fault said=
	for fault in $(printf '%s\n' "${!kinds[@]}" | sort); do
		said+="${said:+, }$fault ${kinds[$fault]}"
	done
	echo "$said"
}
