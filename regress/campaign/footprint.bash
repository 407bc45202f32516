# SPDX-License-Identifier: ISC
# What a host has besides its files, for before and after.

# footprint HOST: rules, addresses, routes, programs, jeebsd's descriptors and
# records; without what differs from host to host and from time to time. A host
# that was a standby once has a queue for that, which is to be empty.
footprint() {
	lab exec "$1" -- bash -c '
		pid=$(</run/jeebsd.pid)
		echo "# nft"
		nft -s list ruleset | awk "
			/^table/ { text = \"\"; hold = /jeebs_hold/; held = 0 }
			{ text = text \$0 \"\n\" }
			/elements/ { held = 1 }
			/^}/ { if (!hold || held) printf \"%s\", text }"
		echo "# iptables"
		iptables-save | grep -v "^#"
		ip6tables-save | grep -v "^#"
		echo "# addresses"
		ip -br address
		ip rule
		ip -6 rule
		echo "# programs"
		ps -eo comm= | grep -vxE "ps|bash|sort|grep"
		echo "# descriptors"
		for f in /proc/$pid/fd/*; do readlink "$f"; done |
			grep -v ^socket: | sed "s/[0-9][0-9]*//g"
		echo "# records"
		find /var/lib/jeebs -type f | sort
	' 2>&1 | sed -E 's/(alpha|beta)/HOST/g
		s/ (timeout|expires) [0-9a-z]+//g; s/\[[0-9]+:[0-9]+\]//
		s/10\.7[78]\.0\.[0-9]+/ADDRESS/g; s/fd77::[0-9a-f]+/ADDRESS/g
		s/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/g; s/fe80::[0-9a-f:]+/LOCAL/g; s/@if[0-9]+//
		# its number is another while a killed jeebsd still has one
		s/^jeebs[0-9]+ +/jeebsN /'
}

# sshd-adopt has its spare workers (jeebs-worker.c) on both hosts: a footprint of
# before they were there would have others think that they were left.
workers_are_there() {
	local h
	for h in alpha beta; do
		(($(lab exec "$h" -- pgrep -cx sshd-adopt) == 1 + 8)) || return
	done
}

# more_than BASE HOST: what HOST has beyond that.
more_than() {
	comm -13 <(sort <<<"$1") <(footprint "$2" | sort)
}

# sockets HOST...: jeebsd's, of all of them: which of two hosts connected to the
# other has changed.
sockets() {
	local h n=0
	for h; do
		n=$((n + $(lab exec "$h" -- bash -c '
			for f in /proc/$(</run/jeebsd.pid)/fd/*; do readlink "$f"; done |
			grep -c ^socket:')))
	done
	echo "$n"
}
