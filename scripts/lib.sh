# shellcheck shell=bash disable=SC2034  # variables are for whoever sources this
# Sourced first by every script of the project. It gives
#
#   TOP BUILD LOGS JOBS ARCH KSRC KVER_BASE   what the user chose, or the defaults
#   VARIANT KERNEL           which kernel for ARCH: '' is that of the series, base the
#                            unpatched one, others are in configs/; its name in build
#   step TEXT                say what begins, with the time since the run began
#   say TEXT                 one more line about it
#   die TEXT                 stop with one line: the cause, and what to do
#   run_logged NAME CMD...   run CMD, its output in build/logs/NAME.log
#   lock NAME                one run at a time in here; the next one waits
#   at_exit CMD              run CMD when this script ends, however it ends
#   need CMD[:PACKAGE]...    programs of the host; root gets missing ones installed
#   write_atomically FILE    standard input becomes FILE, whole or not at all
#   kgit ARGS...             git in KGIT_DIR, or TREE (build/linux)
#
# Progress goes to standard error, results to standard output.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
mkdir -p "$TOP/build/logs"
BUILD=$(cd "$TOP/build" && pwd -P) # may be a link to a bigger disk
LOGS=$BUILD/logs
JOBS=${JOBS:-$(nproc)}
ARCH=${ARCH:-x86_64}
KVER_BASE=7.1.13
VARIANT=${VARIANT-}
KERNEL=$ARCH${VARIANT:+-$VARIANT}
KSRC=${KSRC-}
RUN_STARTED=${RUN_STARTED:-$EPOCHSECONDS}
LOCKS_HELD=${LOCKS_HELD-}
PATH=$PATH:/usr/sbin:/sbin # an ordinary user's is without them
case $VARIANT in
kasan | kcsan) SLOWNESS=4 ;; # a factor for the time limits of guests
*) SLOWNESS=1 ;;
esac
export JOBS ARCH VARIANT KSRC RUN_STARTED LOCKS_HELD

# make's own variables (a job server, ARCH= and SUITE= once more) and those that
# git gives to hooks must not reach the kernel's make or another repository's git.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

say() { printf '%s\n' "$*" >&2; }
step() {
	local t=$((EPOCHSECONDS - RUN_STARTED))
	printf '[%2d:%02d] %s\n' $((t / 60)) $((t % 60)) "$*" >&2
}
die() {
	say "error: $*"
	exit 1
}

case $TOP in
*[[:space:]:]*) die "the path $TOP has a blank or a colon, with which the kernel's build cannot live: move it" ;;
esac
if [ "$KSRC" ]; then
	[ -d "$KSRC" ] || die "KSRC=$KSRC is no directory"
	KSRC=$(cd "$KSRC" && pwd -P)
fi

# --- ends and interrupts ------------------------------------------------------
AT_EXIT=()
CHILD= # process group that runs for this script
at_exit() { AT_EXIT+=("$*"); }
_end_child() {
	[ "$CHILD" ] || return 0
	local i
	kill -TERM -- "-$CHILD" 2>/dev/null || :
	wait "$CHILD" 2>/dev/null || :
	for ((i = 0; i < 100; i++)); do # what it started may still be cleaning up
		kill -0 -- "-$CHILD" 2>/dev/null || break
		sleep 0.2
	done
	kill -KILL -- "-$CHILD" 2>/dev/null || :
	CHILD=
}
_on_signal() {
	trap '' INT TERM HUP # nothing disturbs the cleaning up
	_end_child
	say "interrupted: $(basename "$0")"
	exit "$1"
}
_on_exit() {
	local rc=$? i
	trap '' INT TERM HUP
	_end_child
	for ((i = ${#AT_EXIT[@]} - 1; i >= 0; i--)); do
		eval "${AT_EXIT[i]}" || :
	done
	exit "$rc"
}
trap '_on_signal 130' INT
trap '_on_signal 143' TERM
trap '_on_signal 129' HUP
trap _on_exit EXIT

# Run a command in a process group of its own, so that a signal to this script
# is acted on at once and takes everything down that the command started.
run_group() {
	local rc=0
	set -m
	"$@" </dev/null &
	CHILD=$!
	set +m
	wait "$CHILD" || rc=$?
	CHILD=
	return "$rc"
}

# On a terminal: how long and the newest line of the log. Otherwise, a line a
# minute, so that nobody takes a long step for a dead one.
_ticker() {
	local began=$EPOCHSECONDS t nap
	exec {nap}<> <(:) # read -t on it sleeps without a process that outlives us
	while kill -0 $$ 2>/dev/null; do
		read -rt 1 -u "$nap" || :
		t=$((EPOCHSECONDS - began))
		if [ -t 2 ]; then
			printf '\r\033[K%7ds  %.60s' "$t" "$(last_line "$1")" >&2
		elif ((t > 0 && t % 60 == 0)); then
			say "        ... $t s, log: $1"
		fi
	done
}
last_line() { tail -c 400 "$1" | tr '\r' '\n' | awk 'NF { l = $0 } END { print l }'; }

# As run_logged, for a caller that has its own answer to a failure. Where CMD is a
# function, set -e does not hold in it: its steps are to be joined by &&.
try_logged() {
	local log=$LOGS/$1.log rc=0 ticker
	shift
	: >"$log" || die "cannot write $log: is the disk full?"
	_ticker "$log" &
	ticker=$!
	at_exit "kill $ticker 2>/dev/null" # for the interrupted run
	run_group "$@" >"$log" 2>&1 || rc=$?
	kill "$ticker" 2>/dev/null || :
	wait "$ticker" 2>/dev/null || :
	unset 'AT_EXIT[-1]'
	[ ! -t 2 ] || printf '\r\033[K' >&2
	return "$rc"
}

run_logged() {
	local rc=0 log=$LOGS/$1.log
	try_logged "$@" || rc=$?
	[ "$rc" != 0 ] || return 0
	# On a full disk the log may not have got to saying it.
	if grep -q 'No space left on device' "$log" || [ "$(df -Pk "$BUILD" | awk 'END { print $4 }')" -lt 1024 ]; then
		die "disk full: make room under $BUILD and run again (log: $log)"
	fi
	tail -n 15 "$log" | sed 's/^/    | /' >&2
	die "$1 failed (${2##*/}, status $rc), log: $log"
}

# --- two runs at once ---------------------------------------------------------
# Children inherit the lock; a script that the holder calls may ask for it again.
lock() {
	local file=$BUILD/locks/$1 fd
	case ":$LOCKS_HELD:" in *":$file:"*) return 0 ;; esac
	while :; do
		mkdir -p "$BUILD/locks"
		exec {fd}>>"$file"
		if ! flock -n "$fd"; then
			step "waiting for another run in $TOP to be done with '$1'"
			flock "$fd"
		fi
		# Whoever held it may have been 'make distclean', which removes the file.
		[ "$file" -ef "/proc/self/fd/$fd" ] && break
		exec {fd}>&-
	done
	LOCKS_HELD=$LOCKS_HELD:$file
}

write_atomically() {
	local tmp=$1.tmp.$$
	if ! { cat >"$tmp" && mv -f "$tmp" "$1"; }; then
		rm -f "$tmp"
		die "cannot write $1: is the disk full?"
	fi
}

# --- what the host has --------------------------------------------------------
need() {
	local c lacking=() packages=()
	for c; do
		command -v "${c%%:*}" >/dev/null || {
			lacking+=("${c%%:*}")
			packages+=("${c##*:}")
		}
	done
	[ ${#lacking[@]} != 0 ] || return 0
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "missing ${lacking[*]}: install ${packages[*]} (as root: apt-get install ${packages[*]})"
	fi
	lock apt
	step "installing ${packages[*]} (apt-get)"
	run_logged apt-install env DEBIAN_FRONTEND=noninteractive sh -c \
		'apt-get update && apt-get install -y --no-install-recommends "$@"' sh "${packages[@]}"
}

# --- the kernel tree ----------------------------------------------------------
# git in build/linux whatever the user's configuration, since what is written must
# not depend on who runs it. Housekeeping in the background would hold our locks;
# waiting for the disk would take longer than the rest, for what can be made anew.
TREE=$BUILD/linux
kgit() {
	GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git -c safe.directory='*' \
		-c gc.auto=0 -c maintenance.auto=false -c core.fsync=none -c core.quotePath=false \
		-C "${KGIT_DIR:-$TREE}" "$@"
}
