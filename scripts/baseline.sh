#!/usr/bin/env bash
# Run the base's selftests on the unpatched base and print what fails there: that,
# with the reason found for each, is what scripts/baseline lists, ARCH.txt for
# selftests/bpf and sched_ext-ARCH.txt for selftests/sched_ext. Needed when the base,
# the tools or the choice of tests in selftests.sh change.
#
#   baseline.sh [bpf|sched_ext]
#
# By hand: scripts/vm.sh -k build/out/ARCH-base/... -i build/guest/ARCH-base/selftests.cpio
#          -v 'cd /opt/selftests; ./test_progs -t NAME'
#     or   -i build/guest/ARCH-base/sched_ext.cpio -v 'cd /opt/sched_ext; ./runner -t NAME'
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock tree
export VARIANT=base
"$TOP/scripts/kernel.sh"
step "building the selftests of the base"
results=''
if [ "${1-bpf}" = bpf ]; then
	"$TOP/scripts/selftests.sh" kmods
	"$TOP/scripts/selftests.sh" progs
	"$TOP/scripts/selftests.sh" pack
	step "running selftests/bpf"
	results=$(CPUS=2 "$TOP/scripts/suites/core/test-progs.sh" baseline)$'\n'
fi
if [ "${1-sched_ext}" = sched_ext ]; then
	"$TOP/scripts/selftests.sh" tools
	"$TOP/scripts/sched-ext.sh" schedulers runner pack
	step "running selftests/sched_ext"
	results+=$("$TOP/scripts/suites/sched_ext/runner.sh" baseline-sched_ext '')
fi
grep -v '^ok ' <<<"$results" || true
say "$(grep -c '^ok ' <<<"$results" || true) passed, $(grep -c '^FAIL ' <<<"$results" || true) failed"
