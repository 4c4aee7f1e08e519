#!/usr/bin/env bash
# The suite `stress`: the selftest arena_kern_stress for DURATION= seconds (60), which
# its subtests share. They need some more to begin and to end. SEED= is a number to
# draw from what its threads do.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

duration=${DURATION:-60}
[[ $duration =~ ^[1-9][0-9]{0,5}$ ]] || {
	say "error: DURATION=$duration is no positive number of seconds"
	exit 2
}
vars="ARENA_KERN_STRESS_SECS=$duration"
[[ ! ${SEED-} =~ ^[0-9]+$ ]] || vars+=" ARENA_KERN_STRESS_SEED=$SEED"

lock tree
"$TOP/scripts/suites/build.sh" selftests

step "arena_kern_stress in a guest, for $duration s"
count stress < <(ENV=$vars LIMIT=$((900 + duration * 2)) \
	"$TOP/scripts/suites/core/test-progs.sh" stress -v -a arena_kern_stress)
out=$LOGS/vm-$KERNEL-stress.out.log
sed -n 's/^seed /     | &/p' "$out"
if [ "$failed" != 0 ]; then
	say "logs of the guest: ${out%.out.log}.*.log"
fi
totals
