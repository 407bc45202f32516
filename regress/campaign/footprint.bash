# SPDX-License-Identifier: ISC
# What a host has besides its files, for before and after.

# footprint HOST: rules, addresses, routes, programs, their descriptors, connections,
# files and what waits; without what differs from host to host and from time to time.
# A host that was a standby once has a queue for that, which is to be empty.
footprint() {
	lab exec "$1" -- bash -c '
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
		ip route show table all
		ip -6 route show table all
		echo "# programs"
		ps -eo comm= | grep -vxE "ps|bash|sort|grep"
		echo "# descriptors"
		for p in /proc/[0-9]*; do
			read -r name <"$p/comm" || continue
			[[ $name =~ ^(jeebsd|sshd|sshd-adopt)$ ]] || continue
			for f in "$p"/fd/*; do
				what=$(readlink "$f") || continue
				[[ $name != jeebsd || $what != socket:* ]] ||
					continue
				echo "$name ${what//[0-9]/}"
			done
		done
		echo "# connections"
		ss -tanH | awk "\$1 != \"LISTEN\" && \$1 != \"TIME-WAIT\" &&
			!/:7474/ { sub(/:[0-9]*\$/, \"\", \$4); sub(/:[0-9]*\$/, \"\", \$5)
			print \$1, \$4, \$5 }"
		echo "# files"
		find /run /dev/shm /var/lib/jeebs -path /run/jeebs-lab -prune -o -print
		[[ ! -e /run/jeebsd.pid ]] ||
			"$0" status --json | jq "{waiting: .input.waiting,
				kept: .input.kept_bytes}"
	' "$build/monitor/jeebsctl" 2>&1 | sed -E 's/(alpha|beta)/HOST/g
		s/ (timeout|expires) [0-9a-z]+//g; s/\[[0-9]+:[0-9]+\]//
		s/10\.7[78]\.0\.[0-9]+/ADDRESS/g; s/fd77::[0-9a-f]+/ADDRESS/g
		s/([0-9a-f]{2}:){5}[0-9a-f]{2}/MAC/g; s/fe80::[0-9a-f:]+/LOCAL/g; s/@if[0-9]+//
		# its number is another while a killed jeebsd still has one
		s/jeebs[0-9]+ +/jeebsN /
		# Comes when the address has been asked for, a second after the card.
		/^local LOCAL /d
		# Where a program that is started anew says what its first one told init.
		s,/run/jeebs-lab/.*/init\.log$,/dev/null,
		# PAM, of the first login.
		/motd\.dynamic/d'
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

# memory HOST: KiB of jeebsd's own.
memory() {
	lab exec "$1" -- bash -c 'awk "/^RssAnon/ { print \$2 }" "/proc/$(</run/jeebsd.pid)/status"'
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
