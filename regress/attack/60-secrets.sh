#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 240
# Neither what jeebsd has in memory on either host, nor its files, nor what goes
# over the link opens a session record, and none of it holds a secret that the
# client knows. Then a failover: the keys of what was adopted are gone from
# sshd-adopt and from the monitors. The same search finds both where they are:
# in sshd's and sshd-adopt's memory.
. "$(dirname "$0")/../e2e/lib.bash"
unsanitized "they map terabytes, and the search reads all memory that is mapped"
search=$build/e2e/secret-search
report=$build/e2e/secrets.out
/usr/bin/python3 -c 'import asyncssh' 2>/dev/null ||
	skip "python3-asyncssh is missing: ./bootstrap.sh deps"
"${CC:-gcc}" -shared -fPIC -O2 -Wall -o "$scratch/tls-plain.so" \
	"$top/regress/attack/tls-plain.c"

# pids HOST PATTERN: processes of HOST by what they call themselves.
pids() {
	lab exec "$1" -- pgrep -f "$2"
}

# dump HOST PID NAME
dump() {
	lab exec "$1" -- "$search" dump "$2" >"$scratch/$3.dump"
}

# try NAME...: the search over these dumps, with the records of the standby.
try() {
	local args=() n
	for n in "$@"; do
		args+=("$n=$scratch/$n.dump")
	done
	"$search" try ${quick+-q} -r "$scratch/beta-jeebsd.dump" \
		-k "$scratch/known" -o "$scratch/found" -- "${args[@]}" |
		tee "$scratch/try.out"
	cat "$scratch/try.out" >>"$report"
}

said() {
	grep -Eq "$1" "$scratch/try.out"
}

lab_up
: >"$report"
# The standby again, with all that goes over the link written down.
stop_jeebsd beta
lab exec beta -- install -m 666 /dev/null /var/log/link.plain
lab exec beta -- env LD_PRELOAD="$scratch/tls-plain.so" \
	TLS_PLAIN=/var/log/link.plain bash -c "setsid '$build/monitor/jeebsd' \
	-f /etc/jeebs/jeebsd.conf </dev/null >>/var/log/jeebsd.log 2>&1 &
	echo \$! >/run/jeebsd.pid"
check "protected again" within 15 eval \
	'[[ $(lab status --json | jq .protected) == true ]]'

mkfifo "$scratch/client.in"
lab exec client -- "$top/regress/attack/secret-client.py" "$SSH_CONFIG" vip \
	"$scratch/known" <"$scratch/client.in" >"$scratch/client.out" 2>&1 &
exec {client_in}>"$scratch/client.in"
check "three sessions" within 30 grep -qx ready "$scratch/client.out"
is "secrets of theirs" "$(wc -l <"$scratch/known")" 22

for h in alpha beta; do
	dump "$h" "$(lab exec "$h" -- cat /run/jeebsd.pid)" "$h-jeebsd"
	lab exec "$h" -- tar -cf - -C / run/jeebs var/lib/jeebs var/log \
		etc/jeebs 2>/dev/null >"$scratch/$h-files.dump" || :
done
lab exec beta -- cat /var/log/link.plain >"$scratch/link.dump"
i=0
for p in $(pids alpha '^sshd-session: lab@'); do
	i=$((i + 1))
	dump alpha "$p" "session-$i"
done
is "sessions' processes" "$i" 3
# Of a process that its user may neither trace nor have dumped /proc is root's.
for p in $(lab exec alpha -- cat /run/jeebsd.pid) \
	$(pids alpha '^sshd-session: lab@'); do
	is "$p isn't dumpable" "$(lab exec alpha -- stat -c %u "/proc/$p/mem")" 0
done
dump alpha "$(pids alpha '^sshd-session: lab \[priv' | head -n 1)" monitor
dump beta "$(pids beta '^sshd-adopt: \[adopt\]')" adopt

# Where the secrets are.
quick=1 try session-1 session-2 session-3
is "session processes whose memory opens their own records" \
	"$(grep -c ': 1 of 3 sessions opened' "$scratch/try.out")" 3
for what in gcm ctr chacha; do
	check "their memory has the $what keys" said "^session.*has $what-key-s2c"
done
check "and the MAC key" said "^session.*has ctr-mac-c2s"
cp "$scratch/found" "$scratch/record-keys"
is "record keys" "$(wc -l <"$scratch/record-keys")" 3
try adopt
check "sshd-adopt's memory opens all" said ': 3 of 3 sessions opened'

# Where they mustn't be.
try alpha-jeebsd beta-jeebsd link alpha-files beta-files monitor
for what in alpha-jeebsd beta-jeebsd link alpha-files beta-files; do
	check "$what opens nothing" said "^$what: .*: 0 of 3 sessions opened"
	check "$what has no known secret" said "^$what: 0 of 22 known secrets"
done
check "a monitor opens nothing either, any more" \
	said '^monitor: .*: 0 of 3 sessions opened'
for h in alpha beta; do
	for f in epoch jeebsd.log jeebsd.key; do
		check "$h: $f is among the files" grep -aq "$f" \
			"$scratch/$h-files.dump"
	done
done
check "what went over the link is what is searched" test \
	"$(grep -c JEEB "$scratch/link.dump")" -gt 0

# After the failover: nothing adopted can be opened again with what is left.
lab crash alpha
check "adopted" within 20 log_has beta jeebsd.log \
	'takeover done: 3 of 3 sessions adopted'
i=0
args=()
for p in $(pids beta '^sshd-adopt: '); do
	i=$((i + 1))
	dump beta "$p" "adopted-$i"
	args+=("adopted-$i=$scratch/adopted-$i.dump")
done
check "sshd-adopt, three monitors, three processes of theirs, spares: $i" \
	test "$i" -ge 7
"$search" try -k "$scratch/record-keys" -- "${args[@]}" | tee -a "$report" \
	>"$scratch/try.out"
is "processes with the key of a record that was adopted" \
	"$(grep -c ' has ' "$scratch/try.out" || :)" 0
exec {client_in}>&-
done_testing
