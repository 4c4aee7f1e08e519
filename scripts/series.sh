#!/usr/bin/env bash
# Write the series for others to build/series:
#
#   0000-cover-letter.patch, 0001-*.patch ...   mails, complete, for git send-email
#   series                                      their list, for quilt
#   arena-direct-access-7.1.mbox                the patches in one mailbox, for git am
#   arena-direct-access-7.1.patch               one big patch, for patch -p1
#
# The cover letter is patches/v7.1/cover-letter.txt: the first line is the
# subject, the rest the body.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/tree-lib.sh"

one=arena-direct-access-7.1
cover=$PATCHES/cover-letter.txt
diff_options=(--no-renames --no-ext-diff --no-textconv --no-color --diff-algorithm=myers
	--src-prefix=a/ --dst-prefix=b/ -U3 --inter-hunk-context=0 --full-index)

# Do the mails of directory $1, and its one-file form, make exactly HEAD of the base?
verify() {
	local want mail
	export GIT_INDEX_FILE=$1.index
	want=$(kgit rev-parse 'HEAD^{tree}')
	kgit read-tree base
	for mail in "$1"/[0-9]*.patch; do
		case $mail in */0000-*) continue ;; esac
		! grep -q '^diff --git' "$mail" || kgit apply --cached --whitespace=nowarn "$mail"
	done
	[ "$(kgit write-tree)" = "$want" ] || die "the mails do not add up to HEAD of build/linux: please report this"
	kgit read-tree base
	kgit apply --cached --whitespace=nowarn "$1/$one.patch"
	[ "$(kgit write-tree)" = "$want" ] || die "$one.patch does not add up to HEAD of build/linux: please report this"
	unset GIT_INDEX_FILE
}

lock tree
"$TOP/scripts/tree.sh"
read_state
[ "$(kgit rev-parse HEAD)" = "$STATE_HEAD" ] ||
	die "build/linux has commits that are not exported: 'make export' them first"
[ "$(kgit rev-parse HEAD)" != "$(kgit rev-parse base)" ] || die "the series is empty: patches/v7.1/series names no patch"
[ -s "$cover" ] || die "no patches/v7.1/cover-letter.txt: write one (the subject, a blank line, the text)"

out=$BUILD/series
new=$out.tmp.$$
rm -rf "$out".tmp.*
at_exit "rm -rf '$new' '$new.index'"
mkdir "$new"
step "writing $(kgit rev-list --count base..HEAD) mails and $one.patch"
# The cover letter is signed and dated like the last patch, so that the same
# series gives the same text.
IFS=$'\t' read -r name email date < <(kgit log -1 --no-mailmap --format='%an%x09%ae%x09%aI')
GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email GIT_COMMITTER_DATE=$date \
	kgit -c branch.series.description="$(cat "$cover")" -c format.encodeEmailHeaders=true \
	format-patch -q --cover-letter --cover-from-description=subject --zero-commit --no-signature \
	--subject-prefix=PATCH --numbered -o "$new" "${diff_options[@]}" base..HEAD
{
	sed '1s/^/Subject: /' "$cover"
	echo ---
	kgit diff --stat=80,60 --summary --no-renames --no-color base HEAD
	echo
	kgit diff "${diff_options[@]}" base HEAD
} >"$new/$one.patch"
(cd "$new" && printf '%s\n' [0-9]*.patch | grep -v '^0000-' >series)
(cd "$new" && xargs cat <series) >"$new/$one.mbox"
verify "$new"
rm -rf "$out"
mv "$new" "$out"
step "build/series: git am $one.mbox, or patch -p1 <$one.patch, or quilt"
