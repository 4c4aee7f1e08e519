# shellcheck shell=bash disable=SC2154,SC2164  # sourced by run-one.sh
# tree.sh: the series as commits.

stamps() { (cd "$tree" && find . -path ./.git -prune -o -type f -printf '%P %T@\n' | sort); }
changed_since() { diff <(echo "$1") <(stamps) | sed -n 's/^> \([^ ]*\) .*/\1/p'; }
p1() { echo "$P"/patches/v7.1/0001-*; }

tree_lays() {
	series_project
	same "$(git -C "$tree" log --format=%s | tr '\n' '|')" 'selftests: new files only|bpf: add faults|bpf: spell five|Linux 7.1.13|'
	same "$(git -C "$tree" log -1 --format='%an <%ae> %aI %cn %cI' HEAD~2)" \
		'Zoë Author <zoe@example.org> 2026-02-03T04:05:06+01:00 Zoë Author 2026-02-03T04:05:06+01:00'
	same "$(git -C "$tree" rev-parse base)" "$(git -C "$tree" rev-parse HEAD~3)"
	grep -q 'line five' "$tree/kernel/bpf/arena.c"
	[ -x "$tree/tools/testing/run.sh" ] || fail "an executable run.sh"
	same "$(git -C "$tree" status --porcelain)" ''
}
tree_deterministic() {
	local first
	series_project
	first=$(head_commit)
	rm -rf "$tree"
	run_ok "$P/scripts/tree.sh"
	same "$(head_commit)" "$first"
}
tree_no_op() {
	local before
	series_project
	before=$(stamps)
	sleep 0.05
	run_ok "$P/scripts/tree.sh"
	same "$(changed_since "$before")" ''
	touch "$P/kernel/bpf/fault.c" # newer, not different
	run_ok "$P/scripts/tree.sh"
	same "$(changed_since "$before")" ''
}
tree_incremental() {
	local before
	series_project
	before=$(stamps)
	sleep 0.05
	echo 'int more;' >>"$P/kernel/bpf/fault.c"
	run_ok "$P/scripts/tree.sh"
	same "$(changed_since "$before")" kernel/bpf/fault.c
	before=$(stamps)
	sleep 0.05
	sed -i 's/^+\(.*\)line five/+\1line FIVE/' "$(p1)"
	run_ok "$P/scripts/tree.sh"
	same "$(changed_since "$before")" kernel/bpf/arena.c
	grep -q 'line FIVE' "$tree/kernel/bpf/arena.c"
	same "$(git -C "$tree" status --porcelain)" ''
}
tree_patch_removed() {
	series_project
	rm -r "$P/tools"
	sed -i '/0003/d' "$P/patches/v7.1/series"
	run_ok "$P/scripts/tree.sh"
	[ ! -e "$tree/tools" ] || fail "the files of a removed patch to be gone"
	same "$(git -C "$tree" rev-list --count base..HEAD)" 2
}
tree_no_series() {
	project
	run_ok "$P/scripts/tree.sh"
	same "$(head_commit)" "$(git -C "$tree" rev-parse base)"
}
tree_unclaimed() {
	series_project
	echo >"$P/kernel/stray.c"
	run "$P/scripts/tree.sh"
	one_error 'no patch claims kernel/stray.c'
	mkdir -p "$P/samples/bpf"
	mv "$P/kernel/stray.c" "$P/samples/bpf/"
	run "$P/scripts/tree.sh"
	one_error 'no patch claims samples/bpf/stray.c'
}
tree_claimed_twice() {
	series_project
	sed -i 's/^---$/&\n create mode 100644 kernel\/bpf\/fault.c/' "$(p1)"
	run "$P/scripts/tree.sh"
	one_error 'kernel/bpf/fault.c is claimed twice: by 0001.* and by 0002'
}
tree_overlay_missing() {
	series_project
	rm "$P/kernel/bpf/fault.c"
	run "$P/scripts/tree.sh"
	one_error '0002.* claims kernel/bpf/fault.c, which is not there'
}
tree_overlay_in_base() {
	series_project
	echo >"$P/kernel/bpf/core.c"
	sed -i 's/^---$/&\n create mode 100644 kernel\/bpf\/core.c/' "$(p1)"
	run "$P/scripts/tree.sh"
	one_error 'creates kernel/bpf/core.c, which the tree has already'
}
tree_bad_mode() {
	series_project
	chmod -x "$P/tools/testing/run.sh"
	run "$P/scripts/tree.sh"
	one_error 'tools/testing/run.sh with mode 100755'
}
tree_new_file_diff() {
	series_project
	printf 'diff --git a/mm/x.c b/mm/x.c\nnew file mode 100644\n--- /dev/null\n+++ b/mm/x.c\n@@ -0,0 +1 @@\n+x\n' >>"$(p1)"
	run "$P/scripts/tree.sh"
	one_error 'mm/x.c must be an overlay file'
}
tree_patch_missing() {
	series_project
	rm "$(p1)"
	run "$P/scripts/tree.sh"
	one_error 'series names 0001-bpf-spell-five.patch, which is not there'
}
tree_does_not_apply() {
	series_project
	sed -i 's/arena line 6 /arena line 66 /' "$(p1)"
	run "$P/scripts/tree.sh"
	one_error '0001-bpf-spell-five.patch does not apply to Linux 7.1.13: .*arena.c'
	sed -i 's/arena line 66 /arena line 6 /' "$(p1)"
	run_ok "$P/scripts/tree.sh"
}
tree_applies_elsewhere() {
	local before
	series_project
	tiny_tree "$T/tiny8/linux" 8
	sed -i '1i/* one more */' "$T/tiny8/linux/kernel/bpf/arena.c"
	tar -C "$T/tiny8" -cJf "$P/build/cache/linux_7.1.8.orig.tar.xz" linux
	(cd "$P/build/cache" && sha256sum linux_7.1.8.orig.tar.xz) >>"$P/scripts/base.sha256"
	before=$(stamps)$(head_commit)
	run_ok "$P/scripts/tree.sh" --applies 7.1.8
	same "$(stamps)$(head_commit)" "$before"
}
tree_keeps_changes() {
	local line=' /* mine */'
	series_project
	echo "$line" >>"$tree/kernel/bpf/core.c"
	run_ok "$P/scripts/tree.sh" # nothing to lay: the change is used
	grep -q note: "$T/err"
	echo 'int more;' >>"$P/kernel/bpf/fault.c"
	run "$P/scripts/tree.sh"
	one_error "uncommitted changes that are not exported: 'make export'.*FORCE=1"
	grep -qF "$line" "$tree/kernel/bpf/core.c"
	run_ok env FORCE=1 "$P/scripts/tree.sh"
	! grep -qF "$line" "$tree/kernel/bpf/core.c" || fail "the change to be put aside"
	git -C "$tree" stash show -p | grep -qF "$line"
	grep -q more "$tree/kernel/bpf/fault.c"
}
tree_after_export() { # work goes on in the tree, exported or not
	series_project
	echo >>"$tree/kernel/bpf/core.c"
	commit 'bpf: mine'
	run_ok "$P/scripts/export.sh"
	echo '/* more */' >>"$tree/kernel/bpf/core.c"
	run_ok "$P/scripts/tree.sh"
	grep -q more "$tree/kernel/bpf/core.c"
	same "$(git -C "$tree" log -1 --format=%s)" 'bpf: mine'
}
tree_keeps_commits() {
	local mine
	series_project
	echo >>"$tree/kernel/bpf/core.c"
	commit 'bpf: mine'
	mine=$(head_commit)
	run_ok "$P/scripts/tree.sh"
	same "$(head_commit)" "$mine"
	echo 'int more;' >>"$P/kernel/bpf/fault.c"
	run "$P/scripts/tree.sh"
	one_error 'commits that are not exported'
	same "$(head_commit)" "$mine"
	run_ok env FORCE=1 "$P/scripts/tree.sh"
	git -C "$tree" reflog | grep -q "$(git -C "$tree" rev-parse --short "$mine")"
}
tree_keeps_untracked() {
	series_project
	mkdir -p "$tree/samples"
	echo mine >"$tree/samples/new.c"
	mkdir -p "$P/samples"
	echo theirs >"$P/samples/new.c"
	sed -i 's/^---$/&\n create mode 100644 samples\/new.c/' "$(p1)"
	run "$P/scripts/tree.sh"
	one_error 'cannot be changed: .*samples/new.c'
	same "$(cat "$tree/samples/new.c")" mine
	rm "$tree/samples/new.c"
	run_ok "$P/scripts/tree.sh"
	same "$(cat "$tree/samples/new.c")" theirs
}
tree_mid_rebase() {
	series_project
	mkdir "$tree/.git/rebase-merge"
	echo 'int more;' >>"$P/kernel/bpf/fault.c"
	run "$P/scripts/tree.sh"
	one_error 'in the middle of something'
}
