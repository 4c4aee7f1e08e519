# shellcheck shell=bash disable=SC2034  # sourced; every variable is used by whoever sources it
# x86-64: what the kernel's build and QEMU want to be told.
SRCARCH=x86
TARGET=x86_64-linux-gnu
IMAGE=arch/x86/boot/bzImage
QEMU=qemu-system-x86_64
QEMU_MACHINE=(-machine q35)
TCG_CPU=max
TCG_SCHED_EXT=tcg
CONSOLE=ttyS0
# An emulated TSC is the host's clock on every CPU; calibrating against timers
# that the host delays goes wrong.
TCG_CMDLINE='tsc=reliable lpj=10000000'
BUSYBOX=busybox
# How an access to nowhere shows in the log, and what always comes with it.
OOPS='BUG: unable to handle page fault for address: '
OOPS_IP='RIP: 0010:'
OOPS_MORE='#PF: |Oops: Oops: 000[0-9a-f]|Kernel panic - not syncing: Fatal exception'
