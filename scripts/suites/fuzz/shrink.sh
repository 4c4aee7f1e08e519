#!/usr/bin/env bash
# Find a small part of a sequence of arena_kern_fuzz that kills the guest, and print it:
#
#   shrink.sh SUBTEST SEED PARTS
#
# A boot for each try, BOOTS= (12) at the most, and none that would begin after 15
# minutes: a guest that hangs takes three.
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"
. "$TOP/scripts/selftests/env.sh"

subtest=$1 boots=${BOOTS:-12}
vars="ARENA_KERN_FUZZ_ONLY=$2 ARENA_KERN_FUZZ_PARTS=$3"
console=$LOGS/vm-$KERNEL-fuzz-shrink.console.log

# Whether the guest dies of the steps given, or of all.
dies() {
	local keep='' rc=0
	[ $# = 0 ] || keep=ARENA_KERN_FUZZ_KEEP=$(
		IFS=,
		echo "$*"
	)
	boots=$((SECONDS > 900 ? 0 : boots - 1))
	"$TOP/scripts/vm.sh" -n fuzz-shrink -t 180 -a softlockup_panic=1 \
		-i "$BUILD/guest/$programs/selftests.cpio" -i "$BUILD/guest/$KERNEL/kmods.cpio" \
		"cd /opt/selftests; $vars $keep ./test_progs -a arena_kern_fuzz/$subtest" \
		>/dev/null 2>&1 || rc=$?
	[ "$rc" -ge 90 ]
}
# The steps that it said it was about to do
announced() { sed -nE 's/\r$//; s/^\[[^]]*\] (\[[^]]*\] )?fuzz: +([0-9]+ [a-z].*)/\2/p' "$console"; }

dies || {
	echo "     | not again: $vars, see $console"
	exit
}
steps=$(announced)
[ "$steps" ] || {
	echo "     | before the first step: $vars, see $console"
	exit
}
mapfile -t keep < <(cut -d' ' -f1 <<<"$steps")
for ((size = (${#keep[@]} + 1) / 2; size && boots; size /= 2)); do
	for ((from = 0; from < ${#keep[@]} && boots; )); do
		fewer=("${keep[@]:0:from}" "${keep[@]:from+size}")
		if [ ${#fewer[@]} != 0 ] && dies "${fewer[@]}"; then
			keep=("${fewer[@]}")
			steps=$(announced)
		else
			from=$((from + size))
		fi
	done
done
echo "     | ${steps//$'\n'/$'\n'     | }"
list=$(
	IFS=,
	echo "${keep[*]}"
)
echo "     | $vars ARENA_KERN_FUZZ_KEEP=$list ./test_progs -a arena_kern_fuzz/$subtest"
