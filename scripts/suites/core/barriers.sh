#!/usr/bin/env bash
# arm64: has the fault handler barriers behind the instruction that fills the slot? An
# emulated machine does without; a real one would fault again and again. Prints a line
# per result.
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"
. "$TOP/scripts/arch/$ARCH.sh"

function=bpf_arena_handle_page_fault
"$TOP/scripts/in-root.sh" "${CROSS_COMPILE-}objdump" -d --no-show-raw-insn \
	--disassemble="$function" "$BUILD/out/$KERNEL/vmlinux" >"$LOGS/barriers-$KERNEL.log"
# Compare-and-swap of 8 bytes with release; if it has failed, the next one branches away.
awk -v name="barriers/$function" '
	$2 == "casl" && $3 ~ /^x/ { found = NR }
	found && $2 == "dsb" && $3 == "ishst" && NR <= found + 3 { dsb = NR }
	dsb && $2 == "isb" && NR == dsb + 1 { good = 1 }
	END {
		print good ? "ok" : "FAIL", name
		if (!good)
			print "     |", found ? "no dsb ishst and isb right behind casl" : "no casl"
	}' "$LOGS/barriers-$KERNEL.log"
