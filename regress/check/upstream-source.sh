#!/bin/bash
# SPDX-License-Identifier: ISC
# OpenSSH is fetched, never committed: no file of this repository has more than
# a third of its longer lines in common with OpenSSH's, patches aside (whose
# added lines are counted alone).
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
cd "$top"
export LC_ALL=C
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

[ -e "$build/openssh.debian/sshd.c" ] || { echo "no OpenSSH in build/: make openssh" >&2; exit 1; }
find "$build/openssh.debian" -type f -print0 | xargs -0 cat |
    sed 's/^[[:space:]]*//; s/[[:space:]]*$//' | awk 'length >= 25' | sort -u > "$tmp/theirs"

# Judges standard input, which is FILE's text.
judge() {
	sed 's/^[[:space:]]*//; s/[[:space:]]*$//' | awk -v file="$1" '
	NR == FNR { theirs[$0] = 1; next }
	length >= 25 { all++; if ($0 in theirs) same++ }
	END {
		if (same > 10 && same * 3 > all) {
			printf "%s: %d of %d lines are OpenSSH'\''s\n", file, same, all
			exit 1
		}
	}' "$tmp/theirs" -
}

rc=0 files=0
while IFS= read -r -d '' f; do
	[ -f "$f" ] && grep -Iq . "$f" || continue
	files=$((files + 1))
	case $f in
	*.patch) sed -n 's/^+\([^+]\)/\1/p' "$f" | judge "$f" >&2 || rc=1 ;;
	LICENSE) ;;
	*) judge "$f" < "$f" >&2 || rc=1 ;;
	esac
done < <(git -c safe.directory='*' ls-files -z)
echo "$files files"
[ "$files" -gt 0 ] || rc=1
exit "$rc"
