#!/bin/bash
# SPDX-License-Identifier: ISC
# No sshd binary needs a shared library that a stock build of it doesn't, and
# all that we build is position independent with read-only relocations.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
rc=0

stock() {
	case $1 in
	sshd) echo libcrypt.so libcrypto.so libpam.so libc.so ;;
	*) echo libcrypt.so libcrypto.so libpam.so libz.so libc.so ;;
	esac
}

for p in sshd sshd-session sshd-auth sshd-adopt; do
	needed=$(readelf -d "$build/openssh/$p" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	[ -n "$needed" ] || { echo "$p: no needed libraries at all?" >&2; rc=1; }
	for l in $needed; do
		case " $(stock "$p") " in
		*" ${l%%.so*}.so "*) ;;
		*) echo "$p needs $l, which stock sshd doesn't" >&2; rc=1 ;;
		esac
	done
	echo "$p:" $needed
done

for f in "$build"/openssh/{sshd,sshd-session,sshd-auth,sshd-adopt} \
    "$build"/monitor/{jeebsd,jeebsctl}; do
	head=$(readelf -hW "$f") dyn=$(readelf -dW "$f") seg=$(readelf -lW "$f")
	grep -q 'Type:.*DYN' <<< "$head" || { echo "$f: not PIE" >&2; rc=1; }
	grep -q 'GNU_RELRO' <<< "$seg" || { echo "$f: no RELRO" >&2; rc=1; }
	grep -qE 'BIND_NOW|FLAGS_1.*NOW' <<< "$dyn" || { echo "$f: no -z now" >&2; rc=1; }
	grep -q '__stack_chk_fail' <<< "$(readelf -sW --dyn-syms "$f")" ||
	    { echo "$f: no stack protector" >&2; rc=1; }
done
exit "$rc"
