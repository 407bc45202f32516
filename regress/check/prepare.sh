#!/bin/bash
# SPDX-License-Identifier: ISC
# timeout: 240
# prepare's promises: nothing under the system's apt changes; no network, a
# wrong sum, a patch that doesn't apply and a revision that can't be trusted
# each give one line, a failure and no half-made tree; a newer Debian revision
# is taken if and only if what we touch is as it was.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${JEEBS_BUILD:-$top/build}
tmp=$(mktemp -d)
trap 'GNUPGHOME=$tmp/gnupg gpgconf --kill all 2> /dev/null || true; rm -rf "$tmp"' EXIT
export LC_ALL=C
rc=0

ok() { echo "ok: $*"; }
bad() { echo "FAIL: $*"; rc=1; }

fork=$tmp/fork
cp -a "$top/openssh-portable-jeebs" "$fork"
orig=$(awk '$1 == "orig" { print $3 }' "$fork/UPSTREAM")
debian=$(awk '$1 == "debian" { print $3 }' "$fork/UPSTREAM")
pin=$(awk '$1 == "version" { print $2 }' "$fork/UPSTREAM")
[ -f "$build/dl/$orig" ] && [ -f "$build/dl/$debian" ] ||
    { echo "build/dl has not the pinned files: make openssh" >&2; exit 1; }

# refused WHAT PATTERN ARGS...: prepare fails, says one line like PATTERN, and
# leaves no tree in $tmp/b.
refused() {
	local what=$1 pattern=$2 status=0
	shift 2
	"$fork/prepare" --build="$tmp/b" "$@" > "$tmp/out" 2> "$tmp/err" || status=$?
	if [ "$status" = 0 ]; then
		bad "$what: prepare succeeded"
	elif [ "$(wc -l < "$tmp/err")" != 1 ] || ! grep -q "$pattern" "$tmp/err"; then
		bad "$what: said: $(cat "$tmp/err")"
	elif [ -e "$tmp/b/openssh" ] || compgen -G "$tmp/b/.prepare.*/*" > /dev/null; then
		bad "$what: left something behind: $(ls -A "$tmp/b")"
	else
		ok "$what: $(cat "$tmp/err")"
	fi
	rm -rf "$tmp/b"
}

system_apt() {
	{ find /etc/apt -type f -exec sha256sum {} +; ls -lR /var/lib/apt /var/cache/apt; } |
	    sha256sum
}
before=$(system_apt)

# apt's view of the system, with sources of our choosing.
sources() {
	printf '%s\n' "$1" > "$tmp/sources.list"
	printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "-";\n' \
	    "$tmp/sources.list" > "$tmp/apt.conf"
}
export APT_CONFIG=$tmp/apt.conf

sources "deb file:$tmp/nowhere bookworm main"
refused "no mirror" "cannot fetch openssh"
sources ""
refused "no sources" "name no Debian mirror"

mkdir "$tmp/local"
cp "$build/dl/$orig" "$build/dl/$debian" "$tmp/local/"
if "$fork/prepare" --build="$tmp/b" --source="$tmp/local/$orig" > /dev/null; then
	ok "a local tarball"
else
	bad "a local tarball is refused"
fi
rm -rf "$tmp/b"
printf x >> "$tmp/local/$debian"
refused "Debian's part changed by a byte" "SHA256" --source="$tmp/local/$orig"
cp "$build/dl/$debian" "$tmp/local/"
printf x >> "$tmp/local/$orig"
refused "orig tarball changed by a byte" "SHA256" --source="$tmp/local/$orig"
refused "no such file" "no such file" --source="$tmp/local/nothing.tar.gz"
mkdir -p "$tmp/b/dl"
cp "$tmp/local/$orig" "$build/dl/$debian" "$build/dl/source" "$tmp/b/dl/"
refused "a spoilt download" "SHA256" --pinned

# A patch of our own, so that this does not depend on what the series holds.
cat > "$fork/patches/test.patch" <<'P'
--- a/uidswap.c
+++ b/uidswap.c
@@ -1,5 +1,6 @@
+/* nowhere */
 no such line
 no such line either
 nor this
 and this
 at all
P
cp "$fork/patches/series" "$tmp/series"
echo test.patch >> "$fork/patches/series"
mkdir -p "$tmp/b"; cp -a "$build/dl" "$tmp/b/"
refused "a patch that doesn't apply" "test.patch does not apply .*uidswap.c" --pinned

# Its head counts a line less than there is: patch(1) would leave that out.
cat > "$fork/patches/short.patch" <<'P'
--- a/LICENCE
+++ b/LICENCE
@@ -1,2 +1,4 @@
+one
+two
P
tar -xOf "$build/dl/$orig" --wildcards '*/LICENCE' | sed -n '1,3s/^/ /p' \
    >> "$fork/patches/short.patch"
{ cat "$tmp/series"; echo short.patch; } > "$fork/patches/series"
mkdir -p "$tmp/b"; cp -a "$build/dl" "$tmp/b/"
refused "a hunk longer than its head" "short.patch: line 8: the hunk has more lines" --pinned
sed -i 's/^@@ .*/@@ -1,3 +1,5 @@/' "$fork/patches/short.patch"
mkdir -p "$tmp/b"; cp -a "$build/dl" "$tmp/b/"
if "$fork/prepare" --build="$tmp/b" --pinned > /dev/null; then
	ok "the same with a right head"
else
	bad "the same with a right head is refused"
fi
rm -rf "$tmp/b"
sed -i '$d' "$fork/patches/short.patch"
mkdir -p "$tmp/b"; cp -a "$build/dl" "$tmp/b/"
refused "a hunk shorter than its head" "short.patch: line 7: the hunk has fewer lines" --pinned
cp "$tmp/series" "$fork/patches/series"

# An edited patch that doesn't apply must leave the tree of before.
mkdir -p "$tmp/b"; cp -a "$build/dl" "$tmp/b/"
"$fork/prepare" --build="$tmp/b" --pinned > /dev/null
sum=$(cd "$tmp/b/openssh" && find . -type f -exec sha256sum {} + | sort | sha256sum)
echo test.patch >> "$fork/patches/series"
if "$fork/prepare" --build="$tmp/b" 2> "$tmp/err"; then
	bad "an edited series that doesn't apply succeeded"
elif [ "$sum" = "$(cd "$tmp/b/openssh" && find . -type f -exec sha256sum {} + | sort | sha256sum)" ]; then
	ok "an edited series that doesn't apply leaves the tree: $(cat "$tmp/err")"
else
	bad "an edited series that doesn't apply changed the tree"
fi
cp "$tmp/series" "$fork/patches/series"
rm -rf "$tmp/b"

# --- a mirror of our own with newer revisions, signed with a key of our own

export GNUPGHOME=$tmp/gnupg
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --pinentry-mode loopback --passphrase '' \
    --quick-gen-key 'prepare test <test@localhost>' rsa2048 sign never 2> /dev/null
gpg --batch --export > "$tmp/good.gpg"
: > "$tmp/empty.gpg"

# mirror VERSION CHANGE: a repository with one revision; CHANGE edits its
# unpacked debian/ folder (the working directory).
mirror() {
	local v=$1 d=$tmp/mirror/pool f
	rm -rf "$tmp/mirror" "$tmp/debian"
	mkdir -p "$d" "$tmp/mirror/dists/trixie/main/source"
	cp "$build/dl/$orig" "$d/"
	tar -xf "$build/dl/$debian" -C "$tmp"
	(cd "$tmp/debian" && eval "$2")
	f=openssh_${v#*:}
	tar -cJf "$d/$f.debian.tar.xz" -C "$tmp" debian
	{
		printf 'Format: 3.0 (quilt)\nSource: openssh\nBinary: ssh\nArchitecture: any\n'
		printf 'Version: %s\nMaintainer: nobody <nobody@localhost>\nChecksums-Sha256:\n' "$v"
		(cd "$d" && for x in "$orig" "$f.debian.tar.xz"; do
			echo " $(sha256sum < "$x" | cut -d' ' -f1) $(stat -c %s "$x") $x"
		done)
	} > "$tmp/$f.dsc"
	cp "$tmp/$f.dsc" "$d/$f.dsc"
	{
		sed 's/^Source:/Package:/; /^Format:/d' "$tmp/$f.dsc"
		echo " $(sha256sum < "$d/$f.dsc" | cut -d' ' -f1) $(stat -c %s "$d/$f.dsc") $f.dsc"
		printf 'Directory: pool\nFormat: 3.0 (quilt)\n\n'
	} > "$tmp/mirror/dists/trixie/main/source/Sources"
	(
		cd "$tmp/mirror/dists/trixie"
		printf 'Origin: Test\nSuite: trixie\nCodename: trixie\nComponents: main\nArchitectures: %s\n' \
		    "$(dpkg --print-architecture)"
		printf 'Date: %s\nSHA256:\n' "$(date -u -R)"
		x=main/source/Sources
		echo " $(sha256sum < "$x" | cut -d' ' -f1) $(stat -c %s "$x") $x"
	) > "$tmp/Release"
	gpg --batch --quiet --yes --clearsign -o "$tmp/mirror/dists/trixie/InRelease" "$tmp/Release"
	sources "deb file:$tmp/mirror trixie main"
}

# A patch of ours in the first lines of a function, and one that Debian might
# bring to the last ones of the same.
file=uidswap.c function=permanently_set_uid
mkdir -p "$tmp/b" "$tmp/t"
cp -a "$build/dl" "$tmp/b/"
"$fork/prepare" --build="$tmp/b" --pinned > /dev/null
cp "$tmp/b/openssh/$file" "$tmp/t/before"
edit() {	# FIRST|LAST OUTPUT: a patch that puts a line into the function
	awk -v f="$function" -v where="$1" '
	$0 ~ "^" f "\\(" { inside = 1 }
	inside && /^}/ { if (where == "last") print "\t/* test: last */"; inside = 0 }
	{ print }
	inside && /^\{/ && where == "first" { print "\t/* test: first */" }
	' "$tmp/t/before" > "$tmp/t/after"
	diff -u "$tmp/t/before" "$tmp/t/after" |
	    sed "1s|.*|--- a/$file|; 2s|.*|+++ b/$file|" > "$2" || true
	grep -q "^+.*test: $1" "$2" || bad "the test can't change $file:$function"
}
edit first "$fork/patches/ours.patch"
edit last "$tmp/t/debian.patch"
echo ours.patch >> "$fork/patches/series"
"$fork/prepare" --build="$tmp/b" --update-sums > /dev/null
grep -q "  $file:$function\$" "$fork/touched.sums" && ok "touched.sums names $file:$function" ||
    bad "touched.sums has no $file:$function"
rm -rf "$tmp/b"

newer=${pin%u*}u99
harmless='printf "%s\n" "--- a/README" "+++ b/README" "@@ -1,3 +1,4 @@" "+A word." "$(tar -xOf "'$build/dl/$orig'" --wildcards "*/README" | sed -n "1,3s/^/ /p")" > patches/test.patch; echo test.patch >> patches/series'
mirror "$newer" "$harmless"
refused "a mirror that nobody vouches for" "cannot fetch" --keyring="$tmp/empty.gpg"
if "$fork/prepare" --build="$tmp/b" --keyring="$tmp/good.gpg" > "$tmp/out" 2> "$tmp/err" &&
    grep -q "$newer" "$tmp/out" && grep -qx 'A word.' "$tmp/b/openssh/README"; then
	ok "a newer revision that leaves alone what we touch: $(cat "$tmp/out")"
else
	bad "a newer, harmless revision: $(cat "$tmp/out" "$tmp/err")"
fi
# Its download is verified again at the next use.
if [ -f "$tmp/b/dl/openssh_${newer#*:}.debian.tar.xz" ]; then
	printf x >> "$tmp/b/dl/openssh_${newer#*:}.debian.tar.xz"
	rm -rf "$tmp/b/openssh" "$tmp/b/openssh.debian"
	mv "$tmp/b" "$tmp/b2"; mkdir "$tmp/b"; mv "$tmp/b2/dl" "$tmp/b/"
	refused "a newer revision's download, spoilt" "SHA256" --keyring="$tmp/good.gpg"
else
	bad "the newer revision's download isn't kept"
fi
rm -rf "$tmp/b" "$tmp/b2"

mirror "$newer" "cp '$tmp/t/debian.patch' patches/test.patch; echo test.patch >> patches/series"
refused "a newer revision that changes a function that we touch" \
    "changes what our patches touch: $file:$function:" --keyring="$tmp/good.gpg"
cp -a "$build/dl" "$tmp/dl"
mkdir "$tmp/b"; mv "$tmp/dl" "$tmp/b/"
if "$fork/prepare" --build="$tmp/b" --keyring="$tmp/good.gpg" --refresh > "$tmp/out" 2>&1; then
	bad "--refresh took a revision that changes what we touch"
elif "$fork/prepare" --build="$tmp/b" --pinned > "$tmp/out" 2>&1; then
	ok "--pinned still builds the pinned revision"
else
	bad "--pinned: $(cat "$tmp/out")"
fi
rm -rf "$tmp/b"

# A series of Debian's that needs fuzz or doesn't apply.
mirror "$newer" "sed 's/no such line/never was there/' '$fork/patches/test.patch' > patches/test.patch; echo test.patch >> patches/series"
refused "a newer revision whose own series doesn't apply" "test.patch does not apply" --keyring="$tmp/good.gpg"

# Another upstream under the same name, and one under a newer one.
mirror "$newer" :
printf x >> "$tmp/mirror/pool/$orig"
refused "another orig tarball" "cannot download\|SHA256" --keyring="$tmp/good.gpg"
mirror "1:99.0p1-1" :
refused "another upstream version" "has no openssh" --keyring="$tmp/good.gpg"
mirror "${pin%-*}-1" :
refused "an older revision" "older than the pinned" --keyring="$tmp/good.gpg"

[ "$before" = "$(system_apt)" ] && ok "the system's apt is as it was" ||
    bad "the system's apt state changed"
exit "$rc"
