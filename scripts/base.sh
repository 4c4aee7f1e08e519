#!/usr/bin/env bash
# Fetch the pristine sources of a base, verify them, print where they are:
#
#   base.sh [VERSION]     -> .../build/cache/linux_VERSION.orig.tar.xz
#
# They come from BASE_URL (a directory; file:// will do) if that is given, and
# else from the package mirror that this machine's apt is configured with. What
# is in the cache and has the right checksum is used without any network.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/mirror.sh"

version=${1:-$KVER_BASE}
name=linux_$version.orig.tar.xz
file=$BUILD/cache/$name
part=$file.part
sums=$TOP/scripts/base.sha256

sum=$(awk -v n="$name" '$2 == n { print $1 }' "$sums")
[ "$sum" ] || die "no checksum known for $name: the bases are $(awk -F_ '{ sub(/\.orig.*/, "", $2); printf "%s ", $2 }' "$sums")(scripts/base.sha256)"

valid() { [ -f "$1" ] && [ "$(sha256sum <"$1")" = "$sum  -" ]; }
fresh() { # the part file has become the real one
	mv -f "$part" "$file"
	echo "$file"
	exit 0
}

fetch() {
	rc=0
	try_logged base curl -fL --retry 2 --connect-timeout 20 --speed-limit 1000 --speed-time 60 \
		"$@" -o "$part" "$url/$name" || rc=$?
}

mkdir -p "$BUILD/cache"
lock base
if valid "$file"; then
	echo "$file"
	exit 0
fi
if [ -e "$file" ]; then
	say "removing $file: its checksum is wrong (truncated, or not what it says)"
	rm -f "$file"
fi
if valid "$part"; then fresh; fi # an interrupt came between download and rename

need curl
use_apt_proxy
if [ "${BASE_URL-}" ]; then
	url=${BASE_URL%/}
else
	pool=pool/main/l/linux
	url=$(mirror_with "$pool/$name") ||
		die "cannot get $name: no network, or no configured apt mirror has $pool/$name; put the file into $BUILD/cache, or give BASE_URL= (a directory that has it) or KSRC= (a linux-7.1.y tree)"
	url=$url/$pool
fi

step "downloading $name (about 155 MB)"
if [ -s "$part" ]; then
	fetch -C -
	if [ "$rc" = 0 ] && valid "$part"; then fresh; fi
	rm -f "$part" # not resumable, or a resumed mixture: once more from the start
fi
fetch
case $rc in
0) ;;
22 | 37 | 78) die "$url has no $name" ;;
23)
	rm -f "$part"
	die "disk full: cannot write $part"
	;;
5 | 6 | 7 | 28) die "no network: cannot reach $url ($(last_line "$LOGS/base.log"))" ;;
*) die "download broke off, run again to resume ($(last_line "$LOGS/base.log"))" ;;
esac
if ! valid "$part"; then
	size=$(stat -c %s "$part")
	rm -f "$part"
	die "wrong checksum: $url/$name ($size bytes) is not the $name that scripts/base.sha256 names; nothing was kept"
fi
fresh
