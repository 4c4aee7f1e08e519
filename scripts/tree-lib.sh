# shellcheck shell=bash disable=SC2034  # sourced by tree.sh, export.sh and series.sh
# The two forms of the series: files in this repository (patches/v7.1 and the
# overlay), and commits in build/linux. This is what both directions share.

PATCHES=$TOP/patches/v7.1
# Where a new kernel file may be. Not scripts/: that name is taken here.
OVERLAY_DIRS=(arch block certs crypto Documentation drivers fs include init io_uring ipc kernel
	lib mm net rust samples security sound tools usr virt)

overlay_files() {
	local d dirs=()
	for d in "${OVERLAY_DIRS[@]}"; do [ ! -d "$TOP/$d" ] || dirs+=("$d"); done
	[ ${#dirs[@]} = 0 ] || (cd "$TOP" && find "${dirs[@]}" ! -type d ! -name '*~' \
		! -name '.*.sw?' ! -name '*.orig' ! -name '*.rej' | sort)
}

# Lines "create PATCH MODE PATH", "new PATCH PATH" (a new file's diff, which has
# no business here) of the patches named.
scan_patches() {
	[ $# = 0 ] || (cd "$PATCHES" && awk '
		FNR == 1 { part = "message" }
		part == "message" && $0 == "---" { part = "summary"; next }
		/^diff --git / { part = "diff"; path = $4; sub(/^b\//, "", path) }
		part == "summary" && /^ create mode / { mode = $3; sub(/^ create mode [0-9]* /, ""); print "create", FILENAME, mode, $0 }
		part == "diff" && /^new file mode / { print "new", FILENAME, path }' "$@")
}

series_names() { [ ! -f "$PATCHES/series" ] || sed 's/[[:space:]]*#.*//; /^$/d' "$PATCHES/series"; }

# Lines "POSTING PATCH", in order; a line "# posting NAME" of the series begins a
# posting, and - is what comes before the first.
series_postings() {
	[ ! -f "$PATCHES/series" ] || awk -v posting=- '
		/^# posting / { posting = $3 }
		{ sub(/[ \t]*#.*/, "") }
		/./ { print posting, $0 }' "$PATCHES/series"
}

# Reads the series into patches[] and creates[PATCH] (lines "MODE PATH"). Says
# what does not fit together: every overlay file belongs to one patch.
read_series() {
	local what p mode path
	local -A owner=()
	declare -ga patches=()
	declare -gA creates=()
	mapfile -t patches < <(series_names)
	for p in "${patches[@]}"; do
		[ -f "$PATCHES/$p" ] || die "patches/v7.1/series names $p, which is not there"
	done
	while read -r what p mode path; do
		[ "$what" = create ] || die "$p has the diff of a new file: $mode must be an overlay file instead"
		[ -z "${owner[$path]-}" ] || die "$path is claimed twice: by ${owner[$path]} and by $p"
		[ ! -L "$TOP/$path" ] || die "$path is a symbolic link: only regular files can be overlay files"
		[ -f "$TOP/$path" ] || die "$p claims $path, which is not there"
		if [ "$mode" != "$([ -x "$TOP/$path" ] && echo 100755 || echo 100644)" ]; then
			die "$p creates $path with mode $mode, but the file's x bit says otherwise"
		fi
		owner[$path]=$p
		creates[$p]+="$mode $path"$'\n'
	done < <(scan_patches "${patches[@]}")
	while read -r path; do
		[ "${owner[$path]-}" ] ||
			die "no patch claims $path: add ' create mode 100644 $path' to the summary of one in patches/v7.1"
	done < <(overlay_files)
}

claimed_files() {
	local names=()
	mapfile -t names < <(series_names)
	scan_patches "${names[@]}" 2>/dev/null | awk '$1 == "create" { sub(/^[^ ]* [^ ]* [^ ]* /, ""); print }'
}

# One hash for all of the series' files as they are.
files_sum() {
	{
		series_names | sed 's,^,patches/v7.1/,'
		claimed_files
	} | (cd "$TOP" && xargs -r -d '\n' sha256sum 2>/dev/null) | sha256sum | cut -d' ' -f1
}

# What build/linux was last in step with: KEY of base and files, HEAD, sum of the files.
read_state() {
	STATE_KEY='' STATE_HEAD='' STATE_FILES=''
	[ ! -f "$TREE/.git/arena-state" ] ||
		read -r STATE_KEY STATE_HEAD STATE_FILES <"$TREE/.git/arena-state"
}
write_state() { echo "$1 $2 $3" | write_atomically "$TREE/.git/arena-state"; }

in_the_middle_of() {
	local f
	for f in rebase-merge rebase-apply MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD; do
		[ ! -e "$TREE/.git/$f" ] || die "build/linux is in the middle of something ($f): finish or abort it there first"
	done
}
is_dirty() {
	local rc=0
	GIT_OPTIONAL_LOCKS=0 kgit diff --no-ext-diff --quiet HEAD || rc=$?
	[ "$rc" -le 1 ] || die "cannot read build/linux (git diff: status $rc)"
	[ "$rc" = 1 ]
}
