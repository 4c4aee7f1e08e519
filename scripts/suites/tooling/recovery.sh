# shellcheck shell=bash disable=SC2154,SC2164  # sourced by run-one.sh
# tree.sh cut off: interrupts, kills, full disks, and two runs at once.

tree_interrupted_first() {
	local sig
	project
	fake tar <<-E
		touch $T/under-way
		exec sleep 60
	E
	for sig in INT TERM; do
		rm -f "$T/under-way"
		start_until "$T/under-way" "$P/scripts/tree.sh"
		interrupt $sig
		same "$(cd "$P/build" && echo linux*)" 'linux*'
	done
	mkdir "$P/build/linux.tmp.1" # as a kill -9 would leave
	rm "$T/fake/tar"
	run_ok "$P/scripts/tree.sh"
	same "$(cd "$P/build" && echo linux*)" linux
}
# Killed outright between the worktree's change and the commit's: what differs
# must not be taken for the user's work.
tree_killed_moving() {
	local want real
	series_project
	echo 'int more;' >>"$P/kernel/bpf/fault.c"
	real=$(command -v git)
	fake git <<-E
		case "\$*" in *'update-ref -m make tree'*) touch $T/under-way; sleep 60 ;; esac
		exec $real "\$@"
	E
	start_until "$T/under-way" "$P/scripts/tree.sh"
	interrupt KILL
	rm "$T/fake/git"
	run_ok "$P/scripts/tree.sh"
	grep -q more "$tree/kernel/bpf/fault.c"
	same "$(git -C "$tree" status --porcelain)" ''
	want=$(head_commit)
	rm -rf "$tree"
	run_ok "$P/scripts/tree.sh"
	same "$(head_commit)" "$want"
}
tree_full_disk() {
	project
	head -c 3000000 /dev/urandom >"$T/tiny/linux-7.1/mm/big"
	tar -C "$T/tiny" -cJf "$cache" linux-7.1
	(cd "$P/build/cache" && sha256sum ./*.xz | sed 's,\./,,') >"$P/scripts/base.sha256"
	mkdir "$T/small"
	cd "$T"
	# shellcheck disable=SC2016  # expanded in there
	run in_small_disk "$T/small" 16m bash -c '
		mkdir small/cache && cp "$1" small/cache/ && head -c 11m /dev/zero >small/filler && rm -r p/build && ln -s ../small p/build || exit 99
		cd p && scripts/tree.sh && exit 98
		[ ! -e build/linux ] && [ "$(echo build/linux*)" = "build/linux*" ] || exit 97
		rm ../small/filler && scripts/tree.sh && test -s build/linux/mm/big' in "$cache"
	[ "$rc" != 77 ] || skip "$(cat "$T/out")"
	same "$rc" 0
	grep -q '^error: disk full' "$T/err"
}
tree_two_at_once() {
	local first
	project
	fake xz <<-E
		touch $T/under-way
		sleep 1.5
		exec $(command -v xz) "\$@"
	E
	start_until "$T/under-way" "$P/scripts/tree.sh"
	first=$started
	"$P/scripts/tree.sh" >"$T/out2" 2>"$T/err2"
	wait "$first"
	grep -q 'waiting for another run' "$T/err2"
	! grep -q unpacking "$T/err2" || fail "the second run to find it done"
}
