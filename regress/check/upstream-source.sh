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

git -c safe.directory='*' ls-files -z |
    while IFS= read -r -d '' f; do
	if [ -f "$f" ] && grep -Iq . "$f"; then
		printf '%s\0' "$f"
	fi
done > "$tmp/files"

xargs -0 awk '
FILENAME != file { judge(); file = FILENAME; all = same = 0; files++ }
FILENAME == ARGV[1] { theirs[$0] = 1; next }
FILENAME == "LICENSE" { next }
{
	if (file ~ /\.patch$/) {
		if (!/^\+[^+]/)
			next
		sub(/^\+/, "")
	}
	gsub(/^[ \t]+|[ \t]+$/, "")
	if (length >= 25) {
		all++
		if ($0 in theirs)
			same++
	}
}
function judge() {
	if (same > 10 && same * 3 > all) {
		printf "%s: %d of %d lines are OpenSSH'\''s\n", file, same, all
		bad = 1
	}
}
END {
	judge()
	print files - 1, "files"
	exit (bad || files < 2)
}' "$tmp/theirs" < "$tmp/files"
