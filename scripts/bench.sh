#!/usr/bin/env bash
# make bench: what the series costs, in instructions, which repeat exactly. Guests of
# the base and of the series are booted with the same configuration and run the same
# programs. The table goes to standard output, and to build/bench.json with all samples;
# build/bench.svg is a picture of it. BENCH= runs one part.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
measure=$TOP/scripts/bench/measure.sh
report() { "$TOP/scripts/in-root.sh" "$TOP/scripts/bench/report.py" "$@"; }

benches=(handoff deref fault alloc pressure setaffinity size)
usage() {
	say "error: $*"
	exit 2
}
case " ${benches[*]} " in
*" ${BENCH:=${benches[*]}} "*) ;;
*) usage "there is no bench '$BENCH': they are ${benches[*]}" ;;
esac
[ ! "$VARIANT" ] || usage "VARIANT=$VARIANT: make bench compares the kernel without a variant with the base"
wanted() { [[ " $BENCH " = *" $1 "* ]]; }

lock tree
"$TOP/scripts/suites/build.sh" selftests
! wanted setaffinity || "$TOP/scripts/suites/build.sh" sched_ext
if wanted alloc || wanted size; then VARIANT=base "$TOP/scripts/kernel.sh"; fi
. "$TOP/scripts/selftests/env.sh"

work=$BUILD/bench
results=$work/results
mkdir -p "$work"
rm -f "$work"/* "$BUILD"/bench.json "$BUILD"/bench.svg

series='clock' base=''
! wanted handoff || series+=' handoff'
! wanted deref || series+=' deref'
! wanted fault || series+=' fault'
! wanted alloc || series+=' alloc dead' base+=' alloc'
! wanted size || series+=' stack memory' base+=' memory'

step "measuring in a guest with the series:$([ "$series" = clock ] || echo "${series#clock}") ($KERNEL)"
"$measure" series "$series" >>"$results"
report clock "$results"
if [ "$base" ]; then
	step "measuring in a guest with the base:$base"
	VARIANT=base "$measure" base "$base" >>"$results"
fi
if wanted pressure; then
	step "measuring while the page cache fills memory"
	"$TOP/scripts/bench/pressure.sh" >>"$results"
fi
if wanted setaffinity; then
	possible=(2)
	[ "$ARCH" != x86_64 ] || possible+=(16 255) # see bench/madt.py
	for cpus in "${possible[@]}"; do
		step "measuring under schedulers, with $cpus possible CPUs"
		"$TOP/scripts/bench/setaffinity.sh" "$cpus" >>"$results"
	done
fi
if wanted size; then
	step "comparing the kernels"
	"$TOP/scripts/bench/size.sh" "$work/bloat-o-meter" >>"$results"
fi
if wanted deref; then
	# That the compiler has made one copy of the loop is the proof. It may have renamed it.
	"$TOP/scripts/in-root.sh" "${CROSS_COMPILE-}objdump" -d --no-show-raw-insn "$kmods/bpf_bench_arena.ko" |
		awk '/^[0-9a-f]+ <walk[.>]/,/^$/' >"$work/walk.s"
	[ "$(grep -c '^[0-9a-f]* <' "$work/walk.s")" = 1 ] ||
		die "there is not one copy of what 'deref' measures, see $work/walk.s"
	say "        the code that is measured as 'deref', for both kinds of memory: $work/walk.s"
fi

report json "$results" | write_atomically "$BUILD/bench.json"
"$TOP/scripts/in-root.sh" "$TOP/scripts/bench/plot.py" "$results" "$work"
if [ -f "$work/plot.gp" ]; then
	"$TOP/scripts/in-root.sh" gnuplot "$work/plot.gp" | write_atomically "$BUILD/bench.svg"
fi
report table "$results"
