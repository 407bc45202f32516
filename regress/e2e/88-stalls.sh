#!/bin/bash
# SPDX-License-Identifier: ISC
# What stands still in a user's process stops nothing else, and nobody sends again
# and again: bulk both ways with keepalives each second, 8 s in which a name isn't
# resolved, a session's process stopped for 8 s. Then the host dies.
# timeout: 150
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold --mirror off

# tcp_segments: sent, and sent again, by client, server and target.
tcp_segments() {
	local h
	for h in client "$(serving)" target; do
		lab exec "$h" -- awk '/^Tcp: / {
			if (n++) print $out, $again
			else for (i = 1; i <= NF; i++) {
				if ($i == "OutSegs") out = i
				if ($i == "RetransSegs") again = i
			}
		}' /proc/net/snmp
	done
}

# calm BEFORE: of what each has sent since no more than one in a hundred was sent
# again, and 50.
calm() {
	check "segments sent, and again: $(paste <(printf 'client\nserver\ntarget\n') \
		<(echo "$1") <(tcp_segments) | awk '
		{ out = $4 - $2; again = $5 - $3; if (again > 50 + out / 100) bad = 1
		  printf "%s%s %d, %d", (NR > 1 ? "; " : ""), $1, out, again }
		END { if (bad) print ": too many" }' | tee "$scratch/calm")" \
		eval '! grep -q "too many" "$scratch/calm"'
}

# What came of a stream at its client and target, bytes.
got() {
	lab exec client -- ss -Htin state established "dport = :$PORT" |
		grep -o 'bytes_[a-z]*:[0-9]*' | awk -F: '
		/acked/ { up += $2 } /received/ { down += $2 } END { print up, down }'
}
moves() {
	local up down up2 down2
	read -r up down <<<"$(got)"
	sleep 1
	read -r up2 down2 <<<"$(got)"
	echo "in 1 s: up $((up2 - up)), down $((down2 - down)) bytes"
	((up2 > up + 1000000 && down2 > down + 1000000))
}

serve_streams
login keys vip
alive=(-o ServerAliveInterval=1)
master bulk vip "${alive[@]}" -o ServerAliveCountMax=3 -L "127.0.0.1:7001:$TARGET:7000"
master stalled vip "${alive[@]}" -o ServerAliveCountMax=20 -L "127.0.0.1:7002:$TARGET:7000"
protected_again 3
stream bulk 127.0.0.1:7001 0 0
streams_run
before=$(tcp_segments)
for ((i = 0; i < 10; i++)); do
	check "bulk goes on both ways" moves
done
calm "$before"
check "bulk: the same connection" kill -0 "${master_job[bulk]}"

# Nobody answers the resolver; what is asked for is opened, or refused, then.
stream stalled 127.0.0.1:7002 2000000 2000000
streams_run
host=$(serving)
lab exec target -- iptables -w -A INPUT -p udp --dport 53 -j DROP
lab exec "$host" -- sh -c "echo 'hosts: dns' >/etc/nsswitch.conf
	printf 'nameserver $TARGET\noptions timeout:8 attempts:1\n' >/etc/resolv.conf"
before=$(tcp_segments)
SECONDS=0
over stalled -W slow.invalid:7000 vip </dev/null >"$scratch/slow.out" 2>&1 &
slow=$!
sleep 1
for ((i = 0; i < 4; i++)); do
	check "keys: answers meanwhile" shell_answers keys 2000
	check "bulk goes on meanwhile" moves
done
check "the name is still being resolved" kill -0 "$slow"
wait "$slow" || :
check "a name was resolved for 7 s or more ($SECONDS s)" test "$SECONDS" -ge 7
check "its forward is refused" grep -q 'forwarding request failed' "$scratch/slow.out"
calm "$before"

# That of the connection that was made last.
pa=$(lab exec "$host" -- pgrep -n -u lab -f 'sshd-session: lab')
is "the session's process runs as" "$(lab exec "$host" -- ps -o user= -p "$pa")" lab
before=$(tcp_segments)
lab exec "$host" -- kill -STOP "$pa"
for ((i = 0; i < 4; i++)); do
	sleep 1
	check "keys: answers while the other stands" shell_answers keys 2000
	check "bulk goes on while the other stands" moves
done
lab exec "$host" -- kill -CONT "$pa"
is "what stood goes on" "$(status_of stalled vip true)" 0
calm "$before"
check "stalled: the same connection" kill -0 "${master_job[stalled]}"
protected_again 3
crash_serving
lives keys
end_streams 60
target_saw_nothing 2
done_testing
