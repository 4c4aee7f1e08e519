#!/usr/bin/env bash
# The suite `debug-full`: `core`, `sched_ext`, `stress`, `inject` and `fuzz` on the
# kernels that find errors: kasan, kcsan, and rt for the order of locks; sched_ext in
# one guest, inject without the operations of many pages. It takes hours.
# VARIANTS= are the kernels to take, DURATION= and COUNT= those of `stress` and `fuzz`.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

for variant in ${VARIANTS:-kasan kcsan rt}; do
	for suite in core sched_ext stress inject fuzz; do
		subsuite "$variant/$suite" "$suite" VARIANT="$variant" QUICK=1
	done
done
totals
