#!/usr/bin/env bash
# The suite `debug`: on the kernel that finds memory errors, wrong locking and leaks,
# as much as CI has time for: every selftest of ours, the stress, and the fuzzer.
# Loading a scheduler takes seconds there, and so does making an arena for each
# allocation that fails: debug-full.sh has all.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

export VARIANT=kasan
subsuite kasan/core core
subsuite kasan/stress stress DURATION=60
subsuite kasan/fuzz fuzz COUNT=160
totals
