#!/bin/bash
# SPDX-License-Identifier: ISC
# A host that takes over listens (-R) where it permits that, and nothing else has the
# port, and says where it doesn't; the rest of the session goes on.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
. "$top/regress/e2e/reverse.bash"
lab_up --set sshd.GatewayPorts=clientspecified --set "beta/sshd.PermitListen=9002 9003"
client_serves
login a vip -R "*:9001:127.0.0.1:7000" -R "*:9002:127.0.0.1:7000" \
	-R "*:9003:127.0.0.1:7000"
lab exec beta -- python3 -c '
import socket
s = socket.create_server(("", 9003), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
s.accept()' >"$scratch/other.out" 2>&1 &
check "something else has a port of beta's" within 10 grep -q ready "$scratch/other.out"
adoptable 1
from target permitted "$VIP:9002" 40000 40000
from target refused "$VIP:9001" 40000 40000
from target taken "$VIP:9003" 40000 40000
streams_run
protected_again 1
crash_serving
lives a
ended() {
	kill -0 "${stream_job[$1]}" 2>/dev/null && return 1
	grep -q '^FAIL' "$scratch/stream-$1.out"
}
check "what isn't permitted is closed" within 10 ended refused
check "it says so of the connection" log_has beta sshd.log \
	"its target isn't permitted on this host"
for port in 9001 9003; do
	check "it says so of port $port" log_has beta sshd.log \
		"the client had asked to listen at \* port $port; this host doesn't"
done
refuses "who asks for it" lab exec target -- timeout 5 bash -c \
	"exec 3<>/dev/tcp/$VIP/9001"
unset 'stream_job[refused]'
from target new "$VIP:9002" 40000 40000
streams_run
end_streams 20
done_testing
