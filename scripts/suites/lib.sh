# shellcheck shell=bash
# What suites share; sourced after ../lib.sh. A result is a line "ok NAME",
# "FAIL NAME" or "skip NAME".
#
#   count WHAT           show and count the results on standard input
#   subsuite LABEL NAME VAR=VALUE...  another suite, its results counted as LABEL/...
#   totals               the suite's last line; false if anything failed
passed=0 failed=0 skipped=0

# Other lines are shown as they are. That there is no result is a failure.
count() {
	local line results=0
	while IFS= read -r line; do
		case $line in
		'ok '*) passed=$((passed + 1)) ;;
		'skip '*) skipped=$((skipped + 1)) ;;
		'FAIL '*) failed=$((failed + 1)) ;;
		*)
			echo "$line"
			continue
			;;
		esac
		results=$((results + 1))
		printf '%-4s %s\n' "${line%% *}" "${line#* }"
	done
	if [ "$results" = 0 ]; then
		echo "FAIL $1: no result at all"
		failed=$((failed + 1))
	fi
}

subsuite() {
	local label=$1 suite=$2
	shift 2
	count "$label" < <(env "$@" "$TOP/scripts/suites/$suite.sh" | awk -v label="$label" '
		/^[0-9]+ passed, [0-9]+ failed/ { closed = 1; next }
		/^(ok|FAIL|skip) / { verdict = $1; sub(/^[^ ]+ +/, ""); print verdict, label "/" $0; next }
		{ print }
		END { if (!closed) print "FAIL " label ": the suite broke off" }')
}

totals() {
	echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
	[ "$failed" = 0 ]
}
