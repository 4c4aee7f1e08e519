# shellcheck shell=bash disable=SC2154  # sourced by check.sh, which sets what is not set here
# The series, as mails, applies to the pristine releases with git am. Of those
# only the files that it touches are unpacked; more is not needed to see it.

releases=(7.1.13 7.1.8 7.1.3)

check_apply() {
	local v mails=$CHECKS/mails
	write_mails "$mails"
	for v in "${releases[@]}"; do
		if ! pristine "$v"; then
			if [ "$KSRC" ] && [ "$v" != "$KVER_BASE" ]; then
				skip "$v" "sources not here, and KSRC= says not to download"
			else
				not_ok "$v" "no sources to apply it to"
			fi
		elif ! try_logged "check-apply-$v" apply_mails "$CHECKS/apply/$v" "$mails"; then
			rejected "$CHECKS/apply/$v" "$mails" | show
			not_ok "$v" "git am fails, log: $LOGS/check-apply-$v.log"
		elif [ "$v" = "$KVER_BASE" ] && ! same_result "$CHECKS/apply/$v"; then
			not_ok "$v" "git am gives something else than the commits"
		else
			ok "$v"
		fi
	done
}

write_mails() {
	rm -rf "$1"
	mkdir -p "$1"
	kgit format-patch -q --no-renames --no-signature -o "$1" "$base..$tip"
}

# Files of release $1 that the series changes or removes, into check/apply/$1.
pristine() {
	local version=$1 dir=$CHECKS/apply/$1 files tarball
	mapfile -t files < <(kgit diff --name-only --no-renames --diff-filter=MDT "$base" "$tip")
	if [ "$version" = "$KVER_BASE" ] && { [ "$KSRC" ] || [ "${CHECK_TREE-}" ]; }; then
		rm -rf "$dir" # the user's own sources are the base
		mkdir -p "$dir"
		kgit archive "$base" -- "${files[@]}" | tar -x -C "$dir"
	elif [ "$KSRC" ] && [ ! -f "$BUILD/cache/linux_$version.orig.tar.xz" ]; then
		return 1
	else
		tarball=$("$TOP/scripts/base.sh" "$version") || return 1
		if [ "$(cat "$dir/.git/files" 2>/dev/null)" != "${files[*]}" ]; then
			step "unpacking ${#files[@]} files of $version"
			rm -rf "$dir"
			mkdir -p "$dir"
			# What is missing there, git am will complain about.
			tar -x -f "$tarball" -C "$dir" --strip-components=1 --no-wildcards-match-slash --wildcards \
				"${files[@]/#/*/}" 2>"$LOGS/check-apply-$version.log" || :
		fi
	fi
	git_in "$dir" init -q 2>/dev/null
	rm -rf "$dir/.git/rebase-apply"
	echo "${files[*]}" >"$dir/.git/files"
}

git_in() {
	local dir=$1
	shift
	GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git -c safe.directory='*' -c user.name=check \
		-c user.email=check@localhost -c gc.auto=0 -c core.autocrlf=false -C "$dir" "$@"
}

# From the first commit, which has the pristine files, every time.
apply_mails() {
	local dir=$1 mails=$2
	if ! git_in "$dir" rev-parse -q --verify pristine; then
		git_in "$dir" add -A
		git_in "$dir" commit -q -m pristine
		git_in "$dir" tag pristine
	fi
	git_in "$dir" reset -q --hard pristine
	git_in "$dir" clean -fdxq
	git_in "$dir" am --whitespace=error "$mails"/*.patch
}

# All hunks that do not fit, of all patches, and not only the first.
rejected() {
	local p
	git_in "$1" am --abort 2>/dev/null || :
	git_in "$1" reset -q --hard pristine
	for p in "$2"/*.patch; do
		git_in "$1" apply --reject "$p" 2>&1 |
			awk -v p="${p##*/}" '/^error: (.*: |patch failed)/ { at = $0; sub(/^error: (patch failed: )?/, "", at) }
				/^Rejected hunk/ { sub(/\.$/, ""); print p ": " $0 " (" at ")"; n++ }
				END { if (!n && at) print p ": " at }' || :
	done
}

same_result() {
	local f
	for f in "${touched[@]}"; do
		[ "$(git_in "$1" rev-parse "HEAD:$f")" = "$(kgit rev-parse "$tip:$f")" ] || return 1
	done
}
