# shellcheck shell=bash disable=SC2154  # sourced by check.sh, which sets what is not set here
# checkpatch --strict has nothing to say about any patch, other than what
# checkpatch.allow lists.

check_style() {
	local c n p out=$CHECKS/style left
	rm -rf "$out"
	mkdir -p "$out"
	go_to "$tip"
	for c in "${commits[@]}"; do
		n=${number[$c]}
		p=$out/$n.patch
		kgit format-patch -q -1 --no-renames --no-signature --stdout "$c" >"$p"
		try_logged check-style checkpatch "$p" || :
		# Its helpers' tracebacks would otherwise pass for a clean result.
		if grep -q . "$p.err" || ! grep -q '^total: ' "$p.out"; then
			head -n 4 "$p.err" | show
			not_ok "$n $(subject "$c")" "checkpatch did not work, see $p.err"
		elif left=$(not_allowed <"$p.out") && [ -z "$left" ]; then
			ok "$n $(subject "$c")"
		else
			show <<<"$left"
			not_ok "$n $(subject "$c")" "checkpatch --strict, all of it: $p.out"
		fi
	done
}

checkpatch() {
	cd "$TREE" || return
	"$TOP/scripts/in-root.sh" env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
		scripts/checkpatch.pl --strict --show-types --color=never "$1" >"$1.out" 2>"$1.err"
}

# Of checkpatch's reports (paragraphs "SEVERITY:TYPE: message", "#line: FILE:
# path:line:", code) those that the allow-list does not have.
not_allowed() {
	awk -v allow="$TOP/scripts/check/checkpatch.allow" '
		BEGIN {
			while ((getline line < allow) > 0)
				if (line !~ /^#|^$/) {
					split(line, f, / \| /)
					type[++n] = f[1]; file[n] = f[2]; code[n] = f[3]
				}
			RS = ""
		}
		!/^(ERROR|WARNING|CHECK):/ { next }
		{
			split($0, l, "\n"); split(l[1], t, ":"); path = "-"; text = ""
			for (i = 2; i in l && i <= 60; i++)
				if (l[i] ~ /^#[0-9]+: FILE: /) { split(l[i], t2, ": *"); path = t2[3] }
				else text = text l[i] "\n"
			for (i = 1; i <= n; i++)
				if (t[2] == type[i] && (file[i] == "*" || file[i] == path) && text ~ code[i]) next
			print $0
		}'
}
