#!/bin/bash
# SPDX-License-Identifier: ISC
# The programs that are installed have none of the switches of jeebs-testing.h:
# no symbol, no string. That the ones of "make testing" have them is looked at
# too, so that the search is known to find something.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
rc=0

# What a call site names, and the file that says which are on.
mapfile -t names < <({
	grep -hoE 'jeebs_testing(_stop)?\("[^"]+"' \
	    "$top"/openssh-portable-jeebs/jeebs/*.{c,inc} \
	    "$top"/jeebs-monitor/*.cc | sed 's/.*("//; s/"$//'
	sed -n 's/^#define JEEBS_TESTING_FILE[[:space:]]*"\(.*\)"/\1/p' \
	    "$top/openssh-portable-jeebs/jeebs/jeebs-testing.h"
} | sort -u)
echo "switches: ${names[*]}"
[ ${#names[@]} -ge 2 ] || { echo "no switch at all?" >&2; exit 1; }

# has FILE: which of the names, and of the functions, are in it
has() {
	{ strings -a -n 4 "$1"; nm -a "$1" 2> /dev/null || :; } |
	    { grep -oF -f <(printf '%s\n' "${names[@]}" jeebs_testing \
		jeebs_hostile 'jeebs testing') || :; } | sort -u
}

for f in "$build"/openssh/{sshd,sshd-session,sshd-auth,sshd-adopt,ssh,libssh.a} \
    "$build"/monitor/{jeebsd,jeebsctl}; do
	[ -f "$f" ] || { echo "$f: not built" >&2; rc=1; continue; }
	found=$(has "$f")
	[ -z "$found" ] || { echo "$f has" $found >&2; rc=1; }
done

[ -x "$build/testing/openssh/sshd-session" ] ||
    { echo "build/testing is missing: make testing" >&2; exit 1; }
found=$(for f in openssh/sshd-session openssh/sshd-adopt monitor/jeebsd; do
	has "$build/testing/$f"
done)
for n in "${names[@]}"; do
	grep -qF -e "$n" <<< "$found" ||
	    { echo "$n is in no program of make testing" >&2; rc=1; }
done
exit "$rc"
