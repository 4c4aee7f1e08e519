#!/usr/bin/env bash
# See that there are tools which can build and run everything, and note in
# build/toolchain, for in-root.sh, where they are: on the host if all of them are
# there and new enough, else in build/root, a Debian root made here for it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/mirror.sh"

suite=trixie
packages=(gcc g++ make bc bison flex libelf-dev libssl-dev pahole clang-22 llvm-22 lld-22
	qemu-system-x86 busybox-static cpio git ca-certificates perl python3 rsync kmod xz-utils
	pkg-config xxd openssl sparse zstd file zlib1g-dev libzstd-dev libcap-dev libasan8
	shellcheck procps libc6-dev-i386 python3-git python3-ply python3-docutils
	gcc-aarch64-linux-gnu qemu-system-arm gnuplot-nox {libelf,zlib1g,libzstd,libcap}-dev:arm64)
commands=(gcc g++ make bc bison flex qemu-system-x86_64 busybox cpio git perl python3 rsync
	depmod xz pkg-config xxd openssl sparse zstd file shellcheck
	aarch64-linux-gnu-gcc qemu-system-aarch64 busybox-arm64 gnuplot)
headers=(gelf.h zlib.h zstd.h sys/capability.h) # for programs of every architecture
min_pahole=1.26 # older ones give kfuncs with implicit arguments a wrong prototype
min_clang=20    # what older ones make of arena programs does not verify

root=$BUILD/root
llvm_bin=

at_least() { printf '%s\n%s\n' "$2" "$1" | sort -VC; }

# What the host lacks, in words; nothing if it lacks nothing.
host_lacks() {
	local c v
	for c in "${commands[@]}"; do
		command -v "$c" >/dev/null || echo "no $c"
	done
	for c in "${headers[@]}" openssl/opensslv.h; do
		gcc -E -include "$c" - </dev/null >/dev/null 2>&1 || echo "no header $c"
	done
	for c in "${headers[@]}"; do
		aarch64-linux-gnu-gcc -E -include "$c" - </dev/null >/dev/null 2>&1 || echo "no header $c for arm64"
	done
	for c in git ply docutils; do # what the kernel's own checkers import
		python3 -c "import $c" 2>/dev/null || echo "no python3-$c"
	done
	v=$(pahole --version 2>/dev/null | tr -d v) || :
	at_least "${v:-0}" "$min_pahole" || echo "pahole ${v:-missing}, needed $min_pahole"
	[ "$clang" -ge "$min_clang" ] || echo "clang ${clang/#0/missing}, needed $min_clang"
}

clang_version() { "$1" --version 2>/dev/null | sed -n 's/.*clang version \([0-9]*\).*/\1/p'; }
find_clang() {
	local v
	clang=$(clang_version clang) || :
	clang=${clang:-0}
	[ "$clang" -lt "$min_clang" ] || return 0
	for v in 24 23 22 21 20; do
		if [ -x /usr/lib/llvm-$v/bin/clang ] && [ -x /usr/lib/llvm-$v/bin/ld.lld ]; then
			clang=$v llvm_bin=/usr/lib/llvm-$v/bin
			return 0
		fi
	done
}

# How to get a mount namespace: as root just so, as a user as the root of a user namespace.
find_unshare() {
	local how
	for how in -m -Urm; do
		if unshare "$how" true 2>/dev/null; then
			echo "$how"
			return 0
		fi
	done
	return 1
}

note() {
	printf 'TOOLS=%s UNSHARE=%s LLVM_BIN=%s\n' "$1" "$2" "$3" | write_atomically "$BUILD/toolchain"
}

make_root() {
	local tmp=$root.tmp.$$ mirror mode=unshare
	need curl mmdebstrap
	if [ "$(id -u)" = 0 ]; then mode=root; else need newuidmap:uidmap; fi
	use_apt_proxy
	mirror=$(mirror_with "dists/$suite/InRelease") ||
		die "cannot make $root: no network, or no configured apt mirror has Debian $suite; the other way is to install on the host: ${lacks[*]}"
	step "making the toolchain root (Debian $suite, 1.5 GB, about a minute)"
	at_exit "rm -rf '$tmp'"
	mkdir "$tmp"
	# No package puts it beside the host's.
	# shellcheck disable=SC2016  # expanded by mmdebstrap's shell
	local unpack_busybox='chroot "$1" sh -ec "
		cd /tmp && apt-get download busybox-static:arm64 && dpkg -x busybox-static_*_arm64.deb busybox
		install busybox/usr/bin/busybox /usr/local/bin/busybox-arm64
		rm -r busybox busybox-static_*_arm64.deb"'
	export TMPDIR=/var/tmp # on a disk: /tmp may be small, and build closed to mmdebstrap's users
	# Through tar, so that all of it belongs to whoever runs this, and nothing is
	# ever mounted in what a failed run has to remove.
	# shellcheck disable=SC2016  # expanded by the inner shell
	run_logged toolchain bash -c 'set -o pipefail
		out=$1; shift
		mmdebstrap "$@" | tar -x --no-same-owner --exclude="./dev/*" -C "$out"' \
		make-root "$tmp" --mode="$mode" --variant=minbase --architectures="$(dpkg --print-architecture),arm64" \
		--dpkgopt=force-unsafe-io --dpkgopt=path-exclude=/usr/share/{man,doc,locale,info}/\* \
		--include="$(IFS=, && echo "${packages[*]}")" --customize-hook="$unpack_busybox" "$suite" - "$mirror"
	echo "$stamp" >"$tmp/.made-of"
	[ ! -e "$root" ] || mv "$root" "$root.old.$$"
	mv "$tmp" "$root"
	rm -rf "$root".old.*
}

lock toolchain
find_clang
mapfile -t lacks < <(host_lacks)
if [ ${#lacks[@]} = 0 ]; then
	note host '' "$llvm_bin"
	exit 0
fi
how=$(find_unshare) ||
	die "the host's tools do not do ($(printf '%s; ' "${lacks[@]}")) and a root with better ones cannot be entered: allow user namespaces, or run as root with CAP_SYS_ADMIN (docker: --privileged), or install them"
stamp="$suite ${packages[*]}"
if [ "$(cat "$root/.made-of" 2>/dev/null)" != "$stamp" ]; then
	say "the host lacks ${#lacks[@]} of the tools: $(IFS=';' && echo "${lacks[*]}")"
	rm -rf "$root".tmp.* "$root".old.* # left by a run that was killed
	make_root
fi
note root "$how" /usr/lib/llvm-22/bin
