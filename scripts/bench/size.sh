#!/usr/bin/env bash
# Print how large the kernel of the base and that of the series are, in the form of
# measure.sh, and write what has grown to a file:
#
#   bench/size.sh FILE
#
# KUnit tests that the series brings are in its kernel; they do not count.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/arch/$ARCH.sh"

series=$BUILD/out/$ARCH base=$BUILD/out/$ARCH-base
in_root() { "$TOP/scripts/in-root.sh" "$@"; }

sizes() { # LABEL VMLINUX OBJECT..., whose sizes are subtracted
	local label=$1
	shift
	in_root "${CROSS_COMPILE-}size" "$@" | awk -v label="$label" '
		NR == 2 { text = $1; data = $2 + $3 }
		NR > 2 { text -= $1; data -= $2 + $3 }
		END {
			print label, "size text bytes", text
			print label, "size data bytes", data
		}'
}
sizes series "$series"/vmlinux "$series"/mm/tests/ptep_try_set_kunit.o "$series"/kernel/sched/ext_cid_kunit.o
sizes base "$base"/vmlinux
for label in series base; do
	in_root "${CROSS_COMPILE-}size" -t "${!label}"/kernel/bpf/{arena*,range_tree}.o |
		awk -v label=$label 'END { print label, "size arena-text bytes", $1 }'
done
in_root "$BUILD/linux/scripts/bloat-o-meter" "$base/vmlinux" "$series/vmlinux" >"$1"
