#!/usr/bin/env bash
# Run a job in a guest and print a line per result, "ok NAME", "FAIL NAME" or
# "skip NAME", and what else helps:
#
#   guest.sh NAME PARSE VM-ARGS...
#
# NAME is for the logs. PARSE, an awk program, makes those lines of the job's output;
# it may also print "LIST TEST" for a test that is to have a result and "END TEST"
# for one that has had it under other names. A test of the list with no result, and a
# guest that died or whose kernel complained, are failures too.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

name=$1 parse=$2
shift 2
rc=0
"$TOP/scripts/vm.sh" -n "$name" "$@" 2>"$LOGS/vm-$KERNEL-$name.err.log" || rc=$?

awk "$parse" "$LOGS/vm-$KERNEL-$name.out.log" | awk -v name="$name" -v rc="$rc" '
	$1 == "LIST" { order[++n] = $2; missing[$2] = 1; next }
	$1 == "END" { delete missing[$2]; next }
	$1 ~ /^(ok|FAIL|skip)$/ { delete missing[$2]; failed += $1 == "FAIL" }
	{ print }
	END {
		for (i = 1; i <= n; i++)
			if (order[i] in missing)
				lost = lost " " order[i]
		if (lost)
			print "FAIL " name ": no result from" lost
		if (rc >= 90 || (rc && !failed && !lost))
			print "FAIL " name ": the guest ended with status " rc
	}'
[ ! -s "$LOGS/vm-$KERNEL-$name.err.log" ] || sed 's/^/     | /' "$LOGS/vm-$KERNEL-$name.err.log"
