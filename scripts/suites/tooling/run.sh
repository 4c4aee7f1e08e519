# shellcheck shell=bash disable=SC2154,SC2016,SC2164  # sourced by run-one.sh
# make, test.sh, lib.sh, clean.sh, and the scripts as text.

fake_suite() { # NAME <SCRIPT
	{ echo '#!/bin/bash' && cat; } >"$P/scripts/suites/$1.sh"
	chmod +x "$P/scripts/suites/$1.sh"
}

run_help() {
	local t
	run_ok make -s -C "$REAL" help
	for t in help demo test bench check tree export series kernel shell clean distclean; do
		grep -Eq "^  $t +[a-z]" "$T/out" || fail "make help to list $t"
	done
	# nothing else, and every script that a target calls is there
	same "$(sed -n 's/^\([a-z]*\):.*/\1/p' "$REAL/Makefile" | wc -l)" "$(sed -n 's/^\([a-z]*\):.*## .*/\1/p' "$REAL/Makefile" | wc -l)"
	while read -r t; do
		[ -x "$REAL/$t" ] || fail "$t"
	done < <(grep -o 'scripts/[a-z]*\.sh' "$REAL/Makefile")
	make -s -C "$REAL" | cmp - "$T/out"
}
run_unknown_suite() {
	run "$REAL/scripts/test.sh" nonsense
	same "$rc" 2
	one_error "unknown suite 'nonsense': the suites are tooling core sched_ext bench inject stress arm64 debug"
	run make -s -C "$REAL" test SUITE=nonsense
	same "$rc" 2
	grep -q "^error: unknown suite 'nonsense'" "$T/err"
}
run_totals() {
	local s
	project
	for s in bench inject stress arm64 debug; do fake_suite $s <<<'echo "0 passed, 0 failed"'; done
	fake_suite tooling <<<'echo ok a; echo "3 passed, 0 failed, 1 skipped"'
	fake_suite core <<<'echo "4 passed, 0 failed"'
	fake_suite sched_ext <<<'echo "5 passed, 0 failed"'
	run_ok make -s -C "$P" test
	same "$(tail -n1 "$T/out")" '12 passed, 0 failed, 1 skipped'
	fake_suite core <<<'echo "FAIL b"; echo "4 passed, 2 failed"; exit 1'
	run "$P/scripts/test.sh"
	same "$rc $(tail -n1 "$T/out")" '1 12 passed, 2 failed, 1 skipped'
	run_ok "$P/scripts/test.sh" tooling
	fake_suite core <<<'echo "ok c"; exit 3'
	run "$P/scripts/test.sh" core
	same "$rc $(tail -n1 "$T/out")" '1 0 passed, 1 failed'
	grep -q 'core: broke off with status 3' "$T/out"
}
run_begin_by() {
	project
	fake_suite tooling <<<'echo "3 passed, 0 failed"'
	fake_suite core <<<'echo "4 passed, 0 failed"'
	RUN_STARTED=$((EPOCHSECONDS - 3600)) BEGIN_BY=61 run_ok "$P/scripts/test.sh" tooling core
	same "$(tail -n1 "$T/out")" '7 passed, 0 failed'
	RUN_STARTED=$((EPOCHSECONDS - 3600)) BEGIN_BY=60 run_ok "$P/scripts/test.sh" tooling core
	same "$(tail -n1 "$T/out")" '0 passed, 0 failed, 2 skipped'
	grep -qx 'core: skipped, 60 minutes are gone and BEGIN_BY=60' "$T/out"
	BEGIN_BY=soon run "$P/scripts/test.sh" core
	one_error 'BEGIN_BY=soon is no number'
}
run_test_interrupted() {
	project
	fake_suite core <<<"touch $T/up; sleep 62.5; echo '1 passed, 0 failed'"
	start_until "$T/up" "$P/scripts/test.sh" core
	interrupt TERM alone
	same "$rc" 143
	! pgrep -f 'sleep 62.5' || fail "the suite to be gone"
}
run_bench_unknown() {
	BENCH=nonsense run make -s -C "$REAL" bench
	same "$rc" 2
	grep -q "^error: there is no bench 'nonsense': they are handoff deref fault alloc pressure setaffinity size$" "$T/err"
	VARIANT=kasan run "$REAL/scripts/bench.sh"
	same "$rc" 2
	one_error "VARIANT=kasan: make bench compares"
}
run_bench_report() {
	local report=("$REAL/scripts/in-root.sh" "$REAL/scripts/bench/report.py")
	cat >"$T/results" <<-'E'
		series clock rate insns/ns 1.000 1.000 0.940
		series deref kernel insns 100 100 101 100 140
		series deref arena insns 100 100 100
		series handoff staged/identity/256 insns 600 600 600
		series handoff direct/identity/256 insns 100 100 100
	E
	run_ok "${report[@]}" table "$T/results"
	same "$(wc -l <"$T/out")" 4
	grep -Eq '^\| handoff \| 256 bits, cid = CPU +\| +100 \| insns \|.*\| copied by BPF \| +600 \| +6\.00 \| 10 times fewer \| NO  \|$' "$T/out"
	grep -Eq '^\| deref .*\| +1\.000 \| 1\.00 +\| yes \|$' "$T/out"
	run_ok "${report[@]}" check "$T/results"
	same "$(cat "$T/out")" 'ok handoff: 256 bits, cid = CPU (6.00; at least 5)
ok deref: read and write a page (1.00; at least 0.995, at most 1.005)'
	run_ok "${report[@]}" clock "$T/results"
	run_ok "${report[@]}" json "$T/results"
	python3 -c 'import json, sys; json.load(sys.stdin)["figures"][0]["ratio"] == 6 or sys.exit(1)' <"$T/out"
	mkdir "$T/plot"
	run_ok "$REAL/scripts/in-root.sh" "$REAL/scripts/bench/plot.py" "$T/results" "$T/plot"
	run_ok "$REAL/scripts/in-root.sh" gnuplot "$T/plot/plot.gp"
	grep -q '</svg>' "$T/out"

	# each limit can be missed
	sed -i 's/^series deref arena.*/series deref arena insns 102/; s/^\(.*direct.*insns\).*/\1 130/; s/^\(.*clock.*ns\).*/\1 0.5/' "$T/results"
	run_ok "${report[@]}" check "$T/results"
	same "$(cut -d' ' -f1 "$T/out" | paste -sd' ')" 'FAIL FAIL'
	run "${report[@]}" clock "$T/results"
	one_error 'does not count instructions: 0.500'

	echo 'what is this' >>"$T/results"
	run "${report[@]}" table "$T/results"
	one_error 'results:6 is no measurement'
	run "${report[@]}" table "$T/nothing"
	one_error 'cannot read'
	: >"$T/results"
	run "${report[@]}" table "$T/results"
	one_error 'nothing that was measured'
	run "${report[@]}" picture "$T/results"
	one_error 'table, json, check or clock'
}
run_base_twice() { # with nothing in the place of make
	local head
	series_project
	"$P/scripts/tree.sh"
	printf '#!/bin/sh\n' | tee "$P/scripts/in-root.sh" >"$P/scripts/toolchain.sh"
	head=$(git -C "$tree" symbolic-ref HEAD)
	VARIANT=base run_ok "$P/scripts/kernel.sh"
	VARIANT=base run_ok "$P/scripts/kernel.sh"
	same "$(git -C "$P/build/base" rev-parse HEAD)" "$(git -C "$tree" rev-parse base)"
	same "$(git -C "$tree" symbolic-ref HEAD)" "$head"
}
run_logged_tells() {
	project
	cat >"$P/scripts/x.sh" <<-'E'
		. "$(dirname "$0")/lib.sh"
		run_logged good sh -c 'echo quiet'
		run_logged bad sh -c 'echo the reason; exit 5'
	E
	run bash -eu "$P/scripts/x.sh"
	one_error 'bad failed .*status 5.*build/logs/bad.log'
	grep -q '| the reason' "$T/err"
	! grep -q quiet "$T/err" || fail "no output of what succeeds"
	same "$(cat "$P/build/logs/good.log")" quiet
}
run_bad_place() {
	project "$T/a b"
	run "$P/scripts/tree.sh"
	one_error 'has a blank or a colon'
}
run_clean() {
	series_project
	run_ok make -s -C "$P" clean
	same "$(ls "$P/build")" cache
	[ -f "$cache" ]
	run_ok "$P/scripts/tree.sh"
	echo >>"$tree/kernel/bpf/core.c"
	run make -s -C "$P" distclean
	one_error 'not exported'
	[ -e "$tree" ]
	run_ok make -s -C "$P" distclean FORCE=1
	same "$(ls -A "$P/build")" ''
	run make -s -C "$P" clean
	same "$rc" 0
}
project_scripts() { grep -rlE '^#!.*sh$|shellcheck shell=' "$REAL/scripts" "$REAL/.ci"; }
run_shellcheck() {
	project_scripts | (cd "$REAL" && xargs scripts/in-root.sh shellcheck -x)
}
project_files() { # tracked, or what a release of it would have
	git -C "$REAL" ls-files -co --exclude-standard 2>/dev/null ||
		(cd "$REAL" && find . -path ./build -prune -o -type f -print)
}
run_no_machine() {
	local hosts
	# shellcheck disable=SC2016
	hosts=$(apt-get indextargets --format '$(SITE)' | sed -E 's,^[a-z]+:/+,,; s,/.*,,' | grep . | sort -u | paste -sd'|' | sed 's/\./\\./g')
	cd "$REAL"
	! project_files | xargs -d '\n' grep -nIE "${hosts:-no mirror}" -- || fail "no mirror's host name"
	! project_files | xargs -d '\n' grep -nIF "$REAL" -- || fail "no path of this machine"
}
