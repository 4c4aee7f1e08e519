#!/usr/bin/env bash
# The suite `fuzz`: COUNT= random sequences (300) for each subtest of the selftest
# arena_kern_fuzz. SEED= is what they are made from: a number, or random for a new one.
# By default it is the date of the last commit, so that a commit is tested alike each
# time and the next one in another way. A sequence that kills the guest is shrunk here.
#
# On a kernel with KASAN an arena takes seconds to make. There, 16 sequences share one.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

usage() {
	say "error: $*"
	exit 2
}
count=${COUNT:-300}
[[ $count =~ ^[1-9][0-9]{0,6}$ ]] || usage "COUNT=$count is no positive number of sequences"
seed=${SEED:-$(git -C "$TOP" log -1 --format=%ct 2>/dev/null || echo 1)}
[ "$seed" != random ] || seed=0x$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
[[ $seed =~ ^(0x[0-9a-f]{1,16}|0|[1-9][0-9]{0,18})$ ]] || usage "SEED=$seed is neither a number nor random"

parts=1
[ "$VARIANT" != kasan ] || parts=16
vars="ARENA_KERN_FUZZ_SEED=$seed ARENA_KERN_FUZZ_PARTS=$parts"
vars+=" ARENA_KERN_FUZZ_COUNT=$(((count + parts - 1) / parts))"

lock tree
"$TOP/scripts/suites/build.sh" selftests

step "$count random sequences of calls and $count with programs in a guest, SEED=$seed"
# Who is stuck in the kernel is never seen again: end the guest.
count fuzz < <(ENV=$vars APPEND=softlockup_panic=1 LIMIT=$((300 + count * 2)) \
	"$TOP/scripts/suites/core/test-progs.sh" fuzz -v -a arena_kern_fuzz)
logs=$LOGS/vm-$KERNEL-fuzz
sed '/^All error logs:/,$d' "$logs.out.log" | sed -nE 's/^fuzz: |^([0-9]+ programs, )/     | \1/p'
# The last sequence that it began, unless it got to an end
read -r subtest seq < <(sed -nE 's/\r$//; s/^.*fuzz: (calls|programs) (0x[0-9a-f]+) of .* steps$/\1 \2/p
	s/^.*fuzz: done$//p' "$logs.console.log" | tail -n1) || true
if [ "$seq" ]; then
	step "shrinking what the guest died of: $subtest, $seq"
	"$TOP/scripts/suites/fuzz/shrink.sh" "$subtest" "$seq" "$parts"
fi
[ "$failed" = 0 ] || say "logs of the guest: $logs.*.log"
totals
