#!/bin/bash
# SPDX-License-Identifier: ISC
# Each adopted session is a process executed for it: no two of sshd-adopt's
# processes but a session's own two have the same memory layout. Those that
# wait for a session go with sshd-adopt, sessions stay.
. "$(dirname "$0")/lib.bash"
lab_up
login a vip
login b vip
crash_serving
lives a
lives b

# Of each process of sshd-adopt: pid, parent, title, where its program lies.
adopts() {
	lab exec "$survivor" -- bash -c 'for p in /proc/[0-9]*; do
		t=$(tr "\0" " " <$p/cmdline) || continue
		[[ $t == sshd-adopt:* ]] || continue
		base=$(grep -m 1 "/sshd-adopt$" $p/maps) || continue
		echo "${p#/proc/} $(awk "/^PPid/ { print \$2 }" $p/status) ${base%%-*} $t"
	done' 2>/dev/null
}

adopts >"$scratch/adopts.out"
supervisor=$(awk '$5 == "[adopt]" { print $1 }' "$scratch/adopts.out")
is "one supervisor" "$(wc -w <<<"$supervisor")" 1
is "two sessions" "$(grep -c 'lab \[priv\]' "$scratch/adopts.out")" 2
# A session's user process is forked from its monitor, as in sshd-session.
awk '!/lab@|lab$|lab *$/ { print $3 }' "$scratch/adopts.out" >"$scratch/bases"
is "memory layouts" "$(sort -u "$scratch/bases" | wc -l)" \
	"$(wc -l <"$scratch/bases")"
lab exec "$survivor" -- kill -KILL "$supervisor"
check "those that waited are gone" within 5 eval \
	'! adopts | awk -v old="$supervisor" "\$2 == old && /spare/" | grep -q .'
check "a is there" shell_answers a 5000
check "b is there" shell_answers b 5000
done_testing
