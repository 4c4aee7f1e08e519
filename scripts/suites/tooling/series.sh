# shellcheck shell=bash disable=SC2154,SC2012  # sourced by run-one.sh
# series.sh: the forms in which others take the series.

pristine() {
	rm -rf "$T/other"
	mkdir "$T/other"
	git -C "$tree" archive base | tar -x -C "$T/other"
	git -C "$T/other" init -q
	git -C "$T/other" add -A -f
	git -C "$T/other" -c user.name=o -c user.email=o@example.org commit -q -m pristine
}
other_tree() {
	git -C "$T/other" add -A -f
	git -C "$T/other" write-tree
}
series_made() {
	series_project
	run_ok "$P/scripts/series.sh"
	S=$P/build/series
	one=$S/arena-direct-access-7.1
}

series_git_am() {
	series_made
	pristine
	git -C "$T/other" -c user.name=o -c user.email=o@example.org am -q "$one.mbox"
	same "$(git -C "$T/other" rev-parse 'HEAD^{tree}')" "$(head_tree)"
	same "$(git -C "$T/other" log -3 --format='%an %ae %aI %B')" "$(git -C "$tree" log -3 --format='%an %ae %aI %B')"
}
series_in_postings() {
	series_made
	same "$(tr '\n' ' ' <"$S/series")" \
		'01-first/0001-bpf-spell-five.patch 01-first/0002-bpf-add-faults.patch 02-second/0001-selftests-new-files-only.patch '
	grep -q '^Subject: \[PATCH 1/2\] bpf: spell five$' "$S"/01-first/0001*
	grep -q '^Subject: \[PATCH 0/2\] bpf: a cover$' "$S"/01-first/0000*
	grep -q '^The letter: ü.$' "$S"/01-first/0000*
	grep -q '^Subject: \[PATCH 0/1\] bpf: another cover$' "$S"/02-second/0000*
}
series_no_posting() {
	series_project
	sed -i 1d "$P/patches/v7.1/series"
	run "$P/scripts/series.sh"
	one_error '0001-bpf-spell-five.patch is in no posting'
}
series_no_cover() {
	series_project
	rm "$P/patches/v7.1/cover-second.txt"
	run "$P/scripts/series.sh"
	one_error 'no patches/v7.1/cover-second.txt'
}
series_long_posting() {
	local i
	series_project
	for ((i = 2; i <= 16; i++)); do
		echo >>"$tree/mm/file$i.c"
		commit "mm: file $i"
		[ "$i" = 16 ] || continue
		run_ok "$P/scripts/export.sh"
		run "$P/scripts/series.sh"
		one_error 'posting second has more than 15 patches'
		git -C "$tree" reset -q --hard HEAD~1
		run_ok "$P/scripts/export.sh"
		run_ok "$P/scripts/series.sh"
	done
}
series_patch() {
	series_made
	pristine
	patch -s -p1 -d "$T/other" <"$one.patch"
	same "$(other_tree)" "$(head_tree)"
}
series_quilt() { # what quilt push -a does
	local p
	series_made
	pristine
	while read -r p; do patch -s -p1 -d "$T/other" <"$S/$p"; done <"$S/series"
	same "$(other_tree)" "$(head_tree)"
}
series_repeatable() {
	local before
	series_made
	before=$(cd "$S" && find . -type f -exec sha256sum {} + | sort)
	git config --global diff.noprefix true
	git config --global format.signature hello
	run_ok "$P/scripts/series.sh"
	same "$(cd "$S" && find . -type f -exec sha256sum {} + | sort)" "$before"
}
series_empty() {
	project
	run "$P/scripts/series.sh"
	one_error 'the series is empty'
}
series_not_exported() {
	series_project
	echo >>"$tree/kernel/bpf/core.c"
	commit 'bpf: mine'
	run "$P/scripts/series.sh"
	one_error 'commits that are not exported'
}

# The real one: git am of the mailbox on the pristine release. git fetches into the
# worktree what a patch touches, so the 90000 other files need not be there.
series_real() {
	local w=$T/wt
	tree=$REAL/build/linux
	[ -s "$REAL/patches/v7.1/series" ] || skip "the series is empty"
	grep -q '^# posting ' "$REAL/patches/v7.1/series" || skip "the series has no postings"
	"$REAL/scripts/series.sh"
	git clone -q --bare --shared "$tree" "$T/real.git"
	git -C "$T/real.git" worktree add -q --no-checkout --detach "$w" "$(git -C "$tree" rev-parse base)"
	git -C "$w" read-tree HEAD
	git -C "$w" -c user.name=o -c user.email=o@example.org am -q "$REAL/build/series/arena-direct-access-7.1.mbox"
	same "$(git -C "$w" rev-parse 'HEAD^{tree}')" "$(head_tree)"
}
