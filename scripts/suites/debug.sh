#!/usr/bin/env bash
# The suite `debug`: on the kernel that finds memory errors, wrong locking and leaks,
# as much as leaves CI time for the rest. debug-full.sh has all.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

export VARIANT=kasan
subsuite kasan/core core
subsuite kasan/sched_ext sched_ext QUICK=1
subsuite kasan/stress stress DURATION=60
subsuite kasan/inject inject QUICK=1
subsuite kasan/fuzz fuzz COUNT=300
totals
