# SPDX-License-Identifier: ISC
# The switch: a network namespace with two bridges, "lan" with ports named
# after the hosts, and "rep" (ports rep-alpha, rep-beta) for the replication
# link. It never loses carrier, as on real hosts a switch between them would
# not. What it drops and mirrors is one nft table at its ports.

declare -Ar host_number=([alpha]=1 [beta]=2 [client]=3 [target]=4)

# By host: its addresses on the lan, and the MACs of its cards there and on the
# replication link.
declare -A addr addr6 mac rep_mac
for host in "${!host_number[@]}"; do
	addr[$host]=10.77.0.${host_number[$host]}
	addr6[$host]=fd77::${host_number[$host]}
	mac[$host]=02:00:0a:4d:00:0${host_number[$host]}
	rep_mac[$host]=02:00:0a:4e:00:0${host_number[$host]}
done
unset host

sw() {
	nsenter --net="$state/switch" -- "$@"
}

switch_create() {
	net_create "$state/switch"
	sw sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	# A switch looks at no packet. Not there: br_netfilter isn't either.
	sw sysctl -eqw net.bridge.bridge-nf-call-iptables=0 \
		net.bridge.bridge-nf-call-ip6tables=0 \
		net.bridge.bridge-nf-call-arptables=0
	sw ip -batch - <<-END
		link set lo up
		link add lan type bridge stp_state 0 forward_delay 0 mcast_snooping 0
		link add rep type bridge stp_state 0 forward_delay 0 mcast_snooping 0
		link set lan up
		link set rep up
	END
	mkdir "$state/dark" "$state/cuts"
	echo 0 >"$state/loss"
}

# switch_port HOST NETNS: HOST's cards, in its namespace, not yet up there.
switch_port() {
	sw ip -batch - <<-END
		link add $1 type veth peer name svc0 netns $2 address ${mac[$1]}
		link set $1 master lan up
	END
	[[ " ${servers[*]} " != *" $1 "* ]] || sw ip -batch - <<-END
		link add rep-$1 type veth peer name rep0 netns $2 address ${rep_mac[$1]}
		link set rep-$1 master rep up
	END
}

# The table: what a port must not pass, and copies of the frames between the
# servers and the others for the server that they are not for. Frames for the
# server itself or for everybody reach it anyway.
switch_rules() {
	local h other far mirror
	mirror=$(<"$state/mirror")
	far="${mac[client]}, ${mac[target]}"
	{
		echo 'table netdev lab {'
		echo 'set dark { type ifname; }'
		echo 'set cut { type ether_addr . ifname; }'
		echo 'chain loss { }'
		for h in "${hosts[@]}" rep-alpha rep-beta; do
			echo "chain in_$h { type filter hook ingress device \"$h\"" \
				"priority 0; iifname @dark drop;"
			other=
			[[ $h == alpha ]] && other=beta
			[[ $h == beta ]] && other=alpha
			if [[ $mirror != on || $h == rep-* ]]; then
				:
			elif [[ $other ]]; then
				echo "ether daddr { $far } dup to \"$other\";"
			else
				echo "ether daddr ${mac[alpha]} dup to \"beta\";"
				echo "ether daddr ${mac[beta]} dup to \"alpha\";"
			fi
			echo '}'
			echo "chain out_$h { type filter hook egress device \"$h\"" \
				"priority 0; oifname @dark drop;" \
				"ether saddr . oifname @cut drop;"
			[[ $h == rep-* ]] || echo 'jump loss;'
			echo '}'
		done
		echo '}'
	} | sw nft -f -
}

# Brings the kernel's sets in line with $state/dark and $state/cuts, at once.
switch_sync() {
	local f from to net
	{
		echo 'flush set netdev lab dark'
		echo 'flush set netdev lab cut'
		for f in "$state"/dark/*; do
			f=${f##*/}
			echo "add element netdev lab dark { \"$f\", \"rep-$f\" }"
		done
		for f in "$state"/cuts/*; do
			f=${f##*/}
			from=${f%%:*} to=${f#*:} net=
			[[ $to != *:* ]] || net=${to#*:} to=${to%:*}
			[[ $net == link ]] || echo "add element netdev lab cut" \
				"{ ${mac[$from]} . \"$to\" }"
			[[ $net == lan ]] || echo "add element netdev lab cut" \
				"{ ${rep_mac[$from]} . \"rep-$to\" }"
		done
	} | sw nft -f -
}

lab_cut() {
	local oneway='' net=''
	[[ ${1-} == --oneway ]] && oneway=1 && shift
	[[ ${1-} =~ ^--(lan|link)$ ]] && net=:${1#--} && shift
	need_args "cut [--oneway] [--lan|--link] A B" 2 $#
	need_host "$1"
	need_host "$2"
	[[ $1 != "$2" ]] || die "cut: $1 and $2 are one host"
	: >"$state/cuts/$1:$2$net"
	[[ $oneway ]] || : >"$state/cuts/$2:$1$net"
	switch_sync
}

lab_heal() {
	rm -f "$state"/cuts/*
	switch_sync
}

# To HOST it is as if the other end had lost its power.
lab_carrier() {
	local port=$1
	need_args "carrier HOST svc0|rep0 up|down" 3 $#
	need_host "$1"
	[[ $2 != rep0 ]] || port=rep-$1
	[[ $2 == [sr][ve][cp]0 && $3 =~ ^(up|down)$ ]] &&
		sw ip link set "$port" "$3" || die "carrier: no \"$2 $3\" at $1"
}

# Each copy of a frame is lost by itself, the standby's mirrored one too.
lab_loss() {
	[[ $1 =~ ^([0-9]{1,2}|100)(\.[0-9]{1,2})?$ ]] ||
		die "loss: \"$1\" is not a percentage"
	local limit
	limit=$(awk -v p="$1" 'BEGIN { printf "%d", p * 100 }')
	((limit <= 10000)) || die "loss: \"$1\" is more than 100"
	{
		echo 'flush chain netdev lab loss'
		((limit == 0)) || ((limit == 10000)) || echo "add rule netdev lab loss" \
			"numgen random mod 10000 < $limit drop"
		((limit < 10000)) || echo 'add rule netdev lab loss drop'
	} | sw nft -f -
	echo "$1" >"$state/loss"
}

# net_create FILE: a network namespace that lives until FILE is unmounted.
net_create() {
	: >"$1"
	unshare --net="$1" true
}
