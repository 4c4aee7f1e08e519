# shellcheck shell=bash disable=SC2154  # sourced by run-one.sh
# export.sh: commits as overlay and patches, and back.

files() { (cd "$P" && find patches kernel tools -type f -printf '%p %m ' -exec sha256sum {} \; | sort); }

export_form() {
	series_project
	same "$(tr '\n' ' ' <"$P/patches/v7.1/series")" \
		'# posting first 0001-bpf-spell-five.patch 0002-bpf-add-faults.patch # posting second 0003-selftests-new-files-only.patch '
	cmp "$P/kernel/bpf/fault.c" "$tree/kernel/bpf/fault.c"
	grep -q '^ create mode 100644 kernel/bpf/fault.c$' "$P"/patches/v7.1/0002*
	grep -q '^ create mode 100755 tools/testing/run.sh$' "$P"/patches/v7.1/0003*
	! grep -rq 'new file mode' "$P/patches" || fail "no diff of a new file"
	grep -q '^From: Zoë Author <zoe@example.org>$' "$P"/patches/v7.1/0001*
	[ ! -e "$P/kernel/bpf/Makefile" ] || fail "hunks only for what the base has"
}
export_round_trip() { # files -> tree -> files
	local before
	series_project
	before=$(files)
	rm -rf "$tree"
	run_ok "$P/scripts/tree.sh"
	run_ok "$P/scripts/export.sh"
	same "$(files)" "$before"
	# also from commits that never were files
	rm -r "$P/patches/v7.1/"*.patch "$P/kernel" "$P/tools"
	run_ok env FORCE=1 "$P/scripts/export.sh"
	same "$(files)" "$before"
}
export_tree_round_trip() { # tree -> files -> tree
	local want
	series_project
	chmod +x "$tree/kernel/bpf/core.c"
	git -C "$tree" rm -q Documentation 2>/dev/null || :
	printf 'more\n\n\nno newline' >>"$tree/kernel/bpf/arena.c"
	echo 'int third;' >"$tree/mm/third.c"
	commit $'mm: modes, blank lines and ends\n\n  indented\n\nSigned-off-by: Z <z@example.org>'
	want=$(head_tree)
	run_ok "$P/scripts/export.sh"
	run_ok "$P/scripts/tree.sh"
	same "$(head_tree)" "$want"
	rm -rf "$tree"
	run_ok "$P/scripts/tree.sh"
	same "$(head_tree)" "$want"
	same "$(git -C "$tree" log -1 --format=%B)" $'mm: modes, blank lines and ends\n\n  indented\n\nSigned-off-by: Z <z@example.org>'
}
export_any_config() {
	local before
	series_project
	before=$(files)
	git config --global diff.noprefix true
	git config --global diff.context 9
	git config --global diff.algorithm patience
	git config --global core.abbrev 5
	git config --global log.date iso
	rm "$P"/patches/v7.1/0*
	run_ok env FORCE=1 "$P/scripts/export.sh"
	same "$(files)" "$before"
}
export_drops_old() {
	series_project
	git -C "$tree" reset -q --hard HEAD~1
	run_ok "$P/scripts/export.sh"
	[ ! -e "$P/tools" ] || fail "files of the dropped commit to be gone"
	same "$(find "$P/patches/v7.1" -name '0*' | wc -l)" 2
}
export_postings() { # lines stay with their patches, or with the next of the posting
	series_project
	git -C "$tree" reset -q --hard base
	git -C "$tree" -c user.name=c -c user.email=c@example.org cherry-pick ORIG_HEAD~1 >/dev/null
	echo >>"$tree/mm/new.c"
	commit 'mm: new'
	git -C "$tree" -c user.name=c -c user.email=c@example.org cherry-pick ORIG_HEAD >/dev/null
	run_ok "$P/scripts/export.sh"
	same "$(tr '\n' ' ' <"$P/patches/v7.1/series")" \
		'# posting first 0001-bpf-add-faults.patch 0002-mm-new.patch # posting second 0003-selftests-new-files-only.patch '
	git -C "$tree" reset -q --hard HEAD~1
	run_ok "$P/scripts/export.sh"
	grep -q 'no patch of posting second is left' "$T/err" || fail "a note"
	same "$(grep posting "$P/patches/v7.1/series")" '# posting first'
}
export_only_changed() {
	series_project
	touch -d '2026-01-01' "$P"/patches/v7.1/* "$P/kernel/bpf/fault.c"
	echo 'int again;' >>"$tree/mm/new.c"
	commit 'mm: new'
	run_ok "$P/scripts/export.sh"
	same "$(cd "$P" && find patches kernel mm -type f -newermt '2026-01-02' | sort | tr '\n' ' ')" \
		'mm/new.c patches/v7.1/0004-mm-new.patch patches/v7.1/series '
}
export_later_change() {
	series_project
	echo 'int more;' >>"$tree/kernel/bpf/fault.c"
	commit 'bpf: late change'
	run "$P/scripts/export.sh"
	one_error '"bpf: late change" changes kernel/bpf/fault.c, which .*"bpf: add faults" creates: .*--autosquash'
	# and what it says helps
	git -C "$tree" reset -q --soft HEAD~1
	git -C "$tree" -c user.name=c -c user.email=c@example.org commit -q --fixup=HEAD~1
	GIT_SEQUENCE_EDITOR=: git -C "$tree" -c user.name=c -c user.email=c@example.org rebase -q -i --autosquash base
	run_ok "$P/scripts/export.sh"
	grep -q more "$P/kernel/bpf/fault.c"
}
export_uncommitted() {
	series_project
	echo >>"$tree/kernel/bpf/core.c"
	run "$P/scripts/export.sh"
	one_error 'uncommitted changes'
}
export_merge() {
	series_project
	git -C "$tree" checkout -q -b side base
	echo >>"$tree/kernel/bpf/core.c"
	commit side
	git -C "$tree" checkout -q series
	git -C "$tree" -c user.name=c -c user.email=c@example.org merge -q -m merge side
	run "$P/scripts/export.sh"
	one_error 'merges'
}
export_keeps_files() { # edits here that no make tree has taken up yet
	series_project
	echo 'int edited;' >>"$P/kernel/bpf/fault.c"
	echo >>"$tree/kernel/bpf/core.c"
	commit 'bpf: other'
	run "$P/scripts/export.sh"
	one_error 'changed since the last .make tree'
	grep -q edited "$P/kernel/bpf/fault.c"
}
export_keeps_unclaimed() {
	series_project
	mkdir "$P/mm"
	echo mine >"$P/mm/new.c"
	echo theirs >"$tree/mm/new.c"
	commit 'mm: new'
	run "$P/scripts/export.sh"
	one_error 'would overwrite mm/new.c, which no patch claims'
	same "$(cat "$P/mm/new.c")" mine
}
export_bad_place() {
	series_project
	mkdir "$tree/scripts"
	echo >"$tree/scripts/new.sh"
	commit 'scripts: new'
	run "$P/scripts/export.sh"
	one_error 'creates scripts/new.sh, where no overlay file can be'
}
export_bad_message() {
	series_project
	echo >>"$tree/kernel/bpf/core.c"
	commit $'bpf: cut\n\n---\nlost'
	run "$P/scripts/export.sh"
	one_error 'the message of .*"bpf: cut"'
}
export_no_tree() {
	project
	run "$P/scripts/export.sh"
	one_error "make tree"
}
