#!/usr/bin/env bash
# Run the runner of selftests/sched_ext in a guest and print a line per result:
#
#   runner.sh NAME ONLY [PREPARE] [VM-ARGS...]
#
# NAME is for the logs. ONLY is a regular expression for the names of the tests; ''
# runs all. PREPARE is done in the guest first. What a failed test said is shown, and
# of a skipped one the last line, which says why.
#
# Each test has a run of the runner and 150 s of its own, more on a slow kernel. The
# runner takes a part of a name, so that other tests may run as well: these results do
# not count.
set -euo pipefail
. "$(dirname "$0")/../../lib.sh"
. "$TOP/scripts/selftests/env.sh"

name=$1 only=$2 prepare=${3-}
shift 2
[ $# = 0 ] || shift

# shellcheck disable=SC2016  # awk's
parse='
	/^(LIST|skip) / { print; next }
	/^RUN / { test = $2; next }
	/^OUTPUT:/ { said = ""; next }
	/^(not )?ok [0-9]+ [^ ]+ # / {
		verdict = /^not/ ? "FAIL" : / # SKIP/ ? "skip" : "ok"
		sub(/^not /, "")
		if ($3 == test) {
			sub(/^SKIP: /, "", last)
			print verdict, $3 (verdict == "skip" ? " (" last ")" : "")
			if (verdict == "FAIL")
				printf "%s", said
		}
		said = ""
		next
	}
	{ said = said "     | " $0 "\n"; last = $0 }'

# shellcheck disable=SC2016  # the guest's
"$TOP/scripts/suites/guest.sh" "$name" "$parse" -S -t 600 -i "$BUILD/guest/$programs/sched_ext.cpio" "$@" "only='$only' variant='$VARIANT' limit=$((150 * SLOWNESS)); $prepare"'
	cd /opt/sched_ext
	./runner -l | grep "$only" | sed "s/^/LIST /"
	for test in $(./runner -l | grep "$only"); do
		if [ "$test" = inject_cid ] && [ "$only" != "^inject_cid$" ]; then
			echo "skip $test (part of suite inject)"
			continue
		fi
		# The free, and the report of it, want memory under the run queue'"'"'s lock.
		if [ "$variant" = rt ] && [ "${test#cid_hostile_free}" != "$test" ]; then
			echo "skip $test (PREEMPT_RT: kmalloc_nolock() is not for callers under that lock)"
			continue
		fi
		if [ "$test" = reload_loop ]; then
			echo "skip $test (a thousand loads take more than 10 minutes under emulation)"
			continue
		fi
		echo "RUN $test"
		timeout $limit ./runner -q -t "$test" 2>&1
	done
	true'
