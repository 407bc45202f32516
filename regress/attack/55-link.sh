#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 150
# A hostile peer on the link: strangers, without a key, with another one, with a
# key that was taken back, older TLS, garbage, a recorded connection, many that
# say nothing; and one with the true key that lies. The session lives through
# all of it, the true peer always comes back, and then takes over.
. "$(dirname "$0")/../e2e/lib.bash"
jeebsctl=$build/monitor/jeebsctl
beta=10.78.0.2 port=7474

protected() {
	within 15 eval '[[ $(lab status --json | jq .protected) == true ]]'
}

# said HOST TEXT: in one line of its jeebsd, and in no more than 3.
said() {
	local n
	n=$(lab exec "$1" -- grep -cF -- "$2" /var/log/jeebsd.log) || :
	((n >= 1 && n <= 3))
}

# hello HOST ARGS...: a connection to beta that comes as far as its HELLO.
hello() {
	local host=$1
	shift
	lab exec "$host" -- timeout 3 openssl s_client -connect "$beta:$port" \
		-quiet "$@" </dev/null >"$scratch/tls.out" 2>&1 || :
	grep -aq 'beta.*-jeebs' "$scratch/tls.out"
}

# lies HOST ARGS...: link-liar on HOST, as HOST.
lies() {
	local host=$1 peer=$2
	shift 2
	lab exec "$host" -- "$build/e2e/link-liar" /etc/jeebs/jeebsd.key \
		"$(lab exec "$host" -- sed -n \
		's/^public_key = "\(.*\)"/\1/p' /etc/jeebs/jeebsd.conf)" \
		"$host" "$peer" "$@" >"$scratch/lies.out"
	cat "$scratch/lies.out"
}

# The true connection ends; alpha connects anew.
break_link() {
	lab exec beta -- ss -K state established "sport = :$port" \
		>/dev/null 2>&1
}

lab_up
login a vip
# The true connection's beginning, to be replayed.
capture_link() {
	lab exec beta -- bash -c "echo \$\$ >/run/capture.pid
		exec tcpdump -Un --immediate-mode -i rep0 \
		-w '$scratch/link.pcap' tcp port $port" 2>"$scratch/link.err" &
	link_job=$!
	within 5 grep -q listening "$scratch/link.err"
}
capture_link
break_link
check "the link is up again" protected
check "it was down" log_has alpha jeebsd.log 'link: down: '
lab exec beta -- bash -c 'kill "$(</run/capture.pid)"'
wait "$link_job" || :

# From where no peer is.
beta=10.77.0.2
refuses "TLS for a stranger" hello target
check "and the log says who" said beta '10.77.0.4: refused, not peer.address'
beta=10.78.0.2

# From the peer's address.
"$jeebsctl" keygen -f "$scratch/other.key" >/dev/null
cert() {
	openssl req -x509 -key "$1" -subj /CN=alpha -days 9 -out "$2" 2>/dev/null
}
cert "$scratch/other.key" "$scratch/other.crt"
lab exec alpha -- cat /etc/jeebs/jeebsd.key >"$scratch/true.key"
cert "$scratch/true.key" "$scratch/true.crt"
check "TLS with the true key" hello alpha -key "$scratch/true.key" \
	-cert "$scratch/true.crt"
refuses "TLS without a key" hello alpha
refuses "TLS with another key" hello alpha -key "$scratch/other.key" \
	-cert "$scratch/other.crt"
check "and the log says it" said beta \
	"the peer's key isn't the one in peer.public_key"
refuses "TLS 1.2" hello alpha -tls1_2 -key "$scratch/other.key" \
	-cert "$scratch/other.crt"
check "and the log says it" said beta 'unsupported protocol'
check "garbage and a recorded connection" lab exec alpha -- /usr/bin/python3 - \
	"$scratch/link.pcap" "$beta" "$port" <<'END'
import os, socket, sys
data, parts = open(sys.argv[1], 'rb').read(), {}
at = 24
while at + 16 <= len(data):
    n = int.from_bytes(data[at + 8:at + 12], 'little')
    f = data[at + 16:at + 16 + n]
    at += 16 + n
    ip = f[14:]
    tcp = ip[(ip[0] & 15) * 4:int.from_bytes(ip[2:4], 'big')]
    if int.from_bytes(tcp[2:4], 'big') != int(sys.argv[3]):
        continue
    body = tcp[(tcp[12] >> 4) * 4:]
    if tcp[13] & 2:
        parts = {}
    if body:
        parts[int.from_bytes(tcp[4:8], 'big')] = body
record = b''.join(parts[k] for k in sorted(parts))
if record[:1] != b'\x16':
    sys.exit('no beginning of a connection was recorded')
for what in (record, record[:300], os.urandom(100000), b'\x16\x03\x01\xff\xff',
             b'\x80\x2e\x01\x03\x01', b'GET / HTTP/1.1\r\n\r\n'):
    s = socket.create_connection((sys.argv[2], int(sys.argv[3])))
    s.settimeout(5)
    got = b''
    try:
        s.sendall(what)
        while True:
            more = s.recv(65536)
            if not more:
                break
            got += more
    except OSError:
        pass
    # Handshake records and alerts, and nothing of ours in the clear.
    if b'JEEB' in got or len(got) > 8192:
        sys.exit('it answered')
END
check "the session lives" shell_answers a 15000

# Many that say nothing, while the true peer has to connect.
lab exec alpha -- /usr/bin/python3 - "$beta" "$port" <<'END' &
import socket, sys, time
end, all = time.monotonic() + 5, []
while time.monotonic() < end:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.send(b'\x16')
    all = all[-200:] + [s]
    time.sleep(0.02)
END
slow=$!
sleep 1
break_link
check "the true peer connects among silent ones" protected
wait "$slow" || :
check "the session lives" shell_answers a 15000

# With the true key.
lies alpha beta connect "$beta" "$port" unknown-type no-type too-long trailing \
	second-hello open-nonsense record-of-unknown close-of-unknown commit \
	closed drop key resign-older-epoch takeover-older-epoch
for what in unknown-type no-type too-long trailing second-hello \
	open-nonsense; do
	check "$what ends the connection" grep -q "^$what: ended" \
		"$scratch/lies.out"
done
refuses "no connection" grep 'no connection' "$scratch/lies.out"
for line in 'frame type 99' 'frame length 0' 'frame length 2147483647' \
	'second HELLO frame' 'OPEN frame' 'PING frame'; do
	check "the log says: $line" said beta "link: down: $line"
done
check "protected by the true peer again" protected
check "the session lives" shell_answers a 15000

# The standby's place, with its key.
stop_jeebsd beta
check "its port is free" within 5 lab exec beta -- bash -c \
	"[[ -z \$(ss -Hltn 'sport = :$port') ]]"
lies beta alpha listen 0.0.0.0 "$port" unknown-type open-nonsense \
	record-of-unknown commit closed drop key resign-older-epoch
check "records from a standby end the connection" grep -q \
	'^record-of-unknown: ended' "$scratch/lies.out"
refuses "no connection" grep 'no connection' "$scratch/lies.out"
check "the log says it" said alpha "records for a host that isn't standby"
start_jeebsd beta
check "protected by the true standby" protected
check "the session lives" shell_answers a 15000
crash_serving
lives a
no_login_on_survivor
done_testing
