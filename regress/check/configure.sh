#!/bin/bash
# SPDX-License-Identifier: ISC
# configure names the Debian packages that are missing, in one line, and says
# no to a source that isn't there.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
rc=0

# refused PATTERN ARGS...
refused() {
	local pattern=$1
	shift
	if "$top/configure" "$@" > out 2> err; then
		echo "configure $*: succeeded" >&2
		rc=1
	elif [ "$(grep -c '^configure: error' err)" != 1 ] || ! grep -q "$pattern" err; then
		echo "configure $*: said: $(cat err)" >&2
		rc=1
	else
		grep '^configure: error' err
	fi
	if [ -e Makefile ]; then
		echo "configure $*: left a Makefile" >&2
		rc=1
	fi
	rm -rf ./*
}

refused 'apt-get install libpcap-dev$' ac_cv_header_pcap_pcap_h=no
refused 'apt-get install xz-utils libpam0g-dev libtomlplusplus-dev$' \
    ac_cv_prog_have_xz=no ac_cv_header_security_pam_appl_h=no \
    ac_cv_header_tomlpp_toml_h=no
refused 'nothing.tar.gz: no such file' --with-openssh-source=nothing.tar.gz
exit "$rc"
