#!/bin/bash
# SPDX-License-Identifier: ISC
# The power cut while the client's TCP takes nothing: its process stands still, and
# its window is closed. When it goes on so does all that was on its way.
# timeout: 90
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold
serve_streams
# Less than a channel's window.
lab exec client -- sysctl -qw net.ipv4.tcp_rmem='4096 131072 262144'
login keys "$family"
master w "$family" -L "127.0.0.1:7001:$target:7000"
protected_again 2
stream down 127.0.0.1:7001 none 0
stream both 127.0.0.1:7001 2000 0
streams_run
host=$(serving)
ssh_pid=$(lab exec client -- pgrep -f "^ssh .* -M -N -S $scratch/w.ctl")
lab exec client -- kill -STOP "$ssh_pid"
# ss says nothing of a window that is 0.
closed() {
	lab exec "$1" -- ss -Htni state established 'sport = :22' |
		grep 'wscale:' | grep -qv ' snd_wnd:'
}
check "its window closes" within 10 closed "$host"
crash_serving
check "all are adopted" within 10 log_has "$survivor" jeebsd.log "takeover done: 2 of 2"
lives keys
# By what the client has: what the standby knows is up to a second old, and TCP takes
# no smaller window from an ACK that says nothing else (RFC 9293, 3.10.7.4).
full() {
	lab exec client -- ss -Htn state established 'dport = :22' |
		awk '$1 > 100000 { found = 1 } END { exit !found }'
}
check "its window is still closed" full
lab exec client -- kill -CONT "$ssh_pid"
moves() {
	local before
	before=$(acked 7000)
	sleep 0.5
	(($(acked 7000) > before + 1000000))
}
check "all goes on" within 5 moves
end_streams 40
target_saw_nothing 2
done_testing
