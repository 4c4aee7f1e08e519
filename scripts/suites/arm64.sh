#!/usr/bin/env bash
# The suite `arm64`: `core` and `sched_ext` on arm64, the latter in short, and `core`
# with pages of 64K. `make test ARCH=arm64 SUITE=sched_ext` is the whole of it.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

subsuite arm64/core core ARCH=arm64
subsuite arm64/sched_ext sched_ext ARCH=arm64 QUICK=1
subsuite arm64-64k/core core ARCH=arm64 VARIANT=64k
totals
