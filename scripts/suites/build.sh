#!/usr/bin/env bash
# Build the kernel that ARCH and VARIANT name and what runs on it, packed for guests:
#
#   build.sh selftests      test_progs, its programs and modules
#   build.sh sched_ext      tools/sched_ext and the runner of selftests/sched_ext
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

lock tree
case $VARIANT in
'' | base) programs=here ;;
*) # they are those of the kernel without a variant
	programs=there
	VARIANT='' "$TOP/scripts/suites/build.sh" "$@"
	;;
esac
"$TOP/scripts/kernel.sh"
for part; do
	step "building for guests: $part ($KERNEL)"
	case $part in
	selftests)
		[ $programs = there ] || "$TOP/scripts/selftests.sh" progs
		"$TOP/scripts/selftests.sh" kmods
		"$TOP/scripts/selftests.sh" pack
		;;
	sched_ext)
		[ $programs = here ] || continue
		"$TOP/scripts/selftests.sh" tools
		"$TOP/scripts/sched-ext.sh" schedulers runner pack
		;;
	*) die "build.sh: selftests or sched_ext, not $part" ;;
	esac
done
