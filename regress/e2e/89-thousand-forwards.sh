#!/bin/bash
# SPDX-License-Identifier: ISC
# As many connections by one client's -D as are kept of a session, and some of a second
# one's, in a range of ports of which hardly any is free: they survive the death of
# their host, of each every byte arrives once, and what connects meanwhile gets none of
# their ports. Those that the first client has beyond that end, and nothing else does.
# timeout: 150
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
n=1024
lab_up --input hold --mirror off
for h in alpha beta; do
	lab exec "$h" -- sysctl -qw "net.ipv4.ip_local_port_range=40000 $((40000 + n + 18))"
	# PAM gives a session 1024 descriptors.
	lab exec "$h" -- sh -c 'echo "$1 - nofile 4096" >>/etc/security/limits.conf' \
		sh "$USER_NAME"
done

# many NAME PROXYPORT COUNT
many() {
	lab exec client -- python3 "$top/regress/e2e/stream.py" many \
		"$2/$TARGET:7000" "$3" "$scratch/stop" >"$scratch/stream-$1.out" 2>&1 &
	stream_job[$1]=$!
}

serve_streams
lab exec target -- python3 "$top/regress/e2e/ticks.py" 7001 >"$scratch/ticks.out" 2>&1 &
check "ticks" within 15 grep -q ready "$scratch/ticks.out"
master a vip -D 127.0.0.1:7001 -L "127.0.0.1:7004:$TARGET:7001"
master b vip -D 127.0.0.1:7002 -L "127.0.0.1:7003:$TARGET:7000"
adoptable 2
many a 7001 "$n"
many b 7002 5
streams_run 60
for i in 1 2 3; do
	from "beyond-$i" 7004
	check "beyond-$i: is open" within 10 grep -q open "$scratch/beyond-$i.out"
done
adoptable 2
# SYNs are not answered for now: one attempt is under way when the host dies.
deaf=(INPUT -p tcp --dport 7000 --syn -j DROP)
lab exec target -- iptables -w -A "${deaf[@]}"
stream attempt 127.0.0.1:7003 2000 2000
check "an attempt is under way" within 10 eval \
	'lab exec "$(serving)" -- ss -tnH state syn-sent dport = :7000 | grep -q .'
crash_serving
lab exec target -- iptables -w -D "${deaf[@]}"
check "takeover by $survivor" within 30 log_has "$survivor" jeebsd.log \
	"takeover done: 2 of 2"
lab exec "$survivor" -- grep 'takeover done' /var/log/jeebsd.log
is "forwards that go on" "$(lab exec "$survivor" -- \
	grep -c 'forward of lab to .* goes on' /var/log/jeebsd.log)" "$((n + 5))"
for i in 1 2 3; do
	check "beyond-$i: ends" within 10 grep -q eof "$scratch/beyond-$i.out"
done
check "their target hears of it" within 20 eval '(($(grep -c reset "$scratch/ticks.out") == 3))'
is "a new channel" "$(over a vip hostname </dev/null)" "$survivor"
streams_run
end_streams 60
target_is_whole "$((n + 6))"
done_testing
