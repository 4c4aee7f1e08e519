#!/usr/bin/env bash
# Run the base's selftests on the unpatched base and print what fails there: that,
# with the reason found for each, is what scripts/baseline/ARCH.txt lists. Needed
# when the base, the tools or the choice of tests in selftests.sh change.
# By hand: scripts/vm.sh -k build/out/ARCH-base/... -i build/guest/ARCH-base/selftests.cpio
#          -v 'cd /opt/selftests; ./test_progs -t NAME'
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock tree
"$TOP/scripts/kernel.sh" --base
step "building the selftests of the base"
"$TOP/scripts/selftests.sh" --base kmods
"$TOP/scripts/selftests.sh" --base progs
"$TOP/scripts/selftests.sh" --base pack
step "running them"
results=$(CPUS=2 "$TOP/scripts/suites/core/test-progs.sh" --base baseline)
grep -v '^ok ' <<<"$results" || true
say "$(grep -c '^ok ' <<<"$results" || true) passed, $(grep -c '^FAIL ' <<<"$results" || true) failed"
