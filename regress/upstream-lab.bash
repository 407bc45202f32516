# SPDX-License-Identifier: ISC
# For upstream-check: the lab that the suite's tests run in. Wants $mode.
lab_dir=

lab() {
	"$top/regress/lab" "$@"
}

# lab_start N: this worker's lab. "yes" gets slow timers: a machine under load
# must not look like a dead host.
lab_start() {
	export JEEBS_LAB=upstream-$mode-$1.$$
	lab_dir=${JEEBS_LAB_DIR:-/run/jeebs-lab}/$JEEBS_LAB
	case $mode in
	yes)
		lab up --set service.port=4242 --set timing.detect=5s \
		    --set timing.suspect=2s
		lab_detour
		lab_sshd_options="	Jeebs yes
	JeebsSocket /run/jeebs/export.sock
	SshdAdoptPath $build/openssh/sshd-adopt
	ListenAddress 10.77.0.100"
		;;
	*) lab up --stock ;;
	esac
	# The suite's sudo.
	lab exec alpha -- sh -c 'umask 337; printf "%s\n" "Defaults !use_pty" \
	    "root ALL=(ALL:ALL) NOPASSWD: ALL" "lab ALL=(ALL:ALL) NOPASSWD: ALL" \
	    > /etc/sudoers'
}

lab_stop() {
	lab down
}

# The tests connect to 127.0.0.1, and what stays on a host can't be protected:
# its packets cross neither the lease nor the standby's tap. So what goes from
# alpha to 127.0.0.1 port 4242 leaves it on a wire of its own for client, which
# sends it on to the VIP, and the answers back.
lab_detour() {
	local alpha=$lab_dir/hosts/alpha/net client=$lab_dir/hosts/client/net
	nsenter --net="$alpha" ip -batch - <<-END
		link add detour type veth peer name detour netns $client
		address add 10.79.0.1/24 dev detour
		link set detour up
	END
	nsenter --net="$client" ip -batch - <<-END
		address add 10.79.0.100/24 dev detour
		link set detour up
	END
	nsenter --net="$alpha" sysctl -qw net.ipv4.conf.all.route_localnet=1
	nsenter --net="$client" sysctl -qw net.ipv4.ip_forward=1
	nsenter --net="$alpha" nft -f - <<-'END'
		table ip detour {
			chain out {
				type nat hook output priority -100
				ip daddr 127.0.0.1 tcp dport 4242 dnat to 10.79.0.100
			}
			chain post {
				type nat hook postrouting priority 100
				oifname "detour" snat to 10.79.0.1
			}
		}
	END
	nsenter --net="$client" nft -f - <<-'END'
		table ip detour {
			chain pre {
				type nat hook prerouting priority -100
				iifname "detour" tcp dport 4242 dnat to 10.77.0.100
			}
			chain post {
				type nat hook postrouting priority 100
				oifname "svc0" snat to 10.77.0.3
			}
		}
	END
}

# lab_host_keys OBJ: the suite takes keys that are there for its user and its
# hosts; beta has these, and standby and primary must have the same.
lab_host_keys() {
	local t
	for t in ed25519:ssh-ed25519 ecdsa:ecdsa-sha2-nistp256; do
		cp -p "$lab_dir/hosts/alpha/etc/ssh/vip_${t%:*}" "$1/${t#*:}"
		cp -p "$lab_dir/hosts/alpha/etc/ssh/vip_${t%:*}.pub" "$1/${t#*:}.pub"
		touch "$1/${t#*:}"*
	done
}

# lab_suite T: test T is about the addresses of its connections? Then it gets
# those of the detour, in a copy, or its pipes are left as they are. Sets suite
# and note.
lab_suite() {
	local edit=
	case $1 in
	cert-userkey) edit='s,source-address=10\.0\.0\.0/8,source-address=192.0.2.0/24,' ;;
	cfgmatch | cfgmatchlisten)
		note='its pipes as they are'
		edit='s,Match Address 127\.0\.0\.1,Match Address 10.77.0.3,'
		;;
	integrity) edit='s, sh \${OBJ}/sshd-log-wrapper, $TEST_SSH_SSHD_ENV&,' ;;
	proxy-connect | hostkey-agent) note='its pipes as they are' ;;
	key-options)
		note='its pipes as they are'
		edit='s,127\.0\.0\.1 ,10.77.0.3 ,; s,127\.0\.0\.0,10.0.0.0,'
		;;
	esac
	[ -n "$edit" ] || return 0
	rm -rf "$work/suite.$1"
	mkdir "$work/suite.$1"
	ln -s "$suite"/* "$work/suite.$1/"
	rm "$work/suite.$1/$1.sh"
	sed "$edit" "$suite/$1.sh" > "$work/suite.$1/$1.sh"
	if cmp -s "$suite/$1.sh" "$work/suite.$1/$1.sh"; then
		echo "upstream-check: $1.sh is not what lab_suite edits" >&2
		exit 2
	fi
	note+=${note:+', '}'edited for the detour'
	suite=$work/suite.$1
}

# Between lab_mark and lab_count: sessions that sshd told jeebsd of, and those
# that jeebsd said are protected. A test that lost its standby showed nothing.
lab_mark() {
	lab_log_size=0
	[ "$mode" != yes ] || lab_log_size=$(stat -c %s "$lab_dir/hosts/alpha/log/jeebsd.log")
}

lab_count() {
	local new
	new=$(tail -c "+$((lab_log_size + 1))" "$lab_dir/hosts/alpha/log/jeebsd.log")
	protected=$(grep -c 'session .*: protected' <<< "$new") || :
	offered=$(grep -c 'session .*: .*, user .*, sshd ' <<< "$new") || :
	if grep -q 'was primary-protected' <<< "$new"; then
		verdict=FAIL
		note="alpha lost its standby: $(grep -m 1 'was primary-protected' <<< "$new")"
	fi
}
