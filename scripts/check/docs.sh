# shellcheck shell=bash disable=SC2154  # sourced by check.sh, which sets what is not set here
# What the series adds to kernel-doc comments and .rst files is well formed, and
# MAINTAINERS knows the new files.

check_docs() {
	go_to "$tip"
	rm -rf "$CHECKS/docs"
	mkdir -p "$CHECKS/docs/base"
	kgit diff -z --name-only --no-renames --diff-filter=M "$base" "$tip" |
		xargs -0 git -c safe.directory='*' -C "$TREE" archive "$base" -- | tar -x -C "$CHECKS/docs/base"
	kernel_doc
	rst
	maintainers
	file_references
}

# Messages of a checker (run in a tree, with paths in it) that are new, wherever
# their lines are: new_messages NAME FILES...; the checker is the function NAME.
new_messages() {
	local name=$1 out=$CHECKS/docs/$1 f here=() before=()
	shift
	for f; do
		here+=("$f")
		[ ! -f "$CHECKS/docs/base/$f" ] || before+=("$f")
	done
	(cd "$TREE" && "run_$name" "${here[@]}") >"$out.tip" 2>&1 || :
	: >"$out.base"
	[ ${#before[@]} = 0 ] || (cd "$CHECKS/docs/base" && "run_$name" "${before[@]}") >"$out.base" 2>&1 || :
	awk '{ key = $0; gsub(/:[0-9]+/, "", key) }
		FNR == NR { old[key]++; next }
		++seen[key] > old[key]' "$out.base" "$out.tip"
}
report() { # WHAT MESSAGES
	if [ "$2" ]; then
		show <<<"$2"
		not_ok "$1" "$(wc -l <<<"$2") new messages"
	else
		ok "$1"
	fi
}

run_kernel_doc() { "$TOP/scripts/in-root.sh" env PYTHONDONTWRITEBYTECODE=1 "$TREE/scripts/kernel-doc" -none -Wall "$@"; }
kernel_doc() {
	local files
	mapfile -t files < <(printf '%s\n' "${touched[@]}" | grep -v '^tools/' | grep '\.[ch]$')
	report "kernel-doc of ${#files[@]} files" "$(new_messages kernel_doc ${files[@]+"${files[@]}"})"
}

# docutils does not know what Sphinx and the kernel add to it.
run_rst() {
	local f
	for f; do
		"$TOP/scripts/in-root.sh" python3 -m docutils --writer=null --report=2 --halt=5 --syntax-highlight=none "$f"
	done 2>&1 | grep -E '\((INFO|WARNING|ERROR|SEVERE)/[0-9]\)|^Traceback|No module' |
		grep -vE 'Unknown directive type|Unknown interpreted text role|No role entry|No directive entry'
}
rst() {
	local files f d message
	mapfile -t files < <(printf '%s\n' "${touched[@]}" | grep '^Documentation/.*\.rst$')
	[ ${#files[@]} != 0 ] || return 0
	if ! "$TOP/scripts/in-root.sh" python3 -c 'import docutils' 2>/dev/null; then
		skip "reStructuredText" "no python3-docutils"
		return
	fi
	message=$(new_messages rst "${files[@]}")
	for f in "${files[@]}"; do
		! kgit cat-file -e "$base:$f" 2>/dev/null || continue
		d=${f%/*}
		kgit grep -qE "^[[:space:]]+(.*<)?/?(${d#Documentation/}/)?$(basename "$f" .rst)>?[[:space:]]*\$" "$tip" -- "$d/*.rst" "${d%/*}/index.rst" ||
			message+="${message:+$'\n'}$f: in no table of contents"
	done
	report "reStructuredText of ${#files[@]} files" "$message"
}

# Each F: and X: line that the series adds matches something, and each new file is
# matched by more than the catch-all.
maintainers() {
	local out=$CHECKS/docs message line
	kgit ls-files >"$out/files"
	message=$(
		kgit diff "$base" "$tip" -- MAINTAINERS | sed -n 's/^+[FX]:[[:space:]]*//p' | while read -r line; do
			grep -qEf <(path_regex <<<"$line") "$out/files" || echo "MAINTAINERS: no file matches $line"
		done
		sed -n 's/^F:[[:space:]]*//p' "$TREE/MAINTAINERS" | grep -vxE '\*|\*/' | path_regex >"$out/patterns"
		kgit diff --name-only --no-renames --diff-filter=A "$base" "$tip" >"$out/new"
		grep -vEf "$out/patterns" "$out/new" | sed 's/^/MAINTAINERS: no entry for the new file /'
	) || :
	report "MAINTAINERS" "$message"
}
# As scripts/get_maintainer.pl reads them: * and ? do not cross a slash, and what
# ends in a slash is all that is below.
path_regex() { sed 's/[].+()^$|{}\\]/\\&/g; s/\*/[^\/]*/g; s/?/[^\/]/g; s/^/^/; s/[^/]$/&$/'; }

# Paths that touched documentation mentions exist.
file_references() {
	local f path message=
	for f in "${touched[@]}"; do
		case $f in Documentation/*) ;; *) continue ;; esac
		for path in $(kgit diff "$base" "$tip" -- "$f" | sed -n 's/^+//p' |
			grep -oE '\b(Documentation|include|kernel|mm|arch|tools|net|lib)/[A-Za-z0-9_./-]+\.(rst|txt|h|c|S|yaml)\b' | sort -u); do
			kgit cat-file -e "$tip:$path" 2>/dev/null || message+="$f: no such file: $path"$'\n'
		done
	done
	report "paths in the documentation" "${message%$'\n'}"
}
