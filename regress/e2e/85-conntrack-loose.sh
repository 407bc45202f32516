#!/bin/bash
# SPDX-License-Identifier: ISC
# A standby whose firewall knows connections and, by net.netfilter.nf_conntrack_tcp_loose,
# none but from their SYN: jeebsd warns of it. What it takes over is dropped there, and
# goes on once the setting is as it should be.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/fencing.bash"
loose() {
	lab exec beta -- sysctl -qw "net.netfilter.nf_conntrack_tcp_loose=$1"
}
warns() {
	log_has beta jeebsd.log 'warning: net.netfilter.nf_conntrack_tcp_loose is 0'
}
lab_up --input hold
refuses "a warning for nothing" warns
lab exec beta -- nft -f - <<-'END'
	table inet host {
		chain in {
			type filter hook input priority filter; policy drop
			iifname { "lo", "rep0" } accept
			ct state established,related accept
			ct state invalid counter drop
			meta l4proto { icmp, ipv6-icmp } accept
			udp dport 7475 accept
			tcp dport 22 tcp flags & (fin | syn | rst | ack) == syn accept
		}
	}
END
loose 0
restart_jeebsd beta
check "jeebsd warns" within 10 warns
login a vip
protected_again
crash_serving
check "it is taken over" within 10 log_has beta jeebsd.log 'takeover done: 1 of 1'
refuses "it answers" shell_answers a 3000
rules=$(lab exec beta -- nft list table inet host)
check "what comes is dropped" grep -q "invalid counter packets [1-9]" <<<"$rules"
loose 1
lives a
done_testing
