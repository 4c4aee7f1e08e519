# shellcheck shell=bash disable=SC2034  # sourced; every variable is used by whoever sources it
# arm64: what the kernel's build and QEMU want to be told.
SRCARCH=arm64
TARGET=aarch64-linux-gnu
[ "$(uname -m)" = aarch64 ] || CROSS_COMPILE=aarch64-linux-gnu-
IMAGE=arch/arm64/boot/Image
QEMU=qemu-system-aarch64
# GICv3, for more than 8 CPUs. Signing pointers as the architecture suggests is what
# most of the time would go to under emulation.
QEMU_MACHINE=(-machine "virt,gic-version=3")
TCG_CPU=max,pauth-impdef=on
# sched_ext switches static branches while all CPUs run. arm64 always patches its code
# for that, and with a thread for each CPU QEMU now and then leaves one with the old code
# for good, which then goes on as if a scheduler were enabled that is gone. With one
# thread for all of them this has not been seen.
TCG_SCHED_EXT=tcg,thread=single
CONSOLE=ttyAMA0
TCG_CMDLINE=irqchip.gicv3_pseudo_nmi=1
BUSYBOX=busybox-arm64
# How an access to nowhere shows in the log, and what always comes with it.
OOPS='Unable to handle kernel paging request at virtual address '
OOPS_IP='pc : '
OOPS_MORE='Internal error: Oops: |Kernel panic - not syncing: Oops: Fatal exception'
