#!/usr/bin/env bash
# make demo: from nothing to a booted guest in which the system is seen at work.
# Only what has changed since the last run is built again.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock tree
"$TOP/scripts/kernel.sh"
step "building libbpf, bpftool, the test module and the schedulers"
"$TOP/scripts/selftests.sh" tools
"$TOP/scripts/selftests.sh" kmods bpf_test_arena.ko
"$TOP/scripts/sched-ext.sh" schedulers

step "building the demo's programs"
. "$TOP/scripts/selftests/env.sh"
out=$BUILD/demo/$ARCH
mkdir -p "$out"
run_logged demo-build "$TOP/scripts/in-root.sh" make -f "$TOP/scripts/demo/Makefile" \
	OUT="$out" BPF="$bpf" VMLINUX_H="$dest/vmlinux.h" \
	BPFTOOL="$bpftool" CROSS_COMPILE="${CROSS_COMPILE-}"
"$TOP/scripts/guest/pack.sh" "$BUILD/guest/$ARCH/demo.cpio" "$out/demo=/opt/demo/demo" \
	"$TOP/scripts/demo/run.sh=/opt/demo/run.sh" "$TOP/scripts/demo/affinity.sh=/opt/demo/affinity.sh" \
	"$kmods/bpf_test_arena.ko=/opt/demo/bpf_test_arena.ko" \
	"$BUILD/sched_ext/$ARCH/schedulers/build/bin/scx_ladder=/opt/sched_ext/scx_ladder"

# Sockets in turn belong to one of two NUMA nodes, so that the order of cids is not
# that of CPU numbers.
step "booting the kernel"
rc=0
"$TOP/scripts/vm.sh" -n demo -S -v -c 4,sockets=4 -N 2 -i "$BUILD/guest/$ARCH/demo.cpio" \
	/opt/demo/run.sh || rc=$?
if [ "$rc" != 0 ]; then
	say "logs: $LOGS/vm-$KERNEL-demo.out.log (the demo), $LOGS/vm-$KERNEL-demo.console.log (the kernel)"
fi
step "done"
exit "$rc"
