# shellcheck shell=bash disable=SC2154  # sourced by run-one.sh
# KSRC=: the series on the user's own tree, which is only read.

contents() { (cd "$1" && find . -printf '%p %s %T@ %C@ %m\n' | sort); }

ksrc_plain() {
	local before
	series_project
	tiny_tree "$T/mine" 9
	echo '/* mine */' >>"$T/mine/kernel/bpf/core.c"
	touch "$T/mine/kernel/bpf/core.o"
	before=$(contents "$T/mine")
	run_ok env KSRC="$T/mine" "$P/scripts/tree.sh"
	same "$(contents "$T/mine")" "$before"
	same "$(git -C "$tree" log -1 --format=%s base)" 'Linux 7.1.9'
	grep -q mine "$tree/kernel/bpf/core.c"
	grep -q five "$tree/kernel/bpf/arena.c"
	[ ! -e "$tree/kernel/bpf/core.o" ] || fail "no build products"
	# A change there is a new base; without KSRC the release is back.
	echo '/* again */' >>"$T/mine/kernel/bpf/core.c"
	run_ok env KSRC="$T/mine" "$P/scripts/tree.sh"
	grep -q again "$tree/kernel/bpf/core.c"
	run_ok "$P/scripts/tree.sh"
	same "$(git -C "$tree" log -1 --format=%s base)" 'Linux 7.1.13'
	! grep -q mine "$tree/kernel/bpf/core.c" || fail "the release's core.c"
	same "$(git -C "$tree" status --porcelain)" ''
}
ksrc_git() {
	local before
	series_project
	tiny_tree "$T/mine" 4
	git -C "$T/mine" init -q
	git -C "$T/mine" add -A
	git -C "$T/mine" -c user.name=u -c user.email=u@example.org commit -q -m mine
	echo '/* not committed */' >>"$T/mine/kernel/bpf/core.c"
	rm "$T/mine/mm/Makefile" 2>/dev/null || :
	echo junk >"$T/mine/untracked"
	before=$(contents "$T/mine")
	run_ok env KSRC="$T/mine" "$P/scripts/tree.sh"
	same "$(contents "$T/mine")" "$before"
	grep -q 'not committed' "$tree/kernel/bpf/core.c"
	[ ! -e "$tree/untracked" ] || fail "tracked files only"
	run_ok env KSRC="$T/mine" "$P/scripts/tree.sh"
	! grep -q copying "$T/err" || fail "an unchanged KSRC not to be copied again"
}
ksrc_first() { # nothing is downloaded
	project
	rm "$cache"
	tiny_tree "$T/mine"
	run_ok env KSRC="$T/mine" BASE_URL=http://127.0.0.1:9 "$P/scripts/tree.sh"
	[ -f "$tree/kernel/bpf/arena.c" ]
}
ksrc_wrong() {
	project
	run env KSRC="$T/nowhere" "$P/scripts/tree.sh"
	one_error 'is no directory'
	mkdir "$T/empty"
	run env KSRC="$T/empty" "$P/scripts/tree.sh"
	one_error 'is no kernel tree'
	tiny_tree "$T/mine"
	sed -i 's/^PATCHLEVEL.*/PATCHLEVEL = 2/' "$T/mine/Makefile"
	run env KSRC="$T/mine" "$P/scripts/tree.sh"
	one_error 'is Linux 7.2.13: the series is for 7.1.y'
}
ksrc_fuzz() { # outer context lines may differ in another 7.1.y; that is said
	series_project
	tiny_tree "$T/mine" 3
	sed -i 's/arena line 3 /arena line three /' "$T/mine/kernel/bpf/arena.c"
	run_ok env KSRC="$T/mine" "$P/scripts/tree.sh"
	grep -q '^note: 0001-.* applies to Linux 7.1.3 with 1 line' "$T/err"
	grep -q 'line three' "$tree/kernel/bpf/arena.c"
	grep -q 'line five' "$tree/kernel/bpf/arena.c"
}
ksrc_does_not_apply() {
	series_project
	tiny_tree "$T/mine"
	sed -i 5,7d "$T/mine/kernel/bpf/arena.c"
	run env KSRC="$T/mine" "$P/scripts/tree.sh"
	one_error '0001-.* does not apply to Linux 7.1.13'
	run_ok "$P/scripts/tree.sh"
}
