#!/bin/bash
# SPDX-License-Identifier: ISC
# Forwards by what the key of their login and the next host's sshd_config permit: a
# key's permitopen and restrict come along, the host's own AllowTcpForwarding,
# DisableForwarding and PermitOpen count besides. What isn't permitted ends, the
# session and all else go on; and so back on the host on which it was permitted.
# timeout: 90
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold

# key NAME OPTIONS: the account may log in with that one, too.
key() {
	local h
	ssh-keygen -q -t ed25519 -N '' -f "$scratch/$1"
	for h in alpha beta; do
		lab exec "$h" -- sh -c 'printf "%s\n" "$1" >>"/etc/ssh/authorized_keys/$2"' \
			sh "$2 $(<"$scratch/$1.pub")" "$USER_NAME"
	done
}
key listed "permitopen=\"$TARGET:7000\",permitopen=\"[$TARGET6]:7000\",permitopen=\"target4:7001\""
key restricted 'restrict,port-forwarding,permitopen="*:7000",permitopen="*:7002"'
# The next host's file isn't asked again.
lab exec beta -- sed -i 's/^restrict,port-forwarding.* ssh-/restrict ssh-/' \
	"/etc/ssh/authorized_keys/$USER_NAME"
# Of that family only, since only that of the session moves.
lab exec alpha -- sh -c 'echo "$1 target4" >>/etc/hosts' sh "$TARGET"
lab exec beta -- sh -c 'cat >>/etc/ssh/sshd_config && kill -HUP "$(cat /run/sshd.pid)"' <<END
Match User $USER_NAME LocalAddress $VIP
PermitOpen *:7000 *:7001
Match User root LocalAddress $VIP
AllowTcpForwarding no
Match User root LocalAddress $VIP6
DisableForwarding yes
END
check "beta: sshd reads its settings" within 10 has_read beta

lab exec target -- python3 "$top/regress/e2e/ticks.py" 7001 7002 7003 >"$scratch/ticks.out" 2>&1 &
check "ticks" within 15 grep -q ready "$scratch/ticks.out"
serve_streams
master listed vip -i "$scratch/listed" -L "7100:$TARGET:7000" -L "7101:target4:7001"
master listed6 vip6 -i "$scratch/listed" -L "7200:[$TARGET6]:7000"
master restricted vip -i "$scratch/restricted" -L "7300:$TARGET:7000" -L "7301:$TARGET:7002"
master no vip -l root -L "7400:$TARGET:7003"
master disabled vip6 -l root -L "7500:[$TARGET6]:7003"
declare -A vip=([listed]=vip [listed6]=vip6 [restricted]=vip [no]=vip [disabled]=vip6)
adoptable 5

# opens NAME PORT: asks for one more, to target, which says something at once.
opens() {
	[[ $(over "$1" -W "$TARGET:$2" "${vip[$1]}" </dev/null | head -c 1) ]]
}

stream listed 127.0.0.1:7100 400000 400000
stream listed6 127.0.0.1:7200 400000 400000
stream restricted 127.0.0.1:7300 400000 400000
streams_run
from named 7101
from unlisted 7301
from no 7400
from disabled 7500
for n in named unlisted no disabled; do
	check "$n: open" within 10 grep -q open "$scratch/$n.out"
done
adoptable 5
for n in listed listed6 restricted; do
	refuses "$n: what its key's line doesn't list" opens "$n" 7003
done
crash_serving
for n in named unlisted no disabled; do
	check "$n: ends" within 10 grep -q '^eof' "$scratch/$n.out"
done
check "their targets hear of it" within 10 eval '(($(grep -c reset "$scratch/ticks.out") == 4))'
is "ends for that reason" "$(lab exec "$survivor" -- \
	grep -c "its target isn't permitted on this host" /var/log/sshd.log)" 4
for n in "${!vip[@]}"; do
	is "$n: a new channel" "$(over "$n" "${vip[$n]}" hostname </dev/null)" "$survivor"
done
for n in listed listed6 restricted; do
	refuses "$n: what its key's line doesn't list, on $survivor" opens "$n" 7003
done
refuses "what the key lists and PermitOpen doesn't" opens restricted 7002
refuses "AllowTcpForwarding no" opens no 7003
refuses "DisableForwarding" opens disabled 7003
no_login_on_survivor

lab boot "$victim"
adoptable 5
crash_serving
check "takeover by $survivor" within 15 log_has "$survivor" jeebsd.log 'takeover done: 5 of 5'
check "$survivor permits what the key lists" opens restricted 7002
check "what AllowTcpForwarding had forbidden" opens no 7003
check "what DisableForwarding had" opens disabled 7003
for n in listed listed6 restricted; do
	refuses "$n: what its key's line doesn't list, back on $survivor" opens "$n" 7003
done
end_streams 20
target_is_whole 3
done_testing
