#!/usr/bin/env bash
# Run test suites and total them: test.sh [SUITE]... ; test.sh --list
# A suite is scripts/suites/NAME.sh. It prints a line per test and closes with
# `N passed, N failed[, N skipped]`, and so does this.
#
# BEGIN_BY=MINUTES skips a suite that would begin later than that, for those whose time
# is limited and whose machine may be slow.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

suites=(tooling core sched_ext bench inject stress arm64 debug)
by_name=(fuzz debug-full) # part of debug, or long

if [ "${1-}" = --list ]; then
	echo "${suites[*]}; by name only: ${by_name[*]}"
	exit 0
fi
case ${BEGIN_BY:=} in
*[!0-9]*) die "BEGIN_BY=$BEGIN_BY is no number of minutes" ;;
esac
[ $# = 0 ] || {
	for s; do
		case " ${suites[*]} ${by_name[*]} " in
		*" $s "*) ;;
		*)
			say "error: unknown suite '$s': the suites are ${suites[*]} ${by_name[*]}"
			exit 2
			;;
		esac
	done
	suites=("$@")
}

passed=0 failed=0 skipped=0
total='^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$'
summary=()
for s in "${suites[@]}"; do
	minutes=$(((EPOCHSECONDS - RUN_STARTED) / 60))
	if [ "$BEGIN_BY" ] && [ "$minutes" -ge "$BEGIN_BY" ]; then
		skipped=$((skipped + 1))
		summary+=("$s: skipped, $minutes minutes are gone and BEGIN_BY=$BEGIN_BY")
		continue
	fi
	step "suite $s"
	began=$EPOCHSECONDS rc=0
	log=$LOGS/suite-$s.log
	# shellcheck disable=SC2016  # expanded in there
	run_group bash -o pipefail -c '"$1" | tee "$2"' suite "$TOP/scripts/suites/$s.sh" "$log" || rc=$?
	if [[ $(tail -n1 "$log") =~ $total ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + ${BASH_REMATCH[4]:-0}))
		summary+=("$s: ${BASH_REMATCH[0]} in $((EPOCHSECONDS - began)) s")
		if [ "$rc" != 0 ] && [ "${BASH_REMATCH[2]}" = 0 ]; then
			failed=$((failed + 1))
			summary+=("$s: exited with status $rc though no test of it failed")
		fi
	else
		failed=$((failed + 1))
		summary+=("$s: broke off with status $rc, log: $log")
	fi
done
echo
printf '%s\n' "${summary[@]}"
last="$passed passed, $failed failed"
[ "$skipped" = 0 ] || last+=", $skipped skipped"
echo "$last"
[ "$failed" = 0 ]
