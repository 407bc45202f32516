#!/bin/bash
# SPDX-License-Identifier: ISC
# Listeners (-R) of a session whose client takes nothing, where sshd would have
# something to say about each: GatewayPorts overrides the address, a port isn't
# permitted on the host that takes over. Nothing may be said until the connection is
# live; all that was on its way comes then.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/reverse.bash"
lab_up --set sshd.GatewayPorts=yes --set "beta/sshd.PermitListen=9001"
serve_streams
# Less than a channel's window.
lab exec client -- sysctl -qw net.ipv4.tcp_rmem='4096 131072 262144'
lab exec client -- python3 "$top/regress/e2e/stream.py" serve 7001 "$scratch/stop" \
	>"$scratch/behind.out" 2>&1 &
check "the client serves streams, too" within 15 grep -q ready "$scratch/behind.out"
master m vip -L "127.0.0.1:7002:$TARGET:7000" -R 9001:127.0.0.1:7001 \
	-R 9002:127.0.0.1:7001
stream down 127.0.0.1:7002 none 0
from target behind "$VIP:9001" 2000 2000
streams_run
protected_again 1
ssh_pid=$(lab exec client -- pgrep -f "^ssh .* -M -N -S $scratch/m.ctl")
unsent() {
	lab exec alpha -- ss -Htn state established 'sport = :22' |
		awk '{ n += $2 } END { exit !(n > 400000) }'
}
# Wherever it is stopped, the channel has some of its window of 2 MB left, or none.
check "much is on its way" within 30 stopped_where client "$ssh_pid" unsent
crash_serving
check "it is adopted" within 10 log_has beta jeebsd.log "takeover done: 1 of 1"
lab exec client -- kill -CONT "$ssh_pid"
from target again "$VIP:9001" none none
streams_run
end_streams 30
refuses "what isn't permitted" lab exec target -- timeout 5 bash -c \
	"exec 3<>/dev/tcp/$VIP/9002"
no_login_on_survivor
done_testing
