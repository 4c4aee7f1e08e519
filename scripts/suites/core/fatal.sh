#!/usr/bin/env bash
# Run one case of arena_kern_fatal in a guest and print "ok" if the kernel died of
# it: of one page fault, in FUNCTION, at the address that the test announced in the
# kernel's log before.
#
#   fatal.sh CASE FUNCTION
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"
. "$TOP/scripts/arch/$ARCH.sh"

name=core-fatal-$1
console=$LOGS/vm-$KERNEL-$name.console.log

verdict() {
	echo "$1 fatal/$case${2:+: $2}"
	exit 0
}
case=$1 function=$2
# Behind the guard is behind the mapped area, and KASAN says so before the fault.
known=''
[ "$VARIANT/$case" != kasan/above_guard ] || known="BUG: KASAN: vmalloc-out-of-bounds in $function\\+"
why=$("$TOP/scripts/vm.sh" -n "$name" -x "$OOPS" -w "$known" -i "$BUILD/guest/$ARCH/selftests.cpio" \
	-i "$BUILD/guest/$KERNEL/kmods.cpio" \
	"cd /opt/selftests; ARENA_KERN_FATAL=$case ./test_progs -a arena_kern_fatal" 2>&1) ||
	verdict FAIL "$(head -n1 <<<"$why")"
address=$(sed -nE "s/.*arena_kern_fatal: $case: oops expected for address: ([0-9a-f]+).*/\1/p" "$console")
[ "$address" ] || verdict FAIL "the test did not get as far as the access, see $console"
grep -qaE "$OOPS$address" "$console" || verdict FAIL "the oops is not at $address, see $console"
grep -aE "$OOPS_IP" "$console" | grep -qaF "$function+" ||
	verdict FAIL "the oops is not in $function, see $console"
verdict ok
