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
	grep -q '^Subject: \[PATCH 1/3\] bpf: spell five$' "$S"/0001*
	grep -q '^Subject: \[PATCH 0/3\] bpf: a cover$' "$S"/0000*
	grep -q '^The letter: ü.$' "$S"/0000*
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
	before=$(cd "$S" && sha256sum ./*)
	git config --global diff.noprefix true
	git config --global format.signature hello
	run_ok "$P/scripts/series.sh"
	same "$(cd "$S" && sha256sum ./*)" "$before"
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
	"$REAL/scripts/series.sh"
	git clone -q --bare --shared "$tree" "$T/real.git"
	git -C "$T/real.git" worktree add -q --no-checkout --detach "$w" "$(git -C "$tree" rev-parse base)"
	git -C "$w" read-tree HEAD
	git -C "$w" -c user.name=o -c user.email=o@example.org am -q "$REAL/build/series/arena-direct-access-7.1.mbox"
	same "$(git -C "$w" rev-parse 'HEAD^{tree}')" "$(head_tree)"
}
