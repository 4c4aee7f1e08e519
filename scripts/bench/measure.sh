#!/usr/bin/env bash
# Boot a guest whose clock counts instructions, run parts of the selftest
# arena_kern_bench in it, and print what they measure, with a label before each line:
#
#   bench/measure.sh LABEL 'PART...' [VM-ARGS...]
#
# VARIANT= names the kernel; the base runs the programs of the kernel with the series.
# APPEND= are more kernel parameters; BEFORE= is done in the guest first, AFTER= last.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

label=$1 parts=$2
shift 2
name=bench-${label//\//-}
# Where the CPU can clear and copy memory byte by byte (ERMS) the kernel has it do so, and
# each byte would count as an instruction: 4096 of them for a page, and 512 without.
args=''
[ "$ARCH" != x86_64 ] || args='clearcpuid=erms,fsrm,fsrs'
vm=("$TOP/scripts/vm.sh" -I -n "$name" -c 1 -t 600 -a "$args ${APPEND-}" -i "$BUILD/guest/$ARCH/selftests.cpio")
[ "$VARIANT" = base ] || vm+=(-i "$BUILD/guest/$KERNEL/kmods.cpio")

rc=0
"${vm[@]}" "$@" "cd /opt/selftests
	${BEFORE:-:}
	ARENA_KERN_BENCH=1 ./test_progs -v -w 500 $(for p in $parts; do printf -- '-a arena_kern_bench/%s ' "$p"; done)
	rc=\$?
	${AFTER:-:}
	exit \$rc" 2>"$LOGS/vm-$KERNEL-$name.err.log" || rc=$?
out=$LOGS/vm-$KERNEL-$name.out.log
sed '/^All error logs:/,$d; s/\r$//' "$out" | sed -n "s,^bench: ,$label ,p"
[ "$rc" = 0 ] || {
	cat "$LOGS/vm-$KERNEL-$name.err.log" >&2
	grep -aE ':FAIL:|^#.*:FAIL' "$out" | head -5 >&2 || true
	die "measuring '$parts' ($KERNEL) failed with status $rc, log: $out"
}
