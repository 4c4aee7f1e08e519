#!/usr/bin/env bash
# Measure in a guest how many of 10,000 allocations succeed while another CPU fills
# memory with page cache, by reading a RAM disk that has nothing in it.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

APPEND=ramdisk_size=$((1 << 20)) exec "$TOP/scripts/bench/measure.sh" series \
	'pressure_program pressure_kernel' -c 2 -m 512M
