#!/usr/bin/env bash
# The suite `arm64`: `core` and `sched_ext` on arm64, and `core` with pages of 64K.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

subsuite arm64/core core ARCH=arm64
subsuite arm64/sched_ext sched_ext ARCH=arm64
subsuite arm64-64k/core core ARCH=arm64 VARIANT=64k
totals
