# shellcheck shell=bash disable=SC2034  # sourced by check.sh
# The tree that is checked: a clone of build/linux, so that walking through the
# commits disturbs neither what is being edited there nor the kernel build.

CHECKS=$BUILD/check
. "$TOP/scripts/tree-lib.sh"
SOURCE=${CHECK_TREE:-$TREE} # whatever repository has the series as base..HEAD
TREE=$CHECKS/linux          # where kgit works from here on

# Sets base, tip, commits (oldest first), touched (paths, without what is gone).
get_tree() {
	local g
	[ "${CHECK_TREE-}" ] || "$TOP/scripts/tree.sh"
	mkdir -p "$CHECKS"
	rm -f "$TREE/.git/index.lock" # of an interrupted run: we hold the lock
	if ! [ -d "$TREE/.git" ] || ! fetch_series; then
		step "cloning the tree for the checks"
		rm -rf "$TREE"
		git -c safe.directory='*' clone -q --no-checkout "$SOURCE" "$TREE" >"$LOGS/check-tree.log" 2>&1 ||
			die "cannot clone $SOURCE, log: $LOGS/check-tree.log"
		fetch_series || die "cannot get tag base and HEAD from $SOURCE, log: $LOGS/check-tree.log"
	fi
	base=$(kgit rev-parse refs/check/base)
	tip=$(kgit rev-parse refs/check/tip)
	g=$(kgit merge-base "$base" "$tip") || :
	[ "$g" = "$base" ] || die "HEAD of $SOURCE does not descend from its tag 'base'"
	mapfile -t commits < <(kgit rev-list --reverse "$base..$tip")
	[ ${#commits[@]} != 0 ] || die "$SOURCE has no commits after its tag 'base': nothing to check"
	mapfile -t touched < <(kgit diff --name-only --no-renames --diff-filter=d "$base" "$tip")
	step "checking ${#commits[@]} patches, HEAD $(kgit log -1 --format='%h ("%s")' "$tip")"
}
fetch_series() {
	kgit fetch -q --no-tags "$SOURCE" +HEAD:refs/check/tip '+refs/tags/base^{}:refs/check/base' >"$LOGS/check-tree.log" 2>&1 ||
		kgit fetch -q --no-tags "$SOURCE" +HEAD:refs/check/tip +refs/tags/base:refs/check/base >"$LOGS/check-tree.log" 2>&1
}

go_to() {
	kgit checkout -q -f --detach "$1" -- 2>"$LOGS/check-tree.log" ||
		die "cannot check out $1 in $TREE, log: $LOGS/check-tree.log; is the disk full? else remove $TREE"
}
subject() { kgit log -1 --format=%s "$1"; }
# NN of a commit in the series, as in its patch's name
declare -A number=()
number_commits() {
	local c n=0
	for c in "${commits[@]}"; do
		n=$((n + 1))
		number[$c]=$(printf %04d "$n")
	done
}

# The objects of commit $1 that are made of C files which the series touches,
# as far as they are part of a kernel for the kernel architecture $2. A file that
# another one includes, as kernel/sched/ does, has its object there.
objects_of() {
	local f by
	for f in "${touched[@]}"; do
		case $f in
		arch/"$2"/*.c) ;;
		arch/* | tools/* | samples/* | scripts/* | Documentation/*) continue ;;
		*.c) ;;
		*) continue ;;
		esac
		kgit cat-file -e "$1:$f" 2>/dev/null || continue
		by=$(kgit grep -lE "^#[[:space:]]*include[[:space:]]+\"${f##*/}\"" "$1" -- "${f%/*}/*.c" | head -n1) || :
		by=${by#*:}
		f=${by:-$f}
		echo "${f%.c}.o"
	done | sort -u
}
# Some more that see the headers.
header_users=(mm/memory.o mm/vmalloc.o kernel/bpf/core.o kernel/bpf/syscall.o)

# Away from the tip and back, without make taking all for out of date: what was
# built of the tip stays good, as long as nothing of it is made while away that
# is not made again. A mark says that an interrupted run has not come back.
leave_tip() {
	[ ! -e "$CHECKS/away" ] || return 0
	go_to "$tip"
	(cd "$TREE" && printf '%s\n' "${touched[@]}" | xargs -d'\n' stat -c '%y %n') | write_atomically "$CHECKS/away"
}
arrive_at_tip() {
	local day time zone f
	[ -e "$CHECKS/away" ] || return 0
	go_to "$tip"
	while read -r day time zone f; do
		touch -d "$day $time $zone" "$TREE/$f"
	done <"$CHECKS/away"
	rm "$CHECKS/away"
}
# An interrupted run may have compiled anything of what was not the tip.
forget_interrupted() {
	[ -e "$CHECKS/away" ] || return 0
	go_to "$tip"
	(cd "$TREE" && { printf '%s\n' "${touched[@]}"; cut -d' ' -f4- "$CHECKS/away"; } |
		sort -u | xargs -d'\n' touch -c)
	rm "$CHECKS/away"
}
