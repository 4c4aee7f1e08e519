#!/usr/bin/env bash
# Run test_progs in a guest and print a line per result:
#
#   test-progs.sh NAME ARGS...     "ok NAME", "FAIL NAME" or "skip NAME (WHY)"
#
# NAME is for the logs, ARGS are test_progs's, APPEND= more kernel parameters, CPUS=
# those of the guest, ENV= variables for test_progs, LIMIT= its time in seconds, of
# which a test has two thirds. A test that has subtests is a result of its own only
# when it fails and none of them does.
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"
. "$TOP/scripts/selftests/env.sh"

name=$1
shift
args=$(printf '%q ' "$@")

# Failed tests are shown once more, with their output, after the results.
# shellcheck disable=SC2016  # awk's
parse='
	/^All error logs:/ { exit }
	/^LIST: / { print "LIST", $2; next }
	sub(/^[a-z_0-9]+:SKIP: /, "") { sub(/\r$/, ""); why = " (" $0 ")"; next }
	/^#[0-9]/ && match($0, /:(OK|FAIL|SKIP)( .*)?$/) {
		verdict = substr($0, RSTART + 1) ~ /^OK/ ? "ok" : substr($0, RSTART + 1) ~ /^SKIP/ ? "skip" : "FAIL"
		test = substr($0, 1, RSTART - 1)
		nr = test
		sub(/ .*/, "", nr)
		sub(/^[^ ]* +/, "", test)
		if (nr ~ /\//) {
			print verdict, test (verdict == "skip" ? why : "")
			sub(/\/.*/, "", nr)
			subtests[nr]++
			bad[nr] += verdict == "FAIL"
		} else {
			if (!subtests[nr] || (verdict == "FAIL" && !bad[nr]))
				print verdict, test (verdict == "skip" ? why : "")
			print "END", test
		}
		why = ""
	}'

# An emulated CPU is slow: test_progs would take it for a hang after 120 s.
limit=${LIMIT-900}
exec "$TOP/scripts/suites/guest.sh" "$name" "$parse" -t "$limit" -c "${CPUS-4}" -a "${APPEND-}" \
	-i "$BUILD/guest/$programs/selftests.cpio" -i "$BUILD/guest/$KERNEL/kmods.cpio" \
	"cd /opt/selftests; ./test_progs -l $args | sed 's/^/LIST: /'
	${ENV-} ./test_progs -w $((limit * SLOWNESS * 2 / 3)) $args"
