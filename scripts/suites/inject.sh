#!/usr/bin/env bash
# The suite `inject`: the operations on arenas, and the enabling of a scheduler in cid
# form, while their allocations fail, one after the other, or the limit of the memory
# cgroup goes down. How many failures there were is shown after the results.
#
# ALL=1 leaves out none of those of the very large operations. QUICK=1, for kernels on
# which an arena takes seconds to make, leaves out these operations.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"

args=(-v -a 'arena_kern_inject*')
[ ! "${QUICK-}" ] || args+=(-d '*/*batches*')
[ ! "${ALL-}" ] || export ENV=ARENA_INJECT_ALL=1 LIMIT=7200

# How many failures each test has had, and how often it had an error of them; and, since
# test_progs -v does not say it again at its end, why one failed
details() { # NAME
	sed 's/\r$//' "$LOGS/vm-$KERNEL-$1.out.log" | awk '
		/^sites: [a-z_]+,|^limit: / {
			gsub(/[,:]/, "")
			if (!($1 $2 in all))
				order[++n] = $1 $2
			all[$1 $2] += $(NF - 3)
			errors[$1 $2] += $(NF - 1)
			next
		}
		/^(sites|left out|charged|kmemleak): |:FAIL:/ { print "     |", $0 }
		END {
			for (i = 1; i <= n; i++) {
				what = order[i]
				how = sub(/^limit/, "limit: ", what) ? "steps" : "failures"
				sub(/^sites/, "sites: ", what)
				printf "     | %s: %d %s, %d errors\n", what, all[order[i]], how, errors[order[i]]
			}
		}'
}

lock tree
"$TOP/scripts/suites/build.sh" selftests sched_ext

step "the operations on arenas in a guest"
count arenas < <("$TOP/scripts/suites/core/test-progs.sh" inject "${args[@]}")
details inject

# A scheduler's cmasks take more than one page if there are 80 possible CPUs.
for shape in 4 '80 -a maxcpus=4'; do
	name=inject-${shape%% *}cpu
	step "the enabling of a scheduler in a guest: -c $shape"
	# shellcheck disable=SC2086  # arguments
	count "$name" < <("$TOP/scripts/suites/sched_ext/runner.sh" "$name" '^inject_cid$' '' -c $shape |
		sed -E "s,^(ok|FAIL|skip) ,&${shape%% *}cpu/,")
	details "$name"
done

if [ "$failed" != 0 ]; then
	say "logs of the guests: $LOGS/vm-$KERNEL-inject*.log"
fi
totals
