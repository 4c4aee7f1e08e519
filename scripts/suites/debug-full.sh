#!/usr/bin/env bash
# The suite `debug-full`: all of `core`, `sched_ext`, `stress`, `inject` and `fuzz` on
# the kernels that find errors: kasan, kcsan, and rt for the order of locks.
# DURATION= and COUNT= are those of `stress` and `fuzz`.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

for variant in kasan kcsan rt; do
	for suite in core sched_ext stress inject fuzz; do
		subsuite "$variant/$suite" "$suite" VARIANT=$variant
	done
done
totals
