#!/bin/bash
# SPDX-License-Identifier: ISC
# jeebsd is killed and started anew on either side, again and again, beside a stream
# each way: what clients say meanwhile waits in the kernel, and is never said twice.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/fencing.bash"
lab_up --set "timing.detect=${detect}ms"
# A packet that was dropped would be missed, however busy the machine is.
lab exec client -- ip route change 10.77.0.0/24 dev svc0 rto_min 30s
lab exec client -- ip -6 route change fd77::/64 dev svc0 proto kernel metric 256 rto_min 30s
lab exec client -- sysctl -qw net.ipv4.tcp_early_retrans=0
serve_streams
login a vip
login b vip6
master m vip -L "127.0.0.1:7001:$TARGET:7000"
stream s 127.0.0.1:7001 1000000 1000000
streams_run

port_a=$(port_of "${pty_pid[a]}") port_b=$(port_of "${pty_pid[b]}")

# resent PORT: segments that the client has sent twice from there.
resent() {
	lab exec client -- ss -Htni "sport = :$1" | grep -q bytes_acked || echo "none at \"$1\""
	lab exec client -- ss -Htni "sport = :$1" | sed -n 's/.*retrans:[0-9]*\/\([0-9]*\).*/\1/p'
}

protected_again 3
for ((i = 0; i < ${ROUNDS:-3}; i++)); do
	for host in alpha beta; do
		row="$host's jeebsd anew"
		restart_jeebsd "$host"
		stall a alpha 200
		stall b alpha 200
		protected_again 3
	done
done
is "segments of a that were sent again" "$(resent "$port_a")" ""
is "segments of b that were sent again" "$(resent "$port_b")" ""
refuses "no takeover" log_has beta jeebsd.log 'taking-over:'
end_streams 30
check "target has the stream whole" within 20 target_has 1
done_testing
