#!/usr/bin/env bash
# Remove what the other scripts made: all but the downloads, or, with --all, those
# too. Waits for runs that are under way, and stops if build/linux has commits or
# changes that are nowhere else.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/tree-lib.sh"

for l in "$BUILD"/locks/*; do
	[ ! -e "$l" ] || lock "${l##*/}"
done
if [ -d "$TREE/.git" ] && [ -z "${FORCE-}" ]; then
	read_state
	if is_dirty || [ "$(kgit rev-parse HEAD)" != "$STATE_HEAD" ]; then
		die "build/linux has changes that are not exported: 'make export' them first, or FORCE=1 drops them"
	fi
fi
keep=(! -name cache)
[ "${1-}" != --all ] || keep=()
step "removing $BUILD${keep:+ (not the downloads in cache)}"
# The locks go last, for whoever waits for one. A root may hold what belongs to
# subordinate users; nothing is mounted there outside of its users' namespaces.
find "$BUILD" -mindepth 1 -maxdepth 1 ! -name locks "${keep[@]}" -exec rm -rf --one-file-system {} +
rm -rf "$BUILD/locks"
