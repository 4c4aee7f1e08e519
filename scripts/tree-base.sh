# shellcheck shell=bash disable=SC2034,SC2154  # sourced by tree.sh and export.sh
# The commit that the series stands on: a release's tarball, or the user's own
# tree (KSRC=), which is only ever read.
#
# KSRC is copied as it stands: of a git repository the tracked files with their
# uncommitted changes, of a plain directory all that the kernel's .gitignore does
# not take for a build product. When that changes, the next run lays it anew.
# Bases that were laid once are kept (refs/bases/), so going back is quick.

only=() # not all of the base, but these files

ksrc_version() { awk -F' *= *' -v k="$1" '$1 == k { print $2; exit }' "$KSRC/Makefile"; }
ksrc_git() { # reads only: no lock is taken, no index refreshed
	GIT_OPTIONAL_LOCKS=0 git -c safe.directory='*' -C "$KSRC" "$@"
}

# Sets base_key, which names the base's content, and base_version.
find_base() {
	base_version=$1
	if [ ! "$KSRC" ]; then
		base_key=$(grep " linux_$1\.orig" "$TOP/scripts/base.sha256") || base_key=$1 # base.sh will say
	else
		[ "$KSRC" != "$TREE" ] || die "KSRC is build/linux itself: leave KSRC away"
		[ -f "$KSRC/Makefile" ] || die "KSRC=$KSRC is no kernel tree"
		base_version=$(ksrc_version VERSION).$(ksrc_version PATCHLEVEL).$(ksrc_version SUBLEVEL)
		case $base_version in
		7.1.*) ;;
		*) die "KSRC=$KSRC is Linux $base_version: the series is for 7.1.y" ;;
		esac
		if [ -e "$KSRC/.git" ]; then
			base_key=$(ksrc_git rev-parse HEAD && ksrc_git diff --no-ext-diff --binary HEAD)
		else
			base_key=$(find "$KSRC" -printf '%P %s %T@ %m\n' | sort)
		fi
	fi
	base_key=$(sha256sum <<<"$base_key")
	base_key=${base_key%% *}
}

# Sets key, for this base with the series as the files have it, and sum, of those.
find_key() {
	sum=$(files_sum)
	key=$(sha256sum <<<"1 $base_key $sum")
	key=${key%% *}
}

# Make do with a base of only the files that the patches touch: enough to see
# whether they apply, and 90000 files fewer to unpack.
only_touched() {
	mapfile -t only < <(cd "$PATCHES" && sed -n 's,^diff --git a/\([^ ]*\) .*,\1,p' "${patches[@]}" | sort -u)
	[ ${#only[@]} != 0 ] || only=(Makefile)
	base_key=$(echo "$base_key ${only[*]}" | sha256sum)
	base_key=${base_key%% *}
}

# The base's files into directory $1.
fill_base() {
	local tarball members=()
	if [ ! "$KSRC" ]; then
		tarball=$("$TOP/scripts/base.sh" "$base_version")
		need xz:xz-utils
		step "unpacking Linux $base_version"
		[ ${#only[@]} = 0 ] || members=(--wildcards "${only[@]/#/*/}")
		XZ_OPT=-T0 run_logged unpack tar -xf "$tarball" -C "$1" --strip-components=1 --no-same-owner "${members[@]}"
	else
		step "copying Linux $base_version from $KSRC"
		run_logged unpack copy_ksrc "$1"
	fi
}
# List, keep what exists (tracked files may be deleted), and copy.
copy_ksrc() (
	set -o pipefail
	ksrc_files "$1" | (cd "$KSRC" && perl -0ne 'chomp; print "$_\0" if -e || -l' |
		tar -c --null --no-recursion -T -) | tar -x --no-same-owner -C "$1"
)
ksrc_files() {
	if [ -e "$KSRC/.git" ]; then
		ksrc_git ls-files -z --deduplicate
	else # an empty repository beside it, only to get .gitignore applied
		git init -q "$1.list" &&
			GIT_DIR=$1.list/.git GIT_WORK_TREE=$KSRC git -C "$KSRC" ls-files -o -z --exclude-standard &&
			rm -rf "$1.list"
	fi
}

commit_dated() { # DATE TREE MESSAGE PARENT...: the same input gives the same hash
	local date=$1 tree=$2 message=$3
	shift 3
	GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME \
		GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL kgit commit-tree "$tree" "$@" <<<"$message"
}

# The files in directory $1 as the base's commit; big files go straight into one
# pack, so call everything big.
commit_base() {
	[ ${#only[@]} != 0 ] || step "importing it into git (about a minute)"
	run_logged import kgit --work-tree="$1" -c core.bigFileThreshold=1 -c core.compression=1 add -A -f .
	base=$(GIT_AUTHOR_NAME='Linux kernel' GIT_AUTHOR_EMAIL=linux@localhost \
		commit_dated '2026-01-01T00:00:00Z' "$(kgit write-tree)" "Linux $base_version")
	kgit update-ref "refs/bases/$base_key" "$base"
}

# Sets base: the base's commit, in a build/linux that is there.
import_base() {
	local files=$BUILD/base.tmp.$$
	base=$(kgit rev-parse -q --verify "refs/bases/$base_key") && return 0
	rm -rf "$BUILD"/base.tmp.*
	at_exit "rm -rf '$files' '$files.list'"
	mkdir "$files"
	fill_base "$files"
	export GIT_INDEX_FILE=$TREE/.git/arena-base-index
	rm -f "$GIT_INDEX_FILE"
	commit_base "$files"
	rm -f "$GIT_INDEX_FILE"
	unset GIT_INDEX_FILE
	rm -rf "$files"
}

# The same where there is no build/linux yet: it appears whole.
first_tree() {
	local final=$TREE
	rm -rf "$BUILD"/linux.tmp.*
	TREE=$BUILD/linux.tmp.$$
	at_exit "rm -rf '$TREE' '$TREE.list'"
	mkdir "$TREE"
	fill_base "$TREE"
	git init -q --template= -b series "$TREE"
	kgit config core.untrackedCache true
	kgit config gc.auto 0
	mkdir -p "$TREE/.git/info"
	commit_base "$TREE"
	kgit update-ref HEAD "$base"
	kgit tag base "$base"
	write_state none "$base" none
	mv "$TREE" "$final"
	TREE=$final
}
