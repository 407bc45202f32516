#!/bin/bash
# SPDX-License-Identifier: ISC
# jeebsd(8)'s section FENCING and the tests agree: each entry says all that it
# has to and names tests that have it, and each test's row is an entry there.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
page=$top/jeebs-monitor/jeebsd.8
rc=0

# "TITLE|FIELDS|TESTS" of each entry.
entries=$(awk '
	function flush() { if (title != "") print title "|" fields "|" tests }
	/^\.Sh / { flush(); title = ""; on = ($0 == ".Sh FENCING"); next }
	!on { next }
	/^\.(It|El)/ { flush(); title = substr($0, 5); fields = tests = ""; next }
	/^(Serves|Stall|Client|Evidence|Test): ./ { fields = fields " " $1 }
	/^Test: / { tests = substr($0, 7) }
' "$page")
# "TITLE|TEST" of each row.
rows=$("$top/regress/fencing" rows)

bad() {
	echo "$*" >&2
	rc=1
}

while IFS='|' read -r title fields tests; do
	[[ $fields == ' Serves: Stall: Client: Evidence: Test:' ]] ||
		bad "$title: has$fields, in that order"
	for t in $tests; do
		grep -qxF "$title|$t" <<<"$rows" || bad "$title: $t has no such row"
	done
done <<<"$entries"
while IFS='|' read -r title t; do
	grep -qE "^[^|]*\|[^|]*\|(.* )?$t( |\$)" <(grep -F "$title|" <<<"$entries") ||
		bad "$t: jeebsd(8) has no \"$title\" of it"
done <<<"$rows"
n=$(wc -l <<<"$entries")
((n >= 30)) || bad "only $n entries"
echo "$n entries"
exit "$rc"
