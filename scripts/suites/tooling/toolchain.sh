# shellcheck shell=bash disable=SC2154,SC2016,SC2164  # sourced by run-one.sh
# toolchain.sh and in-root.sh.

# A host too old, and a mmdebstrap that makes a small root and counts.
old_host() {
	project
	fake pahole <<<'echo v1.24'
	echo "echo file://$T/site" | fake apt-get
	mkdir -p "$T/site/dists/trixie" "$T/fakeroot/usr/bin"
	touch "$T/site/dists/trixie/InRelease" "$T/fakeroot/usr/bin/env"
	fake newuidmap </dev/null
	fake mmdebstrap <<-E
		echo called >>$T/calls
		[ ! -e $T/slow ] || { touch $T/under-way; sleep 60; }
		[ ! -e $T/broken ] || { echo 'E: broken' >&2; exit 1; }
		tar -C $T/fakeroot -c .
	E
}
calls() { wc -l <"$T/calls"; }

toolchain_root_once() {
	old_host
	run_ok "$P/scripts/toolchain.sh"
	[ -e "$P/build/root/usr/bin/env" ] || fail "a root"
	grep -q 'TOOLS=root' "$P/build/toolchain"
	run_ok "$P/scripts/toolchain.sh"
	same "$(calls)" 1
	sed -i 's/^packages=(gcc/packages=(newpackage gcc/' "$P/scripts/toolchain.sh"
	run_ok "$P/scripts/toolchain.sh"
	same "$(calls)" 2
	grep -q newpackage "$P/build/root/.made-of"
	same "$(cd "$P/build" && echo root*)" root
}
toolchain_fails() {
	old_host
	touch "$T/broken"
	run "$P/scripts/toolchain.sh"
	one_error 'toolchain failed .*toolchain.log'
	grep -q 'E: broken' "$T/err"
	same "$(cd "$P/build" && echo root*)" 'root*'
	rm "$T/broken"
	run_ok "$P/scripts/toolchain.sh"
}
toolchain_no_mirror() {
	old_host
	rm -r "$T/site"
	run "$P/scripts/toolchain.sh"
	one_error 'no network, or no configured apt mirror.*pahole'
}
toolchain_full_disk() {
	old_host
	head -c 600000 /dev/urandom >"$T/fakeroot/big"
	mkdir -p "$T/small"
	rm -r "$P/build"
	ln -s "$T/small" "$P/build"
	run in_small_disk "$T/small" 300k "$P/scripts/toolchain.sh"
	[ "$rc" != 77 ] || skip "$(cat "$T/out")"
	one_error 'disk full'
}
toolchain_interrupted() {
	local sig
	old_host
	touch "$T/slow"
	for sig in INT TERM; do
		rm -f "$T/under-way"
		start_until "$T/under-way" "$P/scripts/toolchain.sh"
		interrupt $sig
		same "$(cd "$P/build" && echo root*)" 'root*'
		[ ! -e "$P/build/toolchain" ] || fail "no note of a toolchain"
	done
	mkdir "$P/build/root.tmp.1" # as a kill -9 would leave
	rm "$T/slow"
	run_ok "$P/scripts/toolchain.sh"
	same "$(cd "$P/build" && echo root*)" root
}
toolchain_good_host() {
	local c
	project
	for c in g++ make bc bison flex qemu-system-x86_64 busybox cpio perl python3 rsync depmod xz \
		pkg-config xxd openssl sparse zstd file shellcheck gcc aarch64-linux-gnu-gcc \
		qemu-system-aarch64 busybox-arm64 gnuplot; do
		if [[ $c = *gcc || $c = python3 ]] || ! command -v "$c" >/dev/null; then fake "$c" <<<'exit 0'; fi
	done
	fake pahole <<<'echo v1.31'
	fake clang <<<'echo Debian clang version 21.1.0'
	fake mmdebstrap <<<'exit 1'
	run_ok "$P/scripts/toolchain.sh"
	grep -q 'TOOLS=host' "$P/build/toolchain"
	run "$P/scripts/in-root.sh" sh -c 'echo "$ARCH"; exit 7'
	same "$rc" 7
	[ ! -e "$P/build/root" ] || fail "no root"
}
in_root_passes_on() {
	local in=$REAL/scripts/in-root.sh
	cd "$REAL/scripts"
	run "$in" bash -c 'echo "$ARCH $PWD"; exit 9' in
	same "$rc" 9
	run_ok env ARCH=xyz "$in" bash -c 'echo "$ARCH $PWD $(cat)"'
	same "$(cat "$T/out")" "xyz $REAL/scripts "
	same "$(echo data | "$in" cat)" data
	same "$("$in" printf '%s|' 'a b' "c'd" '')" "a b|c'd||"
	same "$("$in" "$in" echo nested)" nested
	"$in" test -f "$REAL/Makefile" -a -d /proc/self -a -c /dev/null -a -d "$T"
	[ ! -e /dev/kvm ] || "$in" test -e /dev/kvm
	tiny_tree "$T/ksrc"
	KSRC=$T/ksrc "$in" test -f "$T/ksrc/Makefile"
}
in_root_signal() {
	start_until "$T/up" "$REAL/scripts/in-root.sh" sh -c "touch '$T/up'; exec sleep 61.5"
	interrupt TERM alone
	same "$rc" 143
	! pgrep -f 'sleep 61.5' || fail "the command to be gone"
}
in_root_tools() {
	"$REAL/scripts/in-root.sh" bash -ec '
		clang --version | grep -E "version (2[0-9])"
		pahole --version
		for c in gcc make bison flex ld.lld llvm-strip qemu-system-x86_64 shellcheck qemu-system-aarch64 busybox-arm64 gnuplot; do command -v $c; done
		for c in gcc aarch64-linux-gnu-gcc; do echo "#include <gelf.h>" | $c -E - >/dev/null; done'
}
in_root_user() {
	[ "$(id -u)" = 0 ] || skip "this whole run is an ordinary user's"
	local as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	"${as_user[@]}" unshare -Urm true 2>/dev/null || skip "no user namespaces for ordinary users here"
	P=$(mktemp -d /tmp/tooling.XXXXXX) # a place that an ordinary user can get at
	# shellcheck disable=SC2064  # now
	trap "rm -rf '$P'" EXIT
	cp -r "$REAL/scripts" "$P/"
	mkdir "$P/build"
	sed 's/UNSHARE=-m/UNSHARE=-Urm/' "$REAL/build/toolchain" >"$P/build/toolchain"
	[ ! -d "$REAL/build/root" ] || "${as_user[@]}" test -x "$REAL/build/root" || skip "$REAL is closed to ordinary users"
	[ ! -d "$REAL/build/root" ] || ln -s "$REAL/build/root" "$P/build/root"
	chmod -R a+rX "$P"
	chown -R 65534:65534 "$P/build"
	cd "$P"
	run_ok "${as_user[@]}" env HOME="$P" "$P/scripts/in-root.sh" sh -c 'touch build/mine && pahole --version'
	same "$(stat -c %u "$P/build/mine")" 65534
}
