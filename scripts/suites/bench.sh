#!/usr/bin/env bash
# The suite `bench`: those parts of `make bench` that need no base kernel, each ratio
# against a limit. Instructions are counted, so the figures hardly differ from run to
# run, and a limit that is missed is a change of the code.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"
results=$BUILD/bench/suite-results
report() { "$TOP/scripts/in-root.sh" "$TOP/scripts/bench/report.py" "$@"; }

lock tree
"$TOP/scripts/suites/build.sh" selftests
mkdir -p "${results%/*}"

step "measuring in a guest that counts instructions"
"$TOP/scripts/bench/measure.sh" series 'clock handoff deref fault dead' >"$results"
step "measuring while the page cache fills memory"
"$TOP/scripts/bench/pressure.sh" >>"$results"

count clock < <(report clock "$results" && echo "ok clock: counts instructions")
count bench < <(report check "$results")
[ "$failed" = 0 ] || say "what was measured: $results"
totals
