#!/usr/bin/env bash
# Turn failures that the unpatched base has as well into skips:
#
#   ... | against-baseline.sh LIST
#
# LIST has a test per line, and after it the reason why it fails on the base.
set -euo pipefail

awk -v list="$1" '
	BEGIN {
		while ((getline line <list) > 0) {
			if (line ~ /^(#|$)/)
				continue
			test = line
			sub(/[ \t].*/, "", test)
			sub(/^[^ \t]+[ \t]+/, "", line)
			reason[test] = line
		}
	}
	$1 == "FAIL" && $2 in reason { print "skip", $2 " (fails on the base: " reason[$2] ")"; next }
	$1 == "ok" && $2 in reason { print $0 " (fails on the base)"; next }
	{ print }'
