#!/bin/bash
# SPDX-License-Identifier: ISC
# Hosts whose firewalls know connections (conntrack) and let none begin but by a
# SYN to port 22: what is taken over begins in its middle there. The clients'
# connections, one of them with input that sshd hasn't read, and forwards, whose
# targets speak to ports that no rule opens.
# timeout: 120
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
. "$top/regress/e2e/forward.bash"
lab_up --input hold
firewall() {
	lab exec "$1" -- nft -f - <<-'END'
		table inet host {
			chain in {
				type filter hook input priority filter; policy drop
				iifname { "lo", "rep0" } accept
				ct state established,related accept
				ct state invalid drop
				meta l4proto { icmp, ipv6-icmp } accept
				udp dport 7475 accept
				tcp dport 22 tcp flags & (fin | syn | rst | ack) == syn accept
			}
		}
	END
}
firewall alpha
firewall beta
serve_streams
master m vip -L "127.0.0.1:7001:$TARGET:7000"
master m6 vip6 -L "127.0.0.1:7002:[$target6]:7000"
login a vip -M -S "$scratch/a.ctl"
adoptable 3
stream both 127.0.0.1:7001 4000000 4000000
stream v6 127.0.0.1:7002 2000000 2000000
stream quiet 127.0.0.1:7001 none none
stream up 127.0.0.1:7001 4000000 none
stream down 127.0.0.1:7002 none 4000000
streams_run

# Its sshd stops in the middle of an upload, until the client can send no more.
lab exec client -- bash -c "ssh -F '$SSH_CONFIG' -S '$scratch/a.ctl' vip \
	'echo begun >&2; cat >/dev/null' </dev/zero" 2>"$scratch/upload.out" &
upload=$!
check "an upload" within 15 grep -q begun "$scratch/upload.out"
unread() {
	lab status --json | jq '[.hosts.beta.sessions_detail[] | .held - .in] | max'
}
check "a's sshd" pty a 'send echo pid-$PPID-\r'
pty a 'expect 5000 pid-([0-9]+)-'
sshd=$(jq -r .group <<<"$pty_answer")
# Wherever it is stopped, the client's window of 2 MB has some packets of it left, or
# none: until that is more than TCP takes at first.
check "a window full of it is unread" within 30 stopped_where alpha "$sshd" \
	eval '(($(unread) > 50000))'
victim=alpha survivor=beta
lab crash alpha
check "takeover" within 10 log_has beta jeebsd.log "takeover done: 3 of 3"
wait "$upload" && status=0 || status=$?
is "the upload ends with" "$status" 255
lives a
end_streams 40
target_saw_nothing 5
done_testing
