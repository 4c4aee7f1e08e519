#!/usr/bin/env bash
# Load schedulers of tools/sched_ext in a guest, one after the other, each under load
# for some seconds, and print a line per result:
#
#   schedulers.sh NAME 'SCHEDULER...' [VM-ARGS...]    "ok NAME/SCHEDULER" or "FAIL .."
#
# HOTPLUG=1 takes CPUs off and on meanwhile. What is done is in schedulers.guest.sh.
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"

name=$1 schedulers=$2
shift 2
label=${name#sched_ext-}

# shellcheck disable=SC2016  # awk's
"$TOP/scripts/suites/guest.sh" "$name" '{ sub(/^(LIST|ok|FAIL) /, "&'"$label"'/"); print }' \
	-S -t 400 -i "$BUILD/guest/$ARCH/sched_ext.cpio" "$@" \
	"schedulers='$schedulers' HOTPLUG=${HOTPLUG-}
	$(cat "$TOP/scripts/suites/sched_ext/schedulers.guest.sh")"
