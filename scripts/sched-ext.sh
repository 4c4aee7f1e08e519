#!/usr/bin/env bash
# Build what the tree has for sched_ext. libbpf's headers, bpftool and vmlinux.h
# are those of `selftests.sh tools`, which has to have run.
#
#   sched-ext.sh PART...
#     schedulers    tools/sched_ext
#     runner        tools/testing/selftests/sched_ext
#     pack          both as build/guest/ARCH/sched_ext.cpio
#
# The tree is not written to: both Makefiles can build elsewhere.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/selftests/env.sh"
out=$BUILD/sched_ext/$KERNEL

lock tree
[ -f "$dest/vmlinux.h" ] || die "no $dest/vmlinux.h: run 'scripts/selftests.sh tools' first"

# make in DIR of the tree, built in out/NAME. The rules in there know neither all
# headers that a program includes, nor to remake an object that has gone while what
# was made of it is there. So after a header has changed all is built again.
build() { # NAME DIR ARGS...
	local name=$1 dir=$tree/$2 to=$out/$1
	shift 2
	mkdir -p "$to"
	if [ ! -f "$to/headers" ] ||
		[ "$(find "$tree/tools/sched_ext" "$dir" "$bpftool" -name '*.h' -newer "$to/headers" -print -quit)" ]; then
		touch "$to/headers.new"
		rm -rf "$to/build/obj/sched_ext" "$to"/build/include/*skel.h
		mv "$to/headers.new" "$to/headers"
	fi
	run_logged "sched_ext-$name-$KERNEL" "$TOP/scripts/in-root.sh" make -C "$dir" -j"$JOBS" \
		ARCH="$SRCARCH" CROSS_COMPILE="${CROSS_COMPILE-}" \
		BPFTOOL="$bpftool" VMLINUX_BTF="$dest/vmlinux.h" VMLINUX_H="$dest/vmlinux.h" "$@"
}

for part; do
	case $part in
	schedulers) build schedulers tools/sched_ext O="$out/schedulers" ;;
	runner) build runner tools/testing/selftests/sched_ext OUTPUT="$out/runner" ;;
	pack)
		files=()
		for f in "$out"/schedulers/build/bin/scx_* "$out/runner/runner"; do
			files+=("$f=/opt/sched_ext/${f##*/}")
		done
		"$TOP/scripts/guest/pack.sh" "$BUILD/guest/$KERNEL/sched_ext.cpio" "${files[@]}"
		;;
	*) die "sched-ext.sh: schedulers, runner or pack, not $part" ;;
	esac
done
