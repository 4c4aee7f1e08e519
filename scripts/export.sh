#!/usr/bin/env bash
# The inverse of tree.sh: the commits base..HEAD of build/linux become overlay
# files (what they create) and patches/v7.1 (message, summary, and hunks for the
# files that the base has). The text depends on the commits alone.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/tree-lib.sh"
. "$TOP/scripts/tree-base.sh"

diff_options=(--no-renames --no-ext-diff --no-textconv --no-color --diff-algorithm=myers
	--src-prefix=a/ --dst-prefix=b/ --ignore-submodules=none)

subject_of() { kgit log -1 --no-decorate --format='commit %h "%s"' "$1"; }

check_commits() {
	[ -d "$TREE/.git" ] || die "there is no build/linux: run 'make tree' first"
	in_the_middle_of
	! is_dirty || die "build/linux has uncommitted changes: commit them (or git stash) and export again"
	kgit merge-base --is-ancestor base HEAD || die "HEAD of build/linux does not descend from its tag 'base'"
	[ -z "$(kgit rev-list --min-parents=2 base..HEAD)" ] || die "build/linux has merges: the series must be a straight line"
	path=$(kgit ls-files -o --exclude-standard | head -n1)
	[ ! "$path" ] || say "note: $path (and what else git status shows in build/linux) is not committed, so it is not exported"
}

# Every new file must come whole, in one patch; fills born[PATH]=commit.
check_new_files() {
	local c how path
	declare -gA born=()
	for c in $1; do
		while IFS=$'\t' read -r how path; do
			if [ "${born[$path]-}" ]; then
				die "$(subject_of "$c") changes $path, which $(subject_of "${born[$path]}") creates: fold it in (in build/linux: git commit --fixup ${born[$path]:0:12} for it, git rebase -i --autosquash base)"
			fi
			[ "${how##* }" = A ] || continue
			case $how in
			*' 100644 '* | *' 100755 '*) ;;
			*) die "$(subject_of "$c") creates $path, which is no regular file" ;;
			esac
			case " ${OVERLAY_DIRS[*]} " in
			*" ${path%%/*} "*) ;;
			*) die "$(subject_of "$c") creates $path, where no overlay file can be (see OVERLAY_DIRS in scripts/tree-lib.sh)" ;;
			esac
			! kgit cat-file -e "base:$path" 2>/dev/null || die "$(subject_of "$c") creates $path, which the base has and the series removed"
			born[$path]=$c
		done < <(kgit diff-tree -r --no-commit-id --no-renames "$c")
	done
}

# Commit $1 as a mail without the diffs of what it creates.
write_patch() {
	local message
	message=$(kgit cat-file commit "$1" | sed '1,/^$/d')
	[ -z "$(sed -n 2p <<<"$message")" ] || die "$(subject_of "$1") needs a blank line after the first line of its message"
	! grep -qE '^(---$|diff --git |Index: )' <<<"$message" || die "the message of $(subject_of "$1") has a line that begins a patch ('---' or 'diff')"
	echo "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001"
	kgit log -1 --no-mailmap --date=rfc --format='From: %an <%ae>%nDate: %ad' "$1"
	[ "$(wc -l <<<"$message")" != 1 ] || message+=$'\n'
	printf 'Subject: %s\n---\n' "$message"
	kgit diff-tree --no-commit-id "${diff_options[@]}" --stat=80,60 --summary "$1"
	echo
	kgit diff-tree --no-commit-id "${diff_options[@]}" -U3 --inter-hunk-context=0 --full-index --diff-filter=a "$1"
}

# Put $1 at $2 unless it says the same: mtimes tell make what is new.
put() {
	if ! cmp -s "$1" "$2" || [ "$(stat -c %A "$1")" != "$(stat -c %A "$2")" ]; then
		mkdir -p "$(dirname "$2")"
		mv -f "$1" "$2"
		changed=$((changed + 1))
	fi
}

# The names given as the series file. A line "# posting" stays in front of the first
# patch of the old posting that is still there, whatever its number is now.
write_series() {
	local posting name
	local -A there=() begins=() kept=()
	for name; do there[${name#*-}]=1; done
	while read -r posting name; do
		[ "$posting" != - ] || continue
		name=${name#*-}
		kept[$posting]=${kept[$posting]-}
		[ "${there[$name]-}" ] || continue
		[ ! "${kept[$posting]}" ] || continue
		kept[$posting]=1
		begins[$name]=$posting
	done < <(series_postings)
	for name; do
		posting=${begins[${name#*-}]-}
		[ ! "$posting" ] || echo "# posting $posting"
		unset "begins[${name#*-}]"
		echo "$name"
	done
	for posting in "${!kept[@]}"; do
		[ "${kept[$posting]}" ] || say "note: no patch of posting $posting is left, so it is dropped"
	done
}

lock tree
check_commits
commits=$(kgit rev-list --reverse base..HEAD)
check_new_files "$commits"

new=$BUILD/export.tmp.$$
rm -rf "$BUILD"/export.tmp.*
at_exit "rm -rf '$new'"
mkdir -p "$new/patches" "$new/overlay"
n=0
names=()
for c in $commits; do
	n=$((n + 1))
	name=$(kgit log -1 --format=%f "$c")
	name=$(printf '%04d-%s.patch' "$n" "${name:0:52}")
	write_patch "$c" >"$new/patches/$name"
	names+=("$name")
done
write_series "${names[@]}" >"$new/patches/series"
for path in "${!born[@]}"; do
	mkdir -p "$new/overlay/$(dirname "$path")"
	kgit cat-file blob "HEAD:$path" >"$new/overlay/$path"
	case $(kgit ls-tree HEAD "$path") in 100755*) chmod +x "$new/overlay/$path" ;; esac
done

# What was changed in these files since they were last in step would be lost.
if [ -z "${FORCE-}" ]; then
	read_state
	[ "$STATE_FILES" = "$(files_sum)" ] ||
		die "patches/v7.1 or the overlay changed since the last 'make tree', and export would overwrite that: run 'make tree' first, or save them and give FORCE=1"
fi
declare -A old=()
while read -r path; do old[$path]=1; done < <(claimed_files)
for path in "${!born[@]}"; do
	[ "${FORCE-}${old[$path]-}" ] || [ ! -e "$TOP/$path" ] || cmp -s "$new/overlay/$path" "$TOP/$path" ||
		die "export would overwrite $path, which no patch claims: save it and give FORCE=1"
done

# What the old series claimed and the new one does not is gone; a file that no
# patch ever claimed is somebody's work, and stays.
trap '' INT TERM HUP # short, and better done than half done
changed=0
mkdir -p "$PATCHES"
for path in "${!old[@]}"; do
	if [ ! "${born[$path]-}" ] && [ -f "$TOP/$path" ]; then
		rm -f "$TOP/$path"
		(cd "$TOP" && rmdir -p --ignore-fail-on-non-empty "$(dirname "$path")")
		changed=$((changed + 1))
	fi
done
for path in "${!born[@]}"; do put "$new/overlay/$path" "$TOP/$path"; done
for path in "$PATCHES"/[0-9]*.patch; do
	if [ -f "$path" ] && [ ! -f "$new/patches/${path##*/}" ]; then
		rm -f "$path"
		changed=$((changed + 1))
	fi
done
for path in "$new"/patches/*; do put "$path" "$PATCHES/${path##*/}"; done
find_base "$KVER_BASE"
find_key
# Only if that is the base these commits stand on: KSRC may have been another.
[ "$(kgit rev-parse -q --verify "refs/bases/$base_key")" = "$(kgit rev-parse base)" ] || key=other
write_state "exported-$key" "$(kgit rev-parse HEAD)" "$sum"
step "exported $n patches and ${#born[@]} new files ($changed files changed here)"
