#!/bin/bash
# SPDX-License-Identifier: ISC
# make install puts all there is below DESTDIR and nowhere else; what it
# installed runs; uninstall takes it away again but for configuration.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$top"
rc=0

[ "${JEEBS_BUILD:-$top/build}" = "$top/build" ] || { echo "only for build/" >&2; exit 1; }
setting() { sed -n "s/^$1 = //p" Makefile; }
prefix=$(setting prefix)
expand() { echo "${1//\$\{prefix\}/$prefix}" | sed "s|\${exec_prefix}|$prefix|; s|\${datarootdir}|$prefix/share|"; }
sbin=$tmp$(expand "$(setting sbindir)")
libexec=$tmp$(expand "$(setting libexecdir)")
man=$tmp$(expand "$(setting mandir)")

make -s install DESTDIR="$tmp" > "$tmp/log" 2>&1 || { tail -n 20 "$tmp/log" >&2; exit 1; }
for f in "$sbin"/{sshd,jeebsd,jeebsctl} "$libexec"/{sshd-session,sshd-auth,sshd-adopt,sftp-server} \
    "$man"/man5/jeebsd.conf.5 "$man"/man8/{jeebsd,jeebsctl,sshd-adopt}.8 "$man"/man5/sshd_config.5; do
	[ -s "$f" ] || { echo "not installed: ${f#"$tmp"}" >&2; rc=1; }
done
"$sbin/sshd" -V 2>&1 | grep OpenSSH || { echo "sshd doesn't run" >&2; rc=1; }
"$sbin/jeebsctl" --help > "$tmp/log" || { echo "jeebsctl doesn't run" >&2; rc=1; }

make -s uninstall DESTDIR="$tmp" > "$tmp/log" 2>&1 || { tail -n 20 "$tmp/log" >&2; exit 1; }
rm -f "$tmp/log"
left=$(find "$tmp" -type f ! -path '*/etc/*' -printf '%P\n')
[ -z "$left" ] || { printf 'uninstall left: %s\n' $left >&2; rc=1; }
exit "$rc"
