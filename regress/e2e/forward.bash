# SPDX-License-Identifier: ISC
# Streams through forwards to `target`, and what it sees of them. Source it after
# master.bash.
declare -A stream_job said_of

# A file that an earlier lab of the same test wrote would be taken for the new one:
# each is emptied before who writes it is started.

# Streams are served on target's port 7000; what leads there is recorded.
serve_streams() {
	: >"$scratch/target.out"
	lab exec target -- python3 "$top/regress/e2e/stream.py" serve 7000 "$scratch/stop" \
		>"$scratch/target.out" 2>&1 &
	serve_job=$!
	check "target serves streams" within 15 grep -q ready "$scratch/target.out"
	target6=$(lab exec target -- ip -j addr show dev svc0 | jq -r \
		'[.[0].addr_info[] | select(.family == "inet6" and .scope == "global")][0].local')
	capture target far tcp port 7000
	far_job=$capture_job far_pid=$capture_pid
}

# stream NAME HOST:PORT UP DOWN [late]: from the client, in the background, until
# end_streams; see stream.py.
stream() {
	: >"$scratch/stream-$1.out"
	lab exec client -- python3 "$top/regress/e2e/stream.py" run "$2" "$3" "$4" \
		"$scratch/stop" ${5-} >"$scratch/stream-$1.out" 2>&1 &
	stream_job[$1]=$!
}

# stream_w NAME MASTER UP DOWN: the same by -W.
stream_w() {
	: >"$scratch/stream-$1.out"
	lab exec client -- env "${ssh_env[@]}" python3 - "$scratch/stop" "$3" "$4" \
		"$top/regress/e2e/stream.py" ssh -F "$SSH_CONFIG" -S "$scratch/$2.ctl" \
		-o ControlMaster=no -o ProxyCommand=false -W "$TARGET:7000" vip \
		>"$scratch/stream-$1.out" 2>&1 <<-'END' &
		import socket, subprocess, sys
		stop, up, down, stream, *ssh = sys.argv[1:]
		a, b = socket.socketpair()
		with subprocess.Popen(ssh, stdin=a, stdout=a) as s:
		    a.close()
		    r = subprocess.run(["python3", stream, "run", "-", up, down, stop],
		                       stdin=b, stdout=b)
		    b.close()
		sys.exit(r.returncode)
	END
	stream_job[$1]=$!
}

# from NAME PORT: opens PORT at the client, in the background; says "asked", "open" when a
# byte came, and how it ends.
from() {
	: >"$scratch/$1.out"
	lab exec client -- python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"x")
print("asked", flush=True)
try:
    if s.recv(1):
        print("open", flush=True)
        while s.recv(100):
            pass
    print("eof", flush=True)
except OSError as e:
    print(e, flush=True)
' "$2" >"$scratch/$1.out" 2>&1 &
}

# acked PORT: of what target sent from there, bytes of all connections that live.
acked() {
	lab exec target -- ss -Htni state established "sport = :$1" |
		grep -o 'bytes_acked:[0-9]*' | awk -F: '{ n += $2 } END { print n + 0 }'
}

# streams_run [SECONDS]: all of them by now.
streams_run() {
	local n
	for n in "${!stream_job[@]}"; do
		within "${1-20}" grep -q started "$scratch/stream-$n.out" ||
			fail "$n: $(tail -n 1 "$scratch/stream-$n.out")"
	done
}

# They come to their ends within SECONDS, every byte as it should be; said_of[NAME]
# is what each says then.
end_streams() {
	local n said
	for n in "${!stream_job[@]}"; do
		kill -0 "${stream_job[$n]}" 2>/dev/null || fail "$n has ended before"
	done
	touch "$scratch/stop"
	for n in "${!stream_job[@]}"; do
		within "$1" gone "${stream_job[$n]}" || :
		said=$(tail -n 1 "$scratch/stream-$n.out")
		said_of[$n]=$said
		check "$n: every byte arrives once ($said)" eval '[[ $said == "ok "* ]]'
	done
}

gone() {
	! kill -0 "$1"
}

target_has() {
	(($(grep -c '^ok' "$scratch/target.out") == $1))
}

# target_has_all N: of N connections every byte.
target_has_all() {
	check "target has all streams whole" within 10 target_has "$1"
	refuses "target complains" grep FAIL "$scratch/target.out"
	capture_job=$far_job capture_pid=$far_pid stop_capture
}

# target_is_whole N: that, and no reset.
target_is_whole() {
	target_has_all "$1"
	is "resets" "$(captured far 'dst port 7000 and
		(tcp[tcpflags] & tcp-rst != 0 or (ip6 and ip6[53] & 4 != 0))' | wc -l)" 0
}

# target_saw_nothing N [HALF]: of N connections no other beginning, no reset and no
# end but of HALF half-closed ones, and those that the streams make once all of
# their bytes are through.
target_saw_nothing() {
	target_is_whole "$1"
	is "connections that target saw" "$(captured far 'dst port 7000 and
		(tcp[tcpflags] & tcp-syn != 0 or (ip6 and ip6[53] & 2 != 0))' |
		awk '{ print $3 }' | sort -u | wc -l)" "$1"
	is "ends before those" "$(captured far 'dst port 7000 and
		(tcp[tcpflags] & tcp-fin != 0 or (ip6 and ip6[53] & 1 != 0))' |
		awk -v t="$(stat -c %.Y "$scratch/stop")" '$1 < t { print $3 }' |
		sort -u | wc -l)" "$((${2-0}))"
}
