#!/usr/bin/env bash
# Lay a mirror of a kernel tree in which tools/testing/selftests/bpf is a real
# directory with some of its tests, and everything else links to the tree.
#
#   selftests/mirror.sh TREE MIRROR VERIFIER_TESTS 'PROG_TESTS'
#
# Files keep their times, and those that are equal are not touched, so that make
# rebuilds what changed in the tree and nothing else.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

tree=$1 mirror=$2 verifier=$3
read -ra patterns <<<"$4"
src=$tree/tools/testing/selftests/bpf
dst=$mirror/tools/testing/selftests/bpf

# A checkout that was moved has links and dependencies on where it was.
[ "$(readlink "$mirror/Makefile")" = "$tree/Makefile" ] || rm -rf "$mirror"

link_children() { # FROM TO EXCEPT
	local entry
	mkdir -p "$2"
	for entry in "$1"/*; do
		[ "${entry##*/}" = "$3" ] || [ -L "$2/${entry##*/}" ] || ln -s "$entry" "$2/"
	done
}
link_children "$tree" "$mirror" tools
link_children "$tree/tools" "$mirror/tools" testing
link_children "$tree/tools/testing" "$mirror/tools/testing" selftests
link_children "$tree/tools/testing/selftests" "$mirror/tools/testing/selftests" bpf
mkdir -p "$dst"/{prog_tests,progs,test_kmods,map_tests,verifier}

list=$(mktemp -d "$BUILD/tmp.mirror.XXXXXX")
at_exit "rm -rf '$list'"
cd "$src"

# The tests. What is kept of verifier.c is its head and one-line tests.
for pattern in "${patterns[@]}"; do
	compgen -G "prog_tests/$pattern" || die "no test matches $pattern in $src"
done >"$list/files"
{
	sed -n '1,/^#define RUN/p' prog_tests/verifier.c |
		sed -E "/\.skel\.h\"/{/\"$verifier\.skel/!d}"
	grep -E "^void test_$verifier\(void\) *\{ RUN" prog_tests/verifier.c
} >"$list/verifier.c"

# The programs that their skeletons are made of or that they open, and what
# those include.
mapfile -t tests <"$list/files"
wanted=$(grep -ohE '[A-Za-z0-9_]+\.(l?skel\.h|subskel\.h|bpf\.o)"' "${tests[@]}" "$list/verifier.c")
while [ "$wanted" ]; do
	wanted=$(sed -E 's/\..*//; s/$/.c/' <<<"$wanted" | sort -u)
	next=''
	for prog in $wanted; do
		[ -f "progs/$prog" ] || continue
		grep -qxF "progs/$prog" "$list/files" && continue
		echo "progs/$prog" >>"$list/files"
		next+=$(sed -nE 's/^#include "([A-Za-z0-9_]+\.c)"/\1/p' "progs/$prog")$'\n'
	done
	wanted=$(sed '/^$/d' <<<"$next")
done

# The runner, its headers and the modules: all.
find_rest() {
	find . -maxdepth 1 ! -type d ! -name '.*' -printf '%P\n'
	find prog_tests progs test_kmods -name '*.h' ! -name tests.h
	find test_kmods gnu \( -name '*.c' -o -name Makefile -o -path 'gnu/*' \) ! -type d
}
find_rest >>"$list/files"

cd "$dst"
find prog_tests progs test_kmods -name '*.[ch]' ! -name '*.mod.c' ! -name tests.h |
	grep -vxF -f "$list/files" -e prog_tests/verifier.c >"$list/stale" || true
if [ -s "$list/stale" ]; then
	xargs rm -f prog_tests/tests.h <"$list/stale" # tests.h lists the tests
fi
"$TOP/scripts/in-root.sh" rsync -rLp --checksum --files-from="$list/files" "$src/" "$dst/"
cmp -s "$list/verifier.c" prog_tests/verifier.c || cp "$list/verifier.c" prog_tests/verifier.c
