#!/usr/bin/env bash
# Make the archive that every guest starts from: busybox and init.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/arch/$ARCH.sh"

out=$BUILD/guest/$ARCH/base.cpio
[ "$out" -nt "$TOP/scripts/guest/init" ] && [ "$out" -nt "$TOP/scripts/guest/pack.sh" ] && exit
"$TOP/scripts/guest/pack.sh" "$out" "$BUSYBOX=/bin/busybox" "$TOP/scripts/guest/init=/init"
