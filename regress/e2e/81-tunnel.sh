#!/bin/bash
# SPDX-License-Identifier: ISC
# A tunnel (ssh -w) goes on with the same device of the host that takes over: packets
# come through as soon as that has its addresses.
. "$(dirname "$0")/lib.bash"
. "$top/regress/e2e/master.bash"
lab_up --set sshd.PermitTunnel=yes --set sshd.PermitRootLogin=prohibit-password

# up HOST DEV ADDRESS: as its administrator would have it; who takes an address over
# needs the MAC, too.
up() {
	[[ $2 != tap* ]] || lab exec "$1" -- ip link set "$2" address "02:00:00:00:00:0${3##*.}"
	lab exec "$1" -- ip addr add "$3/24" dev "$2"
	lab exec "$1" -- ip link set "$2" up
}
has() {
	lab exec "$1" -- ip link show "$2" >/dev/null
}
for mode in point-to-point ethernet; do
	n=5 dev=tun5
	[[ $mode == ethernet ]] && n=6 dev=tap6
	master "$mode" -o Tunnel=$mode -w "$n:$n" root@vip
	for host in client alpha; do
		check "$mode: $host has $dev" within 5 has "$host" "$dev"
	done
	up client "$dev" "10.99.$n.2"
	up alpha "$dev" "10.99.$n.1"
done
# The SSH server answers through N.
through() {
	lab exec client -- timeout 1 bash -c 'exec 3<>/dev/tcp/$0/22 && head -n 1 <&3' \
		"10.99.$1.1" | grep -q SSH-2.0
}
for n in 5 6; do
	check "packets come through $n" within 5 through "$n"
done
adoptable 2
crash_serving
for n in 5 6; do
	dev=$([[ $n == 5 ]] && echo tun5 || echo tap6)
	check "beta has $dev" within 15 has beta "$dev"
	up beta "$dev" "10.99.$n.1"
	check "packets come through $n again" within 10 through "$n"
	check "$n: the same client process" kill -0 "${master_job[$([[ $n == 5 ]] &&
		echo point-to-point || echo ethernet)]}"
done
is "SSH_TUNNEL" "$(over ethernet root@vip 'echo $SSH_TUNNEL')" tap6
no_login_on_survivor
done_testing
