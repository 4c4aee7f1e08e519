#!/usr/bin/env bash
# Run a command where the tools are (see toolchain.sh): on the host, or in
# build/root with TOP, KSRC, /dev, /proc, /sys and /tmp at their own places, the
# same working directory and environment. LLVM's programs are in PATH without a
# version suffix in both cases. The command replaces this script, so that its
# exit status and signals are its own.
set -euo pipefail
[ -z "${IN_ROOT-}" ] || exec "$@"

top=$(cd "$(dirname "$0")/.." && pwd -P) # no lib.sh here: this runs hundreds of times
# shellcheck disable=SC1091  # made by toolchain.sh
known() { [ -f "$top/build/toolchain" ] && . "$top/build/toolchain" &&
	{ [ "$TOOLS" = host ] || [ -f "$top/build/root/.made-of" ]; }; }
if ! known; then
	"$top/scripts/toolchain.sh"
	known
fi

if [ "$TOOLS" = host ]; then
	PATH=${LLVM_BIN:+$LLVM_BIN:}$PATH exec "$@"
fi

build=$(readlink -f "$top/build")
places=("$top" "$build")
[ -z "${KSRC-}" ] || places+=("$(readlink -f "$KSRC")")
places+=(/proc /sys /dev /tmp)
cwd=$top
for p in "${places[@]}"; do
	case $PWD/ in "$p"/*) cwd=$PWD ;; esac
done

# shellcheck disable=SC2016  # expanded in there
exec unshare "$UNSHARE" /bin/bash -ec '
	root=$1 cwd=$2 path=$3 n=$4
	shift 4
	for p in "${@:1:n}"; do
		case $p in /tmp/*) continue ;; esac # comes with /tmp
		[ -d "$root$p" ] || mkdir -p "$root$p"
		mount --rbind "$p" "$root$p"
	done
	shift "$n"
	PATH=$PATH:/usr/sbin:/sbin # where chroot is, and users do not look
	exec chroot "$root" /usr/bin/env -C "$cwd" IN_ROOT=1 PATH="$path" TMPDIR=/tmp LC_ALL=C.UTF-8 "$@"
' in-root "$build/root" "$cwd" \
	"$LLVM_BIN:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
	"${#places[@]}" "${places[@]}" "$@"
