# shellcheck shell=bash disable=SC2034  # sourced; the variables are for whoever sources this
# Where the tests of the kernel that ARCH and VARIANT name are built. It gives
#
#   tree      the kernel's source     programs  whose programs it runs, as in KERNEL:
#   kout      its build                         variants have those of the first one
#   bpf       selftests/bpf in dest   dest      what selftests.sh makes of them
#   kmods     test modules            bpftool   one that runs here
. "$TOP/scripts/arch/$ARCH.sh"

tree=$BUILD/linux programs=$ARCH
if [ "$VARIANT" = base ]; then
	tree=$BUILD/base programs=$KERNEL
fi
kout=$BUILD/out/$KERNEL
dest=$BUILD/selftests/$programs
kmods=$BUILD/selftests/$KERNEL/kmods
bpf=$dest/tree/tools/testing/selftests/bpf
bpftool=$bpf/${CROSS_COMPILE:+host-}tools/sbin/bpftool
[ -f "$kout/vmlinux" ] || die "no $kout/vmlinux: run 'make kernel' first"
