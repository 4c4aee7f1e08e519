#!/usr/bin/env bash
# Write the series for others to build/series:
#
#   NN-NAME/0000-cover-letter.patch, 0001-*     a posting: mails, complete, for git send-email
#   series                                      the list of all patches, for quilt
#   arena-direct-access-7.1.mbox                the patches in one mailbox, for git am
#   arena-direct-access-7.1.patch               one big patch, for patch -p1
#
# A line "# posting NAME" of patches/v7.1/series begins a posting. Its cover letter is
# patches/v7.1/cover-NAME.txt: the first line is the subject, the rest the body.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/tree-lib.sh"

one=arena-direct-access-7.1
most=15 # patches in a posting
diff_options=(--no-renames --no-ext-diff --no-textconv --no-color --diff-algorithm=myers
	--src-prefix=a/ --dst-prefix=b/ -U3 --inter-hunk-context=0 --full-index)

# Do the mails of directory $1, and its one-file form, make exactly HEAD of the base?
verify() {
	local want mail
	export GIT_INDEX_FILE=$1.index
	want=$(kgit rev-parse 'HEAD^{tree}')
	kgit read-tree base
	while read -r mail; do
		! grep -q '^diff --git' "$1/$mail" || kgit apply --cached --whitespace=nowarn "$1/$mail"
	done <"$1/series"
	[ "$(kgit write-tree)" = "$want" ] || die "the mails do not add up to HEAD of build/linux: please report this"
	kgit read-tree base
	kgit apply --cached --whitespace=nowarn "$1/$one.patch"
	[ "$(kgit write-tree)" = "$want" ] || die "$one.patch does not add up to HEAD of build/linux: please report this"
	unset GIT_INDEX_FILE
}

# Sets postings[], and last[NAME], the last commit of each.
read_postings() {
	local posting p of='' n=0 i=0
	declare -ga postings=()
	declare -gA last=()
	while read -r posting p; do
		[ "$posting" != - ] || die "$p is in no posting: a line '# posting NAME' must come first in patches/v7.1/series"
		if [ "$posting" != "$of" ]; then
			[ ! "${last[$posting]-}" ] || die "patches/v7.1/series begins posting $posting twice"
			[ -s "$PATCHES/cover-$posting.txt" ] ||
				die "no patches/v7.1/cover-$posting.txt: write one (the subject, a blank line, the text)"
			postings+=("$posting")
			of=$posting n=0
		fi
		n=$((n + 1))
		[ "$n" -le "$most" ] || die "posting $posting has more than $most patches: split it in patches/v7.1/series"
		last[$posting]=${commits[i]}
		i=$((i + 1))
	done < <(series_postings)
}

# Posting $3, the commits $1..$2, as mails in directory $4. The cover letter is signed
# and dated like the last patch, so that the same series gives the same text. git
# before 2.42 knows a description of branches only, hence the bare clone with one.
write_posting() {
	local name email date KGIT_DIR=$new.git
	kgit branch -q -f posting "$2"
	IFS=$'\t' read -r name email date < <(kgit log -1 --no-mailmap --format='%an%x09%ae%x09%aI' "$2")
	GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email GIT_COMMITTER_DATE=$date \
		kgit -c branch.posting.description="$(cat "$PATCHES/cover-$3.txt")" -c format.encodeEmailHeaders=true \
		format-patch -q --cover-letter --cover-from-description=subject --zero-commit --no-signature \
		--subject-prefix=PATCH --numbered -o "$4" "${diff_options[@]}" "$1..posting"
}

lock tree
"$TOP/scripts/tree.sh"
read_state
[ "$(kgit rev-parse HEAD)" = "$STATE_HEAD" ] ||
	die "build/linux has commits that are not exported: 'make export' them first"
[ "$(kgit rev-parse HEAD)" != "$(kgit rev-parse base)" ] || die "the series is empty: patches/v7.1/series names no patch"
mapfile -t commits < <(kgit rev-list --reverse base..HEAD)
read_postings

out=$BUILD/series
new=$out.tmp.$$
rm -rf "$out".tmp.*
at_exit "rm -rf '$new' '$new.index' '$new.git'"
mkdir "$new"
step "writing ${#commits[@]} mails in ${#postings[@]} postings, and $one.patch"
kgit clone -q --bare --shared . "$new.git"
from=base n=0
for posting in "${postings[@]}"; do
	n=$((n + 1))
	write_posting "$from" "${last[$posting]}" "$posting" "$new/$(printf '%02d-%s' "$n" "$posting")"
	from=${last[$posting]}
done
{
	for posting in "${postings[@]}"; do
		sed '1s/^/Subject: /' "$PATCHES/cover-$posting.txt"
		echo
	done
	echo ---
	kgit diff --stat=80,60 --summary --no-renames --no-color base HEAD
	echo
	kgit diff "${diff_options[@]}" base HEAD
} >"$new/$one.patch"
(cd "$new" && printf '%s\n' */[0-9]*.patch | grep -v '/0000-' >series)
(cd "$new" && xargs cat <series) >"$new/$one.mbox"
verify "$new"
rm -rf "$out"
mv "$new" "$out"
step "build/series: git am $one.mbox, or patch -p1 <$one.patch, or quilt"
