#!/bin/bash
# SPDX-License-Identifier: ISC
# The patches are call sites: at most 300 lines added and removed in all, three
# lines of context around each change, no new files, no fuzz; and touched.sums
# is theirs.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
fork=$top/openssh-portable-jeebs
budget=300
rc=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

bad() {
	echo "$*" >&2
	rc=1
}

cp -a "$fork" "$tmp/fork"
mkdir "$tmp/build"
cp -a "$build/dl" "$tmp/build/"
"$tmp/fork/prepare" --pinned --build="$tmp/build" --update-sums
cmp "$fork/touched.sums" "$tmp/fork/touched.sums" ||
    bad "touched.sums is not of these patches: run prepare --update-sums"

for f in "$fork"/patches/*.patch; do
	[ -e "$f" ] || continue
	grep -qx "$(basename "$f")" "$fork/patches/series" ||
	    bad "$(basename "$f") is not in patches/series"
	if grep -q '^--- /dev/null' "$f"; then
		bad "$(basename "$f") makes a new file: that belongs into jeebs/"
	fi
done

total=0
while read -r p; do
	n=$(grep -c '^[-+]' "$fork/patches/$p") || true
	heads=$(grep -cE '^(\+\+\+|---) ' "$fork/patches/$p") || true
	n=$((n - heads))
	total=$((total + n))
	echo "$p: $n lines"
	# A hunk may have less context only where its file begins or ends.
	awk -v tree="$tmp/build/openssh" -v patch="$p" '
	function lines(file,   n, l) {
		while ((getline l < file) > 0)
			n++
		close(file)
		return n
	}
	function end_of_hunk() {
		if (!hunk)
			return
		if (before < 3 && start > 1) {
			printf "%s: %s: hunk at line %d has %d lines of context before\n", patch, file, start, before
			bad = 1
		}
		if (after < 3 && new + count - 1 < lines(tree "/" file)) {
			printf "%s: %s: hunk at line %d has %d lines of context after\n", patch, file, start, after
			bad = 1
		}
		hunk = 0
	}
	/^(diff|index|--- |-- $)/ { end_of_hunk(); next }
	/^\+\+\+ / { end_of_hunk(); file = substr($2, 3); next }
	/^@@ / {
		end_of_hunk()
		split($2, o, ",")
		split($3, w, ",")
		start = -o[1]
		new = w[1] + 0
		count = (w[2] == "") ? 1 : w[2] + 0
		hunk = 1
		changed = before = after = 0
		next
	}
	hunk && /^[-+]/ { changed = 1; after = 0; next }
	hunk && (/^ / || /^$/) {
		if (changed)
			after++
		else
			before++
	}
	END { end_of_hunk(); exit bad }
	' "$fork/patches/$p" >&2 || rc=1
done < <(sed 's/[[:space:]]*#.*//; /^$/d' "$fork/patches/series")
echo "$total of $budget lines"
[ "$total" -le "$budget" ] || bad "the patches touch $total lines; the budget is $budget"
[ "$total" -gt 0 ] || bad "no patch touches anything"
exit "$rc"
