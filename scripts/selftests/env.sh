# shellcheck shell=bash disable=SC2034  # sourced; the variables are for whoever sources this
# Where the tests of a kernel are built: sourced with the script's arguments, of
# which it takes --base away. It gives
#
#   variant   '' or -base             tree      the kernel's source
#   kout      the kernel's build      dest      what selftests.sh makes
#   bpf       selftests/bpf in dest   bpftool   one that runs here
. "$TOP/scripts/arch/$ARCH.sh"

variant='' tree=$BUILD/linux
if [ "${1-}" = --base ]; then
	shift
	variant=-base tree=$BUILD/base
fi
kout=$BUILD/out/$ARCH$variant
dest=$BUILD/selftests/$ARCH$variant
bpf=$dest/tree/tools/testing/selftests/bpf
bpftool=$bpf/${CROSS_COMPILE:+host-}tools/sbin/bpftool
[ -f "$kout/vmlinux" ] || die "no $kout/vmlinux: run 'make kernel' first"
