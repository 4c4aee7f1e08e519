#!/usr/bin/env bash
# Configure and build the kernel for ARCH: build/linux, laid first, into
# build/out/ARCH. With VARIANT=base it is the unpatched base, with VARIANT=NAME the
# first with configs/NAME.config on top; they go to build/out/ARCH-VARIANT.
#
# The configuration is allnoconfig and the fragments in scripts/configs, of which a
# later one overrides. A line of a fragment that the tree does not take is an error: a
# test that wants an option must not pass because the option went away.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ -f "$TOP/scripts/arch/$ARCH.sh" ] || die "ARCH=$ARCH: there is $(cd "$TOP/scripts/arch" && echo *.sh)"
. "$TOP/scripts/arch/$ARCH.sh"

tree=$BUILD/linux fragments=(base "$ARCH" series)
case $VARIANT in
'') ;;
base) tree=$BUILD/base fragments=(base "$ARCH") ;;
*)
	[ -f "$TOP/scripts/configs/$VARIANT.config" ] || die "VARIANT=$VARIANT: there is no scripts/configs/$VARIANT.config"
	fragments+=("$VARIANT")
	;;
esac
out=$BUILD/out/$KERNEL

lock tree
"$TOP/scripts/tree.sh"
if [ "$VARIANT" = base ]; then
	# Forced and pruned: build/base may have been removed by hand.
	kgit worktree prune
	if [ -e "$tree/Makefile" ]; then
		KGIT_DIR=$tree kgit checkout -q --detach base
	else
		rm -rf "$tree"
		run_logged base-tree kgit worktree add --quiet --force --detach "$tree" base
	fi
fi
"$TOP/scripts/toolchain.sh"

kmake() {
	"$TOP/scripts/in-root.sh" make -C "$tree" O="$out" -j"$JOBS" ARCH="$SRCARCH" \
		CROSS_COMPILE="${CROSS_COMPILE-}" PAHOLE="$TOP/scripts/pahole.sh" \
		KBUILD_BUILD_USER=arena KBUILD_BUILD_HOST=guest "$@"
}

mkdir -p "$out"
wanted=$out/fragments.config
for f in "${fragments[@]}"; do cat "$TOP/scripts/configs/$f.config"; done |
	awk '{ option = /^CONFIG_/ ? substr($1, 1, index($1, "=") - 1) : /^# CONFIG_.* is not set/ ? $2 : NR }
		!(option in line) { order[++n] = option }
		{ line[option] = $0 }
		END { for (i = 1; i <= n; i++) print line[order[i]] }' >"$wanted.new"
# shellcheck disable=SC2016  # expanded by the inner shell
# Kconfig files decide as much as the fragments do. make itself notices neither
# a fragment nor, without asking questions, a new option.
if [ ! -f "$out/.config" ] || ! cmp -s "$wanted.new" "$wanted" ||
	[ "$(cd "$tree" && KGIT_DIR=. kgit ls-files -z '*Kconfig*' |
		xargs -0 sh -c 'find "$@" -newer "$0" -print -quit' "$out/.config")" ]; then
	step "configuring the kernel ($KERNEL)"
	run_logged "config-$KERNEL" kmake -s KCONFIG_ALLCONFIG="$wanted.new" allnoconfig
	missing=$(grep -E '^(CONFIG_|# CONFIG_.* is not set)' "$wanted.new" | grep -vxF -f "$out/.config") || true
	[ -z "$missing" ] || die "the tree does not take: $missing (see scripts/configs, and the 'depends on' of these options)"
	mv "$wanted.new" "$wanted"
fi
rm -f "$wanted.new"

step "building the kernel ($KERNEL, $JOBS jobs)"
run_logged "kernel-$KERNEL" kmake "${IMAGE##*/}" modules
