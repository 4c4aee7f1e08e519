#!/usr/bin/env bash
# The suite `tooling`: the project's own scripts, each test in a scratch copy of
# them with a tiny tree in the kernel's place. The last few tests use the real ones.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"
here=$TOP/scripts/suites/tooling
unset VARIANT KSRC BASE_URL FORCE SUITE LOCKS_HELD RUN_STARTED BEGIN_BY DURATION COUNT SEED VARIANTS BENCH

need xz:xz-utils curl patch
"$TOP/scripts/toolchain.sh" # what shellcheck and in-root.sh are tested with

work=$(mktemp -d "$BUILD/tmp.tooling.XXXXXX")
at_exit "rm -rf '$work'"

# it DESCRIPTION FUNCTION: one test, in a directory of its own. `skip REASON` in it
# is the third outcome. What it says is shown only if it fails.
it() {
	local rc=0
	T=$work/$2
	mkdir "$T"
	run_group "$here/run-one.sh" "$2" "$T" >"$T.log" 2>&1 || rc=$?
	case $rc in
	0)
		echo "ok   $1"
		passed=$((passed + 1))
		;;
	77)
		echo "skip $1: $(tail -n1 "$T.log")"
		skipped=$((skipped + 1))
		;;
	*)
		echo "FAIL $1"
		tail -n 20 "$T.log" | sed 's/^/     | /'
		failed=$((failed + 1))
		;;
	esac
	rm -rf "$T"
}

. "$TOP/scripts/suites/tooling/list.sh"

totals
