#!/usr/bin/env bash
# Print the acceleration that QEMU can use here: kvm or tcg.
#
#   guest/accel.sh IMAGE
#
# That /dev/kvm opens says little: there are machines where QEMU then dies, or
# hangs after the firmware. So KVM is used only when a short boot with it got to
# user space, and everything else means TCG. The answer is kept for as long as
# the machine looks the same; ACCEL=kvm or ACCEL=tcg overrides it.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/arch/$ARCH.sh"

if [ "${ACCEL-}" ]; then
	echo "$ACCEL"
	exit
fi
if [ ! -w /dev/kvm ] || [ "$(uname -m)" != "${TARGET%%-*}" ]; then
	echo tcg
	exit
fi

host=$(uname -nrv; grep -m1 'model name' /proc/cpuinfo || true)
cache=$BUILD/guest/accel
if [ -f "$cache" ] && [ "$(tail -n +2 "$cache")" = "$host" ]; then
	head -1 "$cache"
	exit
fi

accel=tcg
if ACCEL=kvm "$TOP/scripts/vm.sh" -n probe -k "$1" -t 15 -c 2 -m 1G 'exit 0' \
	>/dev/null 2>&1; then
	accel=kvm
fi
mkdir -p "${cache%/*}"
printf '%s\n' "$accel" "$host" >"$cache.tmp"
mv "$cache.tmp" "$cache"
echo "$accel"
