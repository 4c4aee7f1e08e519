#!/usr/bin/env bash
# The suite `core`: the series' KUnit tests, its selftests, the base's own
# selftests against what they do on the unpatched base, and guests that must die.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"
here=$TOP/scripts/suites/core
. "$TOP/scripts/arch/$ARCH.sh"

lock tree
"$TOP/scripts/kernel.sh"
step "building the selftests"
"$TOP/scripts/selftests.sh" kmods
"$TOP/scripts/selftests.sh" progs
"$TOP/scripts/selftests.sh" pack

step "the series' selftests in a guest"
count selftests < <(APPEND=kunit.enable=1 "$here/test-progs.sh" core-series -a 'arena_kern*')
count kunit < <("$here/kunit.sh" "$LOGS/vm-core-series.console.log")

# With more CPUs than the host has, their locks' timeouts run out (see the list).
step "the base's selftests in a guest"
count base < <(CPUS=2 "$here/base-tests.sh" | "$here/against-baseline.sh" "$TOP/scripts/baseline/$ARCH.txt")

step "guests that must die"
while read -r case function; do
	count "fatal/$case" < <("$here/fatal.sh" "$case" "$function")
done < <(grep -v '^#' "$here/fatal.txt")

if [ "$failed" != 0 ]; then
	say "logs of the guests: $LOGS/vm-core-*.log"
fi
totals
