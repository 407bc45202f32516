#!/bin/bash
# SPDX-License-Identifier: ISC
# From a fresh Debian 12 to a running system:
#   bootstrap.sh deps            installs the Debian packages that are needed
#   bootstrap.sh build           deps, then configure and make
#   bootstrap.sh check           build, then every test
#   bootstrap.sh deps-upstream   what make upstream-check can use beside that
#   bootstrap.sh deps-matrix     what make matrix needs beside that: more clients
#   bootstrap.sh demo            build, then a session that survives two crashes
# Without root it only says which packages are missing. A second run finds
# everything done and goes straight to the job.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C.UTF-8

build_packages=(autoconf automake debian-archive-keyring g++ gcc make patch
	pkg-config xz-utils
	libboost-dev libboost-test-dev libcap-ng-dev libcli11-dev libexpected-dev
	libfmt-dev libmnl-dev libnetfilter-queue-dev libnftables-dev libpam0g-dev
	libpcap-dev libspdlog-dev libssl-dev libsystemd-dev libtomlplusplus-dev
	nlohmann-json3-dev zlib1g-dev)
# The lab, the tests and the demo: stock ssh and sshd, other clients, network
# tools, readers of JSON, captures and man pages, a signing key for prepare's
# tests.
test_packages=(dropbear-bin git gnupg iproute2 iptables jq mandoc nftables
	openssh-client openssh-server openssl procps putty-tools python3
	python3-asyncssh python3-paramiko tcpdump util-linux)
# More of OpenSSH's own tests run with these.
upstream_packages=(gdb softhsm2 sudo)
matrix_packages=(libssh-dev)

say() {
	echo "bootstrap: $*" >&2
}

missing() {
	local p
	for p; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2> /dev/null)" = installed ] ||
		    echo "$p"
	done
}

# apt-get install whose packages start no service: nobody asked for an sshd on
# this machine; the lab starts its own.
install_quietly() {
	local policy=/usr/sbin/policy-rc.d mine=''
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' > "$policy"
		chmod +x "$policy"
		mine=1
	fi
	local rc=0
	DEBIAN_FRONTEND=noninteractive apt-get -q -y \
	    --no-install-recommends install "$@" || rc=$?
	[ -z "$mine" ] || rm -f "$policy"
	return "$rc"
}

deps() {
	local need=() ssh_is_new=''
	mapfile -t need < <(missing "${build_packages[@]}" "${test_packages[@]}" "$@")
	[ ${#need[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "missing packages; as root: apt-get install ${need[*]}"
		exit 1
	fi
	say "installing ${need[*]}"
	case " ${need[*]} " in *' openssh-server '*) ssh_is_new=1 ;; esac
	apt-get -q update || { say "apt-get update failed: see above"; exit 1; }
	install_quietly "${need[@]}" || { say "apt-get install failed: see above"; exit 1; }
	if [ -n "$ssh_is_new" ] && [ -d /run/systemd/system ]; then
		systemctl disable --quiet ssh.service
		say "openssh-server was installed for the lab; its service is left disabled"
	fi
}

# quietly LOG COMMAND...: shows the end of the output only if it fails.
quietly() {
	local log=build/$1
	shift
	mkdir -p build
	"$@" > "$log" 2>&1 && return
	tail -n 40 "$log" >&2
	say "failed: $* (all of it: $log)"
	exit 1
}

build() {
	deps
	if [ ! -e configure ] || [ configure.ac -nt configure ]; then
		quietly autoconf.log autoconf
	fi
	if [ ! -e config.status ] || [ configure -nt config.status ]; then
		quietly configure.log ./configure
	fi
	say "building (build/make.log)"
	quietly make.log make -j"$(nproc)" "$@"
}

case ${1-} in
deps) deps ;;
deps-upstream) deps "${upstream_packages[@]}" ;;
deps-matrix) deps "${matrix_packages[@]}" ;;
build) build all ;;
demo)
	build demo-build
	exec regress/e2e/demo "${@:2}"
	;;
check)
	build lab-build
	[ "$(id -u)" = 0 ] || { say "the tests need root: network namespaces"; exit 1; }
	exec regress/run-tests -b "make -j$(nproc) tests-build && regress/upstream-quick build" "${@:2}"
	;;
*)
	sed -n '3,12s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
