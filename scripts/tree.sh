#!/usr/bin/env bash
# Lay build/linux: a git repository with the base as one commit, tagged `base`,
# and one commit for each patch of patches/v7.1/series: its hunks applied, its new
# files copied from the overlay.
#
#   tree.sh                    the tree, from linux-7.1.13 or from KSRC=
#   tree.sh --applies VERSION  only see whether the series applies to that release
#
# Histories are made with git's plumbing beside the worktree, which then changes
# only where contents differ, so that a kernel build stays incremental. The same
# input gives the same hashes. What is in build/linux and not exported is never
# dropped: FORCE=1 puts it aside (git stash, reflog) instead of stopping.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/tree-lib.sh"
. "$TOP/scripts/tree-base.sh"

# For each patch one hash of all that the series is up to there.
series_keys() {
	local p chain='' sum file
	local -A sums=()
	while read -r sum file; do sums[$file]=$sum; done < <(cd "$TOP" &&
		{ printf 'patches/v7.1/%s\n' "${patches[@]}"; claimed_files; } | xargs -d '\n' sha256sum)
	for p in "${patches[@]}"; do
		chain+=${sums[patches/v7.1/$p]}
		while read -r _ file; do [ ! "$file" ] || chain+=$file${sums[$file]}; done <<<"${creates[$p]-}"
		sum=$(sha256sum <<<"$chain")
		keys+=("${sum%% *}")
	done
}

# Sets tip: the series' commits on top of commit $1. What an earlier run made of
# the same beginning of the series is taken as it is.
build_series() {
	local base=$1 i p n=${#patches[@]} done=0 tree files out message paths keys=()
	local -A known=()
	local cache=$TREE/.git/arena-commits
	tip=$base
	[ "$n" != 0 ] || return 0
	series_keys
	export GIT_INDEX_FILE=$TREE/.git/arena-index
	if [ -f "$cache" ]; then
		while read -r p i; do known[$p]=$i; done <"$cache"
	fi
	for ((i = n; i > 0; i--)); do
		p=${known[$base.${keys[i - 1]}]-}
		if [ "$p" ] && kgit cat-file -e "$p" 2>/dev/null; then
			tip=$p done=$i
			break
		fi
	done
	((done == n)) || kgit read-tree "$tip"
	for ((i = done; i < n; i++)); do
		p=${patches[i]}
		if grep -q '^diff --git ' "$PATCHES/$p"; then
			apply "$p"
		fi
		files=${creates[$p]-}
		if [ "$files" ]; then
			mapfile -t paths < <(cut -d' ' -f2- <<<"${files%$'\n'}")
			out=$(kgit ls-files -- "${paths[@]}")
			[ ! "$out" ] || die "$p creates $(head -n1 <<<"$out"), which the tree has already"
			add_overlay "$files"
		fi
		message=$(patch_message "$p")
		tree=$(kgit write-tree)
		tip=$(commit_as "$p" "$tree" "$tip" "$message")
		echo "$base.${keys[i]} $tip" >>"$cache"
	done
	unset GIT_INDEX_FILE
}

# Another 7.1.y may differ in a hunk's outer context lines; that is said.
apply() {
	local first out context
	first=$(kgit apply --cached --whitespace=nowarn "$PATCHES/$1" 2>&1) && return 0
	for context in 2 1; do
		if out=$(kgit apply --cached --whitespace=nowarn -C$context "$PATCHES/$1" 2>&1); then
			say "note: $1 applies to Linux $base_version with $context lines of context only"
			return 0
		fi
	done
	die "$1 does not apply to Linux $base_version: $(head -n1 <<<"$first")"
}

add_overlay() { # lines "MODE PATH"
	local mode path sha
	while read -r mode path; do
		[ "$mode" ] || continue
		sha=$(kgit hash-object -w --no-filters "$TOP/$path")
		printf '%s %s\t%s\n' "$mode" "$sha" "$path"
	done <<<"$1" | kgit update-index --index-info
}

header() { sed -n "/^\$/q; s/^$1: //p" "$PATCHES/$2"; }
patch_message() {
	header Subject "$1"
	awk '/^---$/ { exit } body || /^$/ { body = 1; print }' "$PATCHES/$1"
}
commit_as() {
	local from date email
	from=$(header From "$1") date=$(header Date "$1")
	case $from in
	?*' <'*'>') ;;
	*) die "$1 has no 'From: NAME <ADDRESS>' line" ;;
	esac
	[ "$date" ] || die "$1 has no 'Date:' line"
	email=${from##*<}
	GIT_AUTHOR_NAME=${from% <*} GIT_AUTHOR_EMAIL=${email%>} \
		commit_dated "$date" "$2" "$4" -p "$3"
}

# Anything in build/linux that a change of its commits would lose?
guard_unsaved() {
	local what=
	in_the_middle_of
	[ "$(kgit rev-parse HEAD)" = "$STATE_HEAD" ] || what="commits"
	! is_dirty || what="${what:+$what and }uncommitted changes"
	[ "$what" ] || return 0
	[ "${FORCE-}" ] || die "build/linux has $what that are not exported: 'make export' them first, or FORCE=1 puts them aside"
	step "putting aside the $what of build/linux (git stash, git reflog there)"
	if is_dirty; then
		kgit -c user.name=tree.sh -c user.email=tree.sh@localhost stash push -q -m "put aside by make tree FORCE=1"
	fi
}

# Should this be cut off in the middle, the journal says that the differences
# are ours and not the user's.
move_worktree() {
	local journal=$TREE/.git/arena-moving old
	old=$(kgit rev-parse HEAD)
	if [ -e "$journal" ]; then
		rm -f "$TREE/.git/index.lock"
		kgit read-tree --reset -u "$old"
	fi
	echo "$1" >"$journal"
	(
		trap '' INT TERM HUP
		kgit update-index -q --refresh >/dev/null || :
		kgit read-tree -m -u "$old" "$1" 2>"$LOGS/tree.log" || {
			rm -f "$journal"
			die "build/linux cannot be changed: $(head -n1 "$LOGS/tree.log") $(sed -n 2p "$LOGS/tree.log")"
		}
		kgit update-ref -m 'make tree' --create-reflog HEAD "$1"
		kgit tag -f base "$2" >/dev/null
		write_state "$key" "$1" "$sum"
		rm -f "$journal"
	)
}

lock tree
if [ "${1-}" = --applies ]; then
	KSRC=
	version=${2:?a version}
	[ -d "$TREE/.git" ] || "$0"
	read_series
	find_base "$version"
	only_touched
	import_base
	build_series "$base"
	exit 0
fi

read_series
find_base "$KVER_BASE"
find_key
if [ -d "$TREE/.git" ]; then
	read_state
	if [ "${STATE_KEY#exported-}" = "$key" ] && [ ! -e "$TREE/.git/arena-moving" ]; then
		if [ "$(kgit rev-parse HEAD)" != "$STATE_HEAD" ] || is_dirty; then
			say "note: build/linux has changes that are not exported; they are kept and used"
			exit 0
		fi
		# What was exported gets the hashes that everybody else gets.
		[ "$STATE_KEY" != "$key" ] || exit 0
	fi
	[ -e "$TREE/.git/arena-moving" ] || guard_unsaved
	import_base
else
	first_tree
fi
build_series "$base"
move_worktree "$tip" "$base"
step "build/linux: $(kgit log -1 --format=%s base) and ${#patches[@]} patches, HEAD $(kgit rev-parse --short=12 HEAD)"
