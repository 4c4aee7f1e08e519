#!/usr/bin/env bash
# The suite `sched_ext`: KUnit tests of cids and cmasks, the base's own selftests of
# sched_ext against what they do on the unpatched base, the tests of the cid form in
# guests of different shapes, and the schedulers of tools/sched_ext under load.
#
# QUICK=1 has one guest only: our own tests and KUnit, with 4 CPUs.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/suites/lib.sh"
here=$TOP/scripts/suites/sched_ext

lock tree
"$TOP/scripts/suites/build.sh" sched_ext

step "the selftests and KUnit in a guest with 4 CPUs"
count selftests < <("$here/runner.sh" sched_ext-4cpu "${QUICK:+^cid_}" '' -a 'kunit.enable=1 kunit.filter_glob=scx_*' |
	"$TOP/scripts/suites/core/against-baseline.sh" "$TOP/scripts/baseline/sched_ext-$ARCH.txt")
count kunit < <("$TOP/scripts/suites/core/kunit.sh" "$LOGS/vm-$KERNEL-sched_ext-4cpu.console.log")

# The tests of the cid form again: NAME PREPARE VM-ARGS.
cid() {
	local name=$1
	shift
	step "the tests of the cid form: $name"
	count "$name" < <("$here/runner.sh" "sched_ext-$name" ^cid_ "$@" | sed -E "s,^(ok|FAIL|skip) ,&$name/,")
}
offline() { # CPU...
	printf 'echo 0 >/sys/devices/system/cpu/cpu%s/online;' "$@"
}
other_guests() {
	local schedulers
	cid 1cpu '' -c 1
	cid 2cpu '' -c 2
	# Nodes of two sockets each that take turns: the order of cids is not that of CPUs.
	cid 16cpu '' -c 16,sockets=4,cores=2,threads=2 -N 2 -m 4G
	cid smt '' -c 8,sockets=2,cores=2,threads=2 -N 2
	# Possible CPUs that never came up (7) or went (1 2 4).
	cid holes "$(offline 1 2 4)" -c 8,sockets=2,cores=2,threads=2 -N 2 -a maxcpus=7

	step "the schedulers under load"
	schedulers=$(cd "$BUILD/sched_ext/$ARCH/schedulers/build/bin" && echo scx_*)
	count schedulers < <("$here/schedulers.sh" sched_ext-load "$schedulers")
	step "the same while CPUs go off and on"
	count hotplug < <(HOTPLUG=1 "$here/schedulers.sh" sched_ext-hotplug 'scx_ladder scx_simple')
}
[ "${QUICK-}" ] || other_guests

if [ "$failed" != 0 ]; then
	say "logs of the guests: $LOGS/vm-$KERNEL-sched_ext-*.log"
fi
totals
