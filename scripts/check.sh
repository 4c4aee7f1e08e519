#!/usr/bin/env bash
# Static quality of the series, a line for each thing that was looked at:
#
#   apply     it applies to the pristine releases
#   style     checkpatch --strict, for each patch
#   docs      kernel-doc, reStructuredText, MAINTAINERS
#   warnings  W=1 with GCC and Clang, sparse: nothing that the base has not
#   matrix    every configuration of check/configs/table links
#   bisect    each patch compiles and links by itself
#
# CHECK=apply,style,... chooses; default all. FULL=1 adds what takes long: more
# configurations, and for each patch a complete kernel with the tests' options.
# It is the commits in build/linux that are checked, in build/check.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/check/tree.sh"
. "$TOP/scripts/check/build.sh"

groups=(apply style docs warnings matrix bisect)
IFS=', ' read -ra chosen <<<"${CHECK:-${groups[*]}}"
FULL=${FULL-}

passed=0 failed=0 skipped=0
ok() {
	passed=$((passed + 1))
	echo "ok $group: $1"
}
not_ok() { # WHAT REASON
	failed=$((failed + 1))
	echo "not ok $group: $1 ($2)"
}
skip() {
	skipped=$((skipped + 1))
	echo "skip $group: $1 ($2)"
}
show() { sed "s|$TREE/||g; s/^/    | /" >&2; }
# The lines of a build's log that say what is wrong, not what follows from it.
show_errors() {
	{ grep -E 'error:|undefined reference|undefined symbol|multiple definition|resolve_btfids|No space left|no [a-z0-9-]* here' "$1" ||
		tail -n 5 "$1"; } | head -n 12 | show
}

for group in "${chosen[@]}"; do
	[[ " ${groups[*]} " == *" $group "* ]] || die "no group '$group': CHECK= takes ${groups[*]}"
done
lock check
"$TOP/scripts/toolchain.sh"
get_tree
forget_interrupted
number_commits
for group in "${chosen[@]}"; do
	. "$TOP/scripts/check/$group.sh"
	began=$EPOCHSECONDS
	step "$group"
	"check_$group"
	say "        $group took $((EPOCHSECONDS - began)) s"
done
summary="$passed passed, $failed failed"
[ "$skipped" = 0 ] || summary+=", $skipped skipped"
echo "$summary"
[ "$failed" = 0 ]
