#!/bin/bash
# SPDX-License-Identifier: ISC
# Each option, key and command has an .It in its manual page, each table an .Ss,
# and mandoc has nothing to say about the pages. The names are read from the sources.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
monitor=$top/jeebs-monitor
rc=0 names=0

# documented PAGE NAME...
documented() {
	local page=$1 n
	shift
	[ $# -gt 0 ] || { echo "$page: found no names to look for" >&2; rc=1; }
	[ -f "$page" ] || { echo "$page is missing" >&2; rc=1; return; }
	for n; do
		names=$((names + 1))
		grep -qiE "^\.(It|Ss) (.*[^A-Za-z0-9_])?$n([^A-Za-z0-9_-]|\$)" "$page" || {
			echo "$page: nothing on $n" >&2
			rc=1
		}
	done
}

mapfile -t keys < <(grep -oE '\b(label|address|port|need|str|duration|opt_path|opt|opt_bool|find|table|tables|argv)\("[a-z_-]+"' \
    "$monitor/config.cc" | sed 's/.*"\(.*\)"/\1/' | sort -u)
documented "$monitor/jeebsd.conf.5" "${keys[@]}"

mapfile -t flags < <(sed -n 's/.*getopt[a-z_]*([^"]*"\([^"]*\)".*/\1/p' "$monitor/main.cc" |
    tr -d ':+' | grep -o .)
documented "$monitor/jeebsd.8" "${flags[@]}"

mapfile -t commands < <(grep -ohE 'add_(subcommand|option|flag)\("[^"]+"' "$monitor"/jeebsctl*.cc |
    sed 's/.*"\(.*\)"/\1/' | tr ',' '\n' | sed 's/^-*//' | sort -u)
documented "$monitor/jeebsctl.8" "${commands[@]}"

mapfile -t options < <(sed -n 's/^+[[:space:]]*{ "\([a-z]*\)", s[A-Z].*/\1/p' \
    "$top"/openssh-portable-jeebs/patches/*.patch)
documented "$build/openssh/sshd_config.5" "${options[@]}"

for p in "$monitor"/*.[58] "$top"/openssh-portable-jeebs/*.8; do
	mandoc -T lint -W warning "$p" >&2 || rc=1
done
# Of OpenSSH's own page: nothing that Debian's has not.
lint() {
	mandoc -T lint -W warning "$1" | sed 's/^mandoc: [^ ]* //' | sort || true
}
new=$(comm -13 <(lint "$build/openssh.debian/sshd_config.5") <(lint "$build/openssh/sshd_config.5"))
[ -z "$new" ] || { printf 'sshd_config.5: %s\n' "$new" >&2; rc=1; }
echo "$names names"
exit "$rc"
