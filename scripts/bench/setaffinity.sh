#!/usr/bin/env bash
# Measure sched_setaffinity() under scx_ladder, which is in cid form, and under its
# twin in cpu form, in a guest with two CPUs, and as many as that possible:
#
#   bench/setaffinity.sh POSSIBLE_CPUS
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/selftests/env.sh"

possible=$1
out=$BUILD/sched_ext/$KERNEL/ladder_cpu
mkdir -p "$out"
run_logged bench-ladder "$TOP/scripts/in-root.sh" make -f "$TOP/scripts/bench/Makefile" OUT="$out" \
	SCX="$tree/tools/sched_ext" BPF="$bpf" BPFTOOL="$bpftool" VMLINUX_H="$dest/vmlinux.h" \
	SRCARCH="$SRCARCH" CROSS_COMPILE="${CROSS_COMPILE-}"

files=("$out/ladder_cpu=/opt/sched_ext/ladder_cpu")
if [ "$ARCH" = x86_64 ]; then # see madt.py
	"$TOP/scripts/in-root.sh" "$TOP/scripts/bench/madt.py" "$possible" "$out/madt-$possible.aml"
	files+=("$out/madt-$possible.aml=/kernel/firmware/acpi/madt.aml")
elif [ "$possible" != 2 ]; then
	die "setaffinity.sh: more possible CPUs than the guest's 2 are for x86_64 only"
fi
"$TOP/scripts/guest/pack.sh" "$BUILD/guest/$KERNEL/bench.cpio" "${files[@]}"

# The scheduler has to be there all the time, and be told to go by the guest.
# shellcheck disable=SC2016  # the guest's
export AFTER='[ "$(cat /sys/kernel/sched_ext/state)" = enabled ] && kill $scheduler && wait $scheduler || rc=1'
for form in cid cpu; do
	program=scx_ladder
	[ $form = cid ] || program=ladder_cpu
	APPEND=maxcpus=2 BEFORE="possible=\$(cat /sys/devices/system/cpu/possible)
		[ \$possible = 0-$((possible - 1)) ] || { echo possible CPUs: \$possible; exit 1; }
		/opt/sched_ext/$program >/tmp/log 2>&1 & scheduler=\$!
		for i in \$(seq 300); do
			[ \"\$(cat /sys/kernel/sched_ext/state)\" != enabled ] || break
			usleep 100000
		done
		[ \"\$(cat /sys/kernel/sched_ext/state)\" = enabled ] || cat /tmp/log" \
		"$TOP/scripts/bench/measure.sh" "$form/$possible" setaffinity -c 2 \
		-i "$BUILD/guest/$KERNEL/sched_ext.cpio" -i "$BUILD/guest/$KERNEL/bench.cpio"
done
