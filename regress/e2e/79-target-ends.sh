#!/bin/bash
# SPDX-License-Identifier: ISC
# A forward's target ends the connection while no host is there to hear it, while it
# is being taken over, and before the crash, when the standby has it and sshd hasn't:
# by FIN, with and without bytes before it, or by a reset; or its listener ends and
# the connection goes on. Clients get every byte before a FIN, and hear of each end.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
# Long enough for the target to end in.
lab_up --input hold --testing --set timing.detect=2500ms
lab exec target -- python3 "$top/regress/e2e/ends.py" serve 7000 7001 >"$scratch/target.out" 2>&1 &
check "two servers" within 15 eval '(($(grep -c ready "$scratch/target.out") == 2))'
seq 100000 >"$scratch/numbers"
declare -A size=([none]=1000 [fin]=2000 [much]=100000 [shut]=2000 [listener]=3000 [rst]=1000 [rst-data]=2000)
for way in "${!size[@]}"; do
	size[$way]=$(seq "${size[$way]}" | wc -c)
done

# Of each family, and one of each of which sshd stands still before the crash.
declare -A port=([m]=7100 [m6]=7200 [s]=7300 [s6]=7400)
for n in "${!port[@]}"; do
	to=$TARGET vip=vip
	[[ $n != *6 ]] || to="[$TARGET6]" vip=vip6
	master "$n" "$vip" -L "${port[$n]}:$to:7000" -L "$((port[$n] + 1)):$to:7001"
done

# opened GO MASTER WAY...: connections named GO-MASTER-WAY, which end by GO.
opened() {
	local go=$1 n=$2 way at of=()
	for way in "${@:3}"; do
		all+=("$go-$n-$way")
		at=${port[$n]}
		[[ $way != listener ]] || at=$((at + 1))
		of+=("$at" "$go-$n-$way" "$way" "$scratch/$go")
	done
	lab exec client -- python3 "$top/regress/e2e/ends.py" read "$scratch" \
		"${of[@]}" >"$scratch/read-$go-$n.out" 2>&1 &
	readers+=($!)
}
# They have what comes before.
greeted() {
	local n
	for n in "${all[@]}"; do
		check "$n is open" within 10 eval \
			'(($(stat -c %s "$scratch/$n.got") == size[none]))'
	done
	adoptable 4
}
# done_all GO N: so many were ended by GO.
done_all() {
	local go=$1 n=$2
	touch "$scratch/$go"
	check "target has ended those of $go" within 10 eval \
		'(($(grep -c "$go done" "$scratch/target.out") == n))'
}
# Every one of them is as it should be.
ended() {
	local n way how got
	for n in "${readers[@]}"; do
		check "clients hear of all ends" within 20 gone "$n"
	done
	for n in "${all[@]}"; do
		way=${n#*-*-}
		how=$(sed -n "s/^$n //p" "$scratch/read-${n%-"$way"}.out")
		got=$(stat -c %s "$scratch/$n.got")
		check "$n: no byte is wrong" cmp -n "$got" "$scratch/$n.got" "$scratch/numbers"
		if [[ $way == rst* ]]; then
			check "$n: ends ($how)" grep -Eq 'eof|reset' <<<"$how"
			check "$n: what had come before" test "$got" -ge "${size[none]}"
		else
			is "$n" "$how" eof
			is "$n: bytes" "$got" "${size[$way]}"
		fi
	done
	heard=$(grep -c 'heard 100000$' "$scratch/target.out" || :)
	is "target heard out those it was to" "$heard" "$1"
	for n in "${!port[@]}"; do
		vip=vip
		[[ $n != *6 ]] || vip=vip6
		is "$n: a new channel" "$(over "$n" "$vip" hostname </dev/null)" "$survivor"
	done
	check "$survivor has done with all of them" within 10 eval '[[ ! $(lab exec \
		"$survivor" -- ss -tnH state all "( dport = :7000 or dport = :7001 )" |
		grep -v TIME-WAIT) ]]'
	all=() readers=()
}
gone() {
	! kill -0 "$1"
}

all=() readers=()
for n in m m6; do
	opened silent "$n" none fin much shut rst rst-data listener
done
for n in s s6; do
	opened before "$n" none fin much shut rst rst-data
done
greeted
victim=$(serving) survivor=$(other "$victim")
pids=$(for n in s s6; do over "$n" vip 'echo $PPID' </dev/null; done)
lab exec "$victim" -- kill -STOP $pids
done_all before 12
# TCP has it, and has said so.
check "ends before the crash are acknowledged" within 5 eval '(($(lab exec target -- \
	ss -tnH state fin-wait-2 sport = :7000 | wc -l) >= 6))'
lab crash "$victim"
done_all silent 14
refuses "nobody has taken over" log_has "$survivor" jeebsd.log 'takeover done'
check "takeover" within 15 log_has "$survivor" jeebsd.log 'takeover done: 4 of 4'
is "listeners that target has left" \
	"$(lab exec target -- ss -tnlH 'sport = :7001' | wc -l)" 0
touch "$scratch/silent-late"
ended 4
no_login_on_survivor

lab boot "$victim"
for n in m m6; do
	opened during "$n" none fin much shut rst rst-data
done
greeted
crash_serving
lab switch "$survivor" go-late
check "all are about to go on" within 15 eval \
	'(($(lab exec "$survivor" -- grep -c "waits for GO" /var/log/jeebsd.log) == 4))'
done_all during 12
lab switch "$survivor"
ended 6
done_testing
