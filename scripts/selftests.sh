#!/usr/bin/env bash
# Build what the suites run of tools/testing/selftests/bpf.
#
#   selftests.sh tools             libbpf, bpftool and vmlinux.h
#   selftests.sh progs             test_progs with the tests listed below
#   selftests.sh kmods [NAME.ko..] test modules, all by default
#   selftests.sh pack              programs and modules, in build/guest
#
# For the kernel that ARCH and VARIANT name. Variants other than the base have modules
# of their own, and the programs of the kernel without one, which have to be there.
#
# All ~970 programs of that directory take long and want options that the small
# config has not. So the tree's own Makefile runs in a mirror of its directory
# that leaves out the other tests; the tree itself is not written to.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/selftests/env.sh"

# Tests, as file names under prog_tests/. verifier.c stands for some 150 tests
# and is cut down to those that match VERIFIER_TESTS.
PROG_TESTS='*arena*.c *stream*.c *struct_ops*.c'
VERIFIER_TESTS='verifier_arena.*'

what=${1-progs}
[ $# = 0 ] || shift
mirror=$dest/tree

lock tree
"$TOP/scripts/selftests/mirror.sh" "$tree" "$mirror" "$VERIFIER_TESTS" "$PROG_TESTS"

# The LSKELS and EXTRA variables name what only tests outside the list need.
in_tree_make() {
	[ "$programs" = "$KERNEL" ] || die "selftests.sh $what: not with VARIANT=$VARIANT, see its head"
	"$TOP/scripts/in-root.sh" make -C "$bpf" -j"$JOBS" \
		ARCH="$SRCARCH" CROSS_COMPILE="${CROSS_COMPILE-}" OUTPUT="$bpf" \
		GENDIR="$kout/include/generated" BPF_GCC= \
		SKIP_LLVM=1 SKIP_LIBBFD=1 SKIP_CRYPTO=1 SKIP_DOCS=1 \
		LSKELS= LSKELS_EXTRA= LSKELS_SIGNED= LINKED_SKELS= TRUNNER_EXTRA_FILES= "$@"
}

# The header with the kernel's types. It is replaced only when it differs, and
# make is told of no other dependency on the kernel, so that a relinked vmlinux
# costs nothing here. With pahole 1.30 the arena kfuncs' prototypes lack the
# address space that bpf_arena_common.h gives them, and programs that include
# both do not compile.
vmlinux_h() {
	"$TOP/scripts/in-root.sh" "$bpftool" btf dump file "$kout/vmlinux" format c |
		sed -E '/^extern .*\<bpf_arena_(alloc|free|reserve)_pages\(/d' >"$dest/vmlinux.h.new"
	if cmp -s "$dest/vmlinux.h.new" "$dest/vmlinux.h"; then
		rm "$dest/vmlinux.h.new"
	else
		mv "$dest/vmlinux.h.new" "$dest/vmlinux.h"
	fi
	# make copies it by the time stamps; an interrupted run may have left another.
	cmp -s "$dest/vmlinux.h" "$bpf/tools/include/vmlinux.h" || rm -f "$bpf/tools/include/vmlinux.h"
}

# Without TRUNNER_TEST_OBJS make would first bring the tests' dependencies up to date.
tools() {
	run_logged "selftests-tools-$KERNEL" in_tree_make VMLINUX_BTF="$kout/vmlinux" TRUNNER_TEST_OBJS= \
		"$bpf/tools/build/libbpf/libbpf.a" "$bpftool"
}

# A libbpf before 1.6, such as trixie's, fails to find the kernel's types among a
# module's: the module then has a task_struct and a bpf_prog_aux of its own, and
# kfuncs with implicit arguments get garbage for them. So pahole is run with the
# libbpf of the tree.
pahole_with_own_libbpf() {
	write_atomically "$dest/pahole" <<-EOF
		#!/bin/sh
		LD_LIBRARY_PATH=$bpf/tools/build${CROSS_COMPILE:+/host}/libbpf exec $TOP/scripts/pahole.sh "\$@"
	EOF
	chmod +x "$dest/pahole"
}

pack() { # ARCHIVE FILE...
	local archive=$BUILD/guest/$KERNEL/$1.cpio f files=()
	shift
	for f; do files+=("$f=/opt/selftests/${f##*/}"); done
	"$TOP/scripts/guest/pack.sh" "$archive" "${files[@]}"
}

case $what in
tools)
	tools
	vmlinux_h
	;;
kmods)
	[ "$programs" != "$KERNEL" ] || tools
	pahole_with_own_libbpf
	mkdir -p "$kmods"
	run_logged "selftests-kmods-$KERNEL" \
		"$TOP/scripts/in-root.sh" make -C "$kout" -j"$JOBS" M="$bpf/test_kmods" MO="$kmods" \
		ARCH="$SRCARCH" CROSS_COMPILE="${CROSS_COMPILE-}" PAHOLE="$dest/pahole" ${1+MODULES="$*"} modules
	;;
progs)
	tools
	vmlinux_h
	# The Makefile knows of no header outside progs/ that a program includes.
	newest=$(cd "$bpf" && find . test_kmods -maxdepth 1 -name '*.h' -printf '%T@ %p\n' | sort -n | tail -n1)
	find "$bpf" -maxdepth 1 -name '*.bpf.o' ! -newer "$bpf/${newest#* }" -delete
	run_logged "selftests-progs-$KERNEL" in_tree_make \
		VMLINUX_BTF="$dest/vmlinux.h" VMLINUX_H="$dest/vmlinux.h" test_progs
	;;
pack)
	pack kmods "$kmods"/*.ko
	[ "$programs" != "$KERNEL" ] || pack selftests "$bpf"/test_progs "$bpf"/*.bpf.o
	;;
*)
	die "selftests.sh: tools, kmods, progs or pack, not $what"
	;;
esac
