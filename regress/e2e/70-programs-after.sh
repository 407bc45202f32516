#!/bin/bash
# SPDX-License-Identifier: ISC
# A shared connection through a crash: what ran over it ends honestly, what is
# started then behaves as before: exit status, signals, environment, order and
# ends of the streams, bulk both ways, sftp, scp.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
ssh_env=(_JEEBS_A='a  b' _JEEBS_NOT=x _OTHER=y)
lab_up --set sshd.AcceptEnv=_JEEBS_A --set 'sshd.SetEnv=JEEBS_SET=server' \
	--set sshd.Banner=/etc/ssh/banner
for h in alpha beta; do
	lab exec "$h" -- sh -c 'echo "the banner of the VIP" >/etc/ssh/banner'
done
chmod 755 "$scratch"
head -c 3000000 /dev/urandom >"$scratch/data"
sum=$(md5sum <"$scratch/data")
scp_options=(-F "$SSH_CONFIG" -o ControlPath="$scratch/m.ctl" -o ProxyCommand=false)

battery() {
	local s
	for s in 0 1 4 5 44 255; do
		echo "exit $s: $(status_of m vip "exit $s") $(cat "$scratch/over.err")"
	done
	echo "signal: $(status_of m vip 'kill -TERM $$') $(cat "$scratch/over.err")"
	echo "env: $(over m -o 'SendEnv=_JEEBS_* _OTHER' vip \
		'echo "$_JEEBS_A,$_JEEBS_NOT,$_OTHER,$JEEBS_SET"')"
	echo "streams: $(over m vip 'echo out; echo err >&2' 2>/dev/null)" \
		"$(over m vip 'echo out; echo err >&2' 2>&1 >/dev/null)"
	echo "stderr after the end of stdout: $(over m vip \
		'exec >&-; sleep 0.2; seq 20000 >&2' 2>&1 >/dev/null | md5sum)"
	echo "stdin ends: $(seq 5 | over m vip 'cat; echo end')"
	echo "no stdin: $(over m -n vip 'cat; echo end')"
	echo "pty: $(over m -tt vip 'test -t 0 && stty size && echo $TERM' | tr -d '\r')"
	echo "down: $(over m vip "cat $scratch/data" | md5sum)"
	echo "up: $(over m vip md5sum <"$scratch/data")"
	echo "both ways: $(over m vip cat <"$scratch/data" | md5sum)"
	echo "yes | head: $(over m vip 'yes | head -n 20000' | wc -l)"
	over m vip 'yes' </dev/null 2>/dev/null | head -n 1 >/dev/null || :
	over m vip 'sleep 0.3; echo late' </dev/null 2>/dev/null | : || :
	echo "after broken pipes: $(over m vip 'echo fine')"
	lab exec client -- timeout 30 sftp "${scp_options[@]}" -q -b - vip >/dev/null <<-END
		put $scratch/data /tmp/$tid.$$
		get /tmp/$tid.$$ $scratch/back
	END
	echo "sftp: $? $(md5sum <"$scratch/back")"
	rm -f "$scratch/back" "/tmp/$tid.$$"
	lab exec client -- timeout 30 scp "${scp_options[@]}" -q \
		"$scratch/data" "vip:/tmp/$tid.$$"
	echo "scp: $? $(md5sum <"/tmp/$tid.$$")"
	rm -f "/tmp/$tid.$$"
}

master m vip -o "SendEnv=_JEEBS_* _OTHER"
adoptable 1
battery >"$scratch/battery-before.out" 2>&1
is "transfer is what was sent" "$(grep -c "${sum%% *}" "$scratch/battery-before.out")" 5
is "environment, filtered" "$(grep ^env: "$scratch/battery-before.out")" \
	'env: a  b,,,server'

declare -A lost=([down]='cat /dev/zero' [up]='cat >/dev/null' [quiet]='sleep 1000'
	[stderr]='yes >&2' [pty]='sleep 1000')
declare -A job
for n in "${!lost[@]}"; do
	t=-T in=/dev/null
	[[ $n != pty ]] || t=-tt
	[[ $n != up ]] || in=/dev/zero
	over m $t vip "${lost[$n]}" <$in >"$scratch/lost-$n" 2>"$scratch/lost-$n.err" &
	job[$n]=$!
done
programs() {
	lab exec alpha -- pgrep -cu "$USER_NAME" -x 'cat|sleep|yes'
}
# This one has ended, its status is told; what it left behind holds stdout.
over m vip 'sleep 1000 & echo ended; exit 3' </dev/null >"$scratch/ended" 2>&1 &
ended=$!
check "one has ended" within 10 grep -q ended "$scratch/ended"
check "six programs run" within 10 eval '(($(programs) == 6))'
# The flood of the one on stderr shall have arrived.
check "bytes arrive" within 10 test -s "$scratch/lost-stderr.err"
crash_serving
for n in "${!lost[@]}"; do
	wait "${job[$n]}" && status=0 || status=$?
	is "lost, $n: exit status" "$status" 255
	check "lost, $n: it says why" grep -aq "jeebs: host $victim failed at" \
		"$scratch/lost-$n" "$scratch/lost-$n.err"
done
wait "$ended" && status=0 || status=$?
is "ended: exit status" "$status" 3
is "ended: nothing else is said of it" "$(cat "$scratch/ended")" ended
rm -f "$scratch"/lost-*
battery >"$scratch/battery-after.out" 2>&1
same_as_before battery
check "the connection is the old one" kill -0 "${master_job[m]}"
is "the banner was shown once" "$(grep -c 'the banner of the VIP' "$scratch/master-m.out")" 1
no_login_on_survivor
done_testing
