# shellcheck shell=bash disable=SC2154,SC2034,SC2164  # sourced by run-one.sh, which sets T and REAL
# What the tests are made of: a project with a tiny base, and ways to look at what
# a command did.

skip() {
	echo "$*"
	exit 77
}
fail() {
	echo "expected: $*"
	[ ! -f "$T/err" ] || sed 's/^/err: /' "$T/err"
	exit 1
}

# A kernel tree in little, in directory $1.
tiny_tree() {
	mkdir -p "$1"/{kernel/bpf,include/linux,mm,Documentation/bpf}
	printf 'VERSION = 7\nPATCHLEVEL = 1\nSUBLEVEL = %s\nEXTRAVERSION =\n' "${2:-13}" >"$1/Makefile"
	seq -f '/* arena line %g */' 40 >"$1/kernel/bpf/arena.c"
	seq -f '/* core line %g */' 40 >"$1/kernel/bpf/core.c"
	echo 'obj-y += arena.o' >"$1/kernel/bpf/Makefile"
	printf '*.o\n.*\n!.gitignore\n' >"$1/.gitignore"
}

# The scratch project $P, its base in $T/mirror and in the cache.
project() {
	P=${1:-$T/p}
	mkdir -p "$P"
	cp -r "$REAL"/{Makefile,scripts,.gitignore} "$P/"
	[ -d "$T/mirror" ] || {
		tiny_tree "$T/tiny/linux-7.1"
		mkdir "$T/mirror"
		tar -C "$T/tiny" -cJf "$T/mirror/linux_7.1.13.orig.tar.xz" linux-7.1
	}
	(cd "$T/mirror" && sha256sum linux_7.1.13.orig.tar.xz) >"$P/scripts/base.sha256"
	mkdir -p "$P/build/cache" "$P/patches/v7.1"
	cp "$T/mirror/linux_7.1.13.orig.tar.xz" "$P/build/cache/"
	cache=$P/build/cache/linux_7.1.13.orig.tar.xz
	tree=$P/build/linux
}

# One more commit in build/linux, by a named author at a fixed time.
commit() {
	git -C "$tree" add -A
	GIT_AUTHOR_NAME='Zoë Author' GIT_AUTHOR_EMAIL=zoe@example.org GIT_AUTHOR_DATE='2026-02-03T04:05:06+0100' \
		git -C "$tree" -c user.name=c -c user.email=c@example.org commit -q -m "$1"
}

# A project with a series of three patches, laid and exported: hunks only, hunks
# with a new file, new files only (one of them executable).
series_project() {
	project "${1-}"
	"$P/scripts/tree.sh"
	sed -i 's/arena line 5 /arena line five /' "$tree/kernel/bpf/arena.c"
	commit $'bpf: spell five\n\nNumbers are words, and ä is a letter.\n\nSigned-off-by: Zoë Author <zoe@example.org>'
	echo 'int fault;' >"$tree/kernel/bpf/fault.c"
	echo 'obj-y += fault.o' >>"$tree/kernel/bpf/Makefile"
	commit $'bpf: add faults\n\nSigned-off-by: Zoë Author <zoe@example.org>'
	mkdir -p "$tree/tools/testing"
	printf '#!/bin/sh\necho hi\n' >"$tree/tools/testing/run.sh"
	chmod +x "$tree/tools/testing/run.sh"
	printf 'no newline at the end' >"$tree/tools/testing/data"
	commit 'selftests: new files only'
	"$P/scripts/export.sh"
	"$P/scripts/tree.sh"
	sed -i -e '1i # posting first' -e '3i # posting second' "$P/patches/v7.1/series"
	printf 'bpf: a cover\n\nThe letter: ü.\n' >"$P/patches/v7.1/cover-first.txt"
	printf 'bpf: another cover\n\nMore.\n' >"$P/patches/v7.1/cover-second.txt"
}
head_tree() { git -C "$tree" rev-parse 'HEAD^{tree}'; }
head_commit() { git -C "$tree" rev-parse HEAD; }

# run CMD...: its status in $rc, what it said in $T/out and $T/err.
run() {
	rc=0
	"$@" >"$T/out" 2>"$T/err" </dev/null || rc=$?
}
# The last command failed, and said why in exactly one line, which matches $1.
one_error() {
	[ "$rc" != 0 ] || fail "a failure: $1"
	[ "$(grep -c '^error: ' "$T/err")" = 1 ] || fail "one line 'error: ...$1'"
	grep -Eq "^error: .*$1" "$T/err" || fail "error: ...$1"
}
run_ok() {
	run "$@"
	[ "$rc" = 0 ] || fail "success of $*"
}
same() { [ "$1" = "$2" ] || fail "'$1' to be '$2'"; }

# fake NAME <SCRIPT: a program of that name; $T/fake comes first in PATH.
fake() {
	mkdir -p "$T/fake"
	{ echo '#!/bin/bash' && cat; } >"$T/fake/$1"
	chmod +x "$T/fake/$1"
}

# Start CMD as a terminal would, which ignores no signal even if we were started to;
# wait until FILE appears.
start_until() {
	local i file=$1
	shift
	set -m
	env --default-signal "$@" >"$T/out" 2>"$T/err" </dev/null &
	started=$!
	set +m
	for ((i = 0; i < 200; i++)); do
		[ ! -e "$file" ] || return 0
		sleep 0.1
	done
	fail "$file to appear"
}
# Signal $1 to all of what was started (as ^C does), or to it `alone`.
interrupt() {
	rc=0
	if [ "${2-}" = alone ]; then kill "-$1" "$started"; else kill "-$1" -- "-$started"; fi
	wait "$started" || rc=$?
	[ "$rc" != 0 ] || fail "the interrupted command not to succeed"
}
# In a mount namespace with $1 a file system of size $2.
in_small_disk() {
	local dir=$1 size=$2 how=-m
	shift 2
	unshare -m true 2>/dev/null || how=-Urm
	unshare "$how" true 2>/dev/null || skip "no mount namespaces here, so no small disk"
	# shellcheck disable=SC2016  # expanded in there
	unshare "$how" bash -ec 'mount -t tmpfs -o size="$2" small "$1"; shift 2; exec "$@"' small "$dir" "$size" "$@"
}
