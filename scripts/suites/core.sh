#!/usr/bin/env bash
# The suite `core`: the series' KUnit tests, its selftests, guests that must die, and,
# where there is a list of what fails on the unpatched base, the base's own selftests.
# On arm64 also what the fault handler was compiled to.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"
here=$TOP/scripts/suites/core

lock tree
"$TOP/scripts/suites/build.sh" selftests

step "the series' selftests in a guest"
count selftests < <(APPEND=kunit.enable=1 "$here/test-progs.sh" core-series -a 'arena_kern*' \
	-d 'arena_kern_stress,arena_kern_inject*,arena_kern_fuzz,arena_kern_bench') # suites of their own
count kunit < <("$here/kunit.sh" "$LOGS/vm-$KERNEL-core-series.console.log")

[ "$ARCH" != arm64 ] || count fault_handler < <("$here/barriers.sh")

# With more CPUs than the host has, their locks' timeouts run out (see the list).
known=$TOP/scripts/baseline/$KERNEL.txt
if [ -f "$known" ]; then
	step "the base's selftests in a guest"
	count base < <(CPUS=2 "$here/base-tests.sh" | "$here/against-baseline.sh" "$known")
fi

step "guests that must die"
while read -r case function; do
	count "fatal/$case" < <("$here/fatal.sh" "$case" "$function")
done < <(grep -v '^#' "$here/fatal.txt")

if [ "$failed" != 0 ]; then
	say "logs of the guests: $LOGS/vm-$KERNEL-core-*.log"
fi
totals
