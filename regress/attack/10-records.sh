#!/bin/bash
# SPDX-License-Identifier: ISC
# Real records, edited by somebody who holds the standby's store or the way to
# it, before the real sshd-adopt: bits flipped, cut, shuffled, spliced, rolled
# back, replayed. FLIP_EVERY=1 flips all there is
# (a quarter of an hour).
. "$(dirname "$0")/../e2e/lib.bash"
unaudited="jeebsd is played, and no client uses a VIP"
lab_up --no-wait
# forger plays both jeebsd, and sshd is reached where no lease counts.
# Its directory has to be there first.
for h in alpha beta; do
	check "$h: jeebsd has begun" within 10 \
		lab exec "$h" -- test -S /run/jeebs/export.sock
	stop_jeebsd "$h"
done
address=$(lab exec alpha -- hostname -i | grep -o '10\.77\.[0-9.]*')
direct=(-o HostName="$address" -o HostKeyAlias="$VIP")
login talks vip "${direct[@]}"
pty talks 'send exec {f}<> <(:); while :; do read -t 0.005 -u $f || echo .; done\r'
login quiet vip "${direct[@]}" -l root
coproc forger { lab exec alpha -- "$build/e2e/forger" /run/jeebs \
	"${FLIP_EVERY:-40}" 2>&1 | tee "$scratch/forger.out"; }
to_forger=${forger[1]}
while IFS= read -r -u "${forger[0]}" line; do
	case $line in
	ok:*) ok "${line#ok: }" ;;
	FAIL:*) fail "${line#FAIL: }" ;;
	adopted) break ;;
	*) echo "$line" ;;
	esac
done
is "forger came to its end" "${line-}" adopted
check "the adopted session goes on" shell_answers quiet 10000
check "with the same client" pty quiet alive
exec {to_forger}>&-
check "no process of sshd has crashed" eval \
	'! lab log alpha | grep -Ei "signal (11|6|7|4|8)\b|segfault|core dumped"'
done_testing
