#!/usr/bin/env bash
# Print the results of KUnit, which ran while the guest booted, from its log:
#
#   kunit.sh CONSOLE_LOG
#
# That no suite has run, or fewer than were announced, is a failure.
set -euo pipefail

sed -E 's/\r$//; s/^\[ *[0-9]+\.[0-9]+\](\[[^]]*\])? ?//' "$1" | awk '
	/^    # Subtest: / { suite = $3 }
	/^    (not )?ok [0-9]/ {
		verdict = /^    not/ ? "FAIL" : / # SKIP/ ? "skip" : "ok"
		sub(/^ *(not )?ok [0-9]+ (- )?/, "")
		sub(/ #.*/, "")
		print verdict, "kunit " suite "/" $0
	}
	/^1\.\.[0-9]+$/ && !announced { announced = substr($0, 4) }
	/^(not )?ok [0-9]+ / { suites++ }
	END {
		if (!suites)
			print "FAIL kunit: no suite has run"
		else if (suites != announced)
			print "FAIL kunit: " suites " of " announced " suites have reported"
	}'
