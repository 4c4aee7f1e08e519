#!/usr/bin/env bash
# Pack files into an initramfs archive, with the shared libraries they need.
#
#   guest/pack.sh OUT.cpio SOURCE=DESTINATION...
#
# SOURCE is a file, a directory or the name of a program on the path; what of it
# is ELF for the guest goes in without its debug information.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$TOP/scripts/arch/$ARCH.sh"

# The libraries to pack are those of the place where the programs were linked.
[ "${PACKING-}" ] || exec env PACKING=1 "$TOP/scripts/in-root.sh" "$TOP/scripts/guest/pack.sh" "$@"

out=$1
shift
mkdir -p "${out%/*}"
stage=$(mktemp -d "$BUILD/tmp.pack.XXXXXX")
at_exit "rm -rf '$stage'"

# libgcc_s is nobody's dependency: glibc opens it when a thread is cancelled.
copy_libs() {
	local file=$1 lib path
	for lib in $(LC_ALL=C readelf -dl "$file" 2>/dev/null |
		sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p; s/.*program interpreter: (.*)\]/\1\nlibgcc_s.so.1/p'); do
		path=$stage/lib/${lib##*/}
		case $lib in /*) path=$stage$lib ;; esac
		[ -e "$path" ] && continue
		mkdir -p "${path%/*}"
		cp -L "$("${CROSS_COMPILE-}gcc" -print-file-name="${lib##*/}")" "$path" ||
			die "$file needs $lib, and the compiler knows no such library"
		copy_libs "$path"
	done
}

for arg in "$@"; do
	src=${arg%%=*} dst=$stage${arg#*=}
	[ -e "$src" ] || src=$(command -v "$src") || die "nothing to pack as ${arg%%=*}"
	mkdir -p "${dst%/*}"
	cp -aLT "$src" "$dst"
done
while IFS= read -r -d '' file; do
	case $(head -c 4 "$file" | tr -d '\0') in
	$'\177ELF') ;;
	*) continue ;;
	esac
	# BPF objects keep everything: their BTF looks like debug information.
	case $file in
	*.bpf.o) continue ;;
	esac
	"${CROSS_COMPILE-}strip" --strip-debug "$file"
	copy_libs "$file"
done < <(find "$stage" -type f -print0)

(cd "$stage" && find . -mindepth 1 -print0 | LC_ALL=C sort -z |
	cpio -o -H newc -0 -R 0:0 --quiet) >"$out.tmp"
mv "$out.tmp" "$out"
