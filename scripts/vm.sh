#!/usr/bin/env bash
# Boot a kernel with an initramfs in QEMU, run a shell script in it as root and
# exit as that script does:
#
#   vm.sh [options] 'SCRIPT'
#     -n NAME   names the logs: vm-KERNEL-NAME.console.log (kernel), ....out.log (job)
#     -k IMAGE  kernel image; that of ARCH and VARIANT if there is none
#     -i CPIO   unpacked in the guest's root after the base archive; may be repeated
#     -t SECS   time limit, 120         -m MEM  2G
#     -c CPUS   4, or all of QEMU's -smp: 8,sockets=2,cores=2,threads=2,maxcpus=12
#     -N NODES  NUMA nodes with equal shares of the memory; socket S is in node
#               S % NODES
#     -a ARGS   more kernel parameters  -v      show the job's output as it comes
#     -w REGEX  lines of the kernel's log that are no splat in this run
#     -x REGEX  the guest is expected to die of an oops: its log must have a line
#               that matches REGEX, and nothing else that is wrong
#     -S        schedulers are loaded: emulation that stands static branches (scripts/arch)
#     -I        count instructions: each takes 1 ns of the guest's clock (emulated only)
#     -s        no job: an interactive shell on this terminal
#
# Anything that the kernel complains about fails the run, whatever the job said.
# Exit status: the job's, or 90 splat, 91 out of time, 92 died without a report,
# 93 did not die though expected to.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/arch/$ARCH.sh"
: "${IMAGE:?} ${CONSOLE:?} ${QEMU:?} ${OOPS:?} ${OOPS_MORE:?} ${TCG_CMDLINE?} ${TCG_CPU:?} ${TCG_SCHED_EXT:?}"

name=guest image=$BUILD/out/$KERNEL/$IMAGE initrds=("$BUILD/guest/$ARCH/base.cpio")
limit=120 cpus=4 mem=2G nodes=0 append='' follow='' allow='' dies='' shell='' icount=() tcg=tcg
while getopts n:k:i:t:c:m:N:a:w:x:vsSI opt; do
	case $opt in
	n) name=$OPTARG ;; k) image=$OPTARG ;; i) initrds+=("$OPTARG") ;;
	t) limit=$OPTARG ;; c) cpus=$OPTARG ;; m) mem=$OPTARG ;;
	N) nodes=$OPTARG ;; a) append=$OPTARG ;; w) allow=$OPTARG ;;
	x) dies=$OPTARG ;; v) follow=1 ;; s) shell=1 ;; S) tcg=$TCG_SCHED_EXT ;;
	I) icount=(-icount 'shift=0,sleep=off') && export ACCEL=tcg ;;
	*) die "vm.sh: see the head of the script for its options" ;;
	esac
done
shift $((OPTIND - 1))
case $VARIANT in
kasan) mem=8G ;; # an arena has half a gigabyte of shadow
64k) mem=8G ;; # a batch of pages is a gigabyte
esac
limit=$((limit * SLOWNESS))
"$TOP/scripts/guest/base.sh"
for f in "$image" "${initrds[@]}"; do
	[ -f "$f" ] || die "no $f: run 'make demo', which makes all that a guest needs"
done

console=$LOGS/vm-$KERNEL-$name.console.log
out=$LOGS/vm-$KERNEL-$name.out.log
mkdir -p "$LOGS"
: >"$console"
: >"$out"
tmp=$(mktemp -d "$BUILD/tmp.vm.XXXXXX")
at_exit "rm -rf '$tmp'"

accel=$("$TOP/scripts/guest/accel.sh" "$image")
case $accel in
kvm) cpu=host ;;
*) cpu=$TCG_CPU accel=$tcg ;;
esac

# The kernel unpacks archives that follow one another, so that no job needs the
# big ones made anew.
{
	# base.sh in there is what makes the archive
	[ "$VARIANT" = base ] || [ ! -f "$TOP/scripts/guest/$VARIANT.sh" ] || cat "$TOP/scripts/guest/$VARIANT.sh"
	printf '%s\n' "${1-}"
} >"$tmp/job"
(cd "$tmp" && echo job | "$TOP/scripts/in-root.sh" cpio -o -H newc --quiet) >"$tmp/job.cpio"
cat "${initrds[@]}" "$tmp/job.cpio" >"$tmp/initrd"

# Watchdogs are patient since an emulated CPU waits for the host's to be free.
# Who wants KUnit's tests to run says kunit.enable=1; they would delay every boot.
cmdline="console=$CONSOLE oops=panic panic=-1 kunit.enable=0 watchdog_thresh=30"
[ "$accel" = kvm ] || cmdline+=" $TCG_CMDLINE"
cmdline+=" rcupdate.rcu_cpu_stall_timeout=90 hung_task_panic=0 $append"
qemu=("$QEMU" "${QEMU_MACHINE[@]}" -accel "$accel" -cpu "$cpu" -smp "$cpus" -m "$mem"
	"${icount[@]}" -nodefaults -no-user-config -display none -no-reboot
	-kernel "$image" -initrd "$tmp/initrd")
for ((i = 0; i < nodes; i++)); do
	qemu+=(-object "memory-backend-ram,id=node$i,size=$(($(numfmt --from=iec "$mem") / nodes))"
		-numa "node,nodeid=$i,memdev=node$i")
done
# shellcheck disable=SC2206  # meant to be split: further arguments for QEMU
qemu+=(${QEMU_ARGS-})

if [ "$shell" ]; then
	"$TOP/scripts/in-root.sh" "${qemu[@]}" -serial mon:stdio -append "$cmdline quiet guest.shell"
	exit
fi

if [ "$follow" ]; then
	tail -n +1 -f "$out" 2>/dev/null > >(sed -u '/^GUEST-EXIT: /d; s/\r$//') &
	tail_pid=$!
	at_exit "kill $tail_pid 2>/dev/null"
fi
# Two things end a guest under emulation that say nothing about what is tested. It
# then gets another try, and the log is kept:
# - on a busy host it sometimes hangs while its CPUs come up: the log has not grown
#   for 30 s, and init does not run yet;
# - "Oops: int3" although there is no breakpoint at that address, as the dump of the
#   code shows (the byte before the one in <>). The kernel patches its code by way of
#   breakpoints, and forgets one only when it has taken it out of memory and every CPU
#   has then answered an interrupt. So the emulator has run code that memory did not
#   have any more. Seen while booting and while static branches are switched, once in
#   some 60 guests, more often when the host is busy; why QEMU does it is not known.
booted() { grep -qa 'Run /init' "$console"; }
stale_breakpoint() {
	[ "$accel" != kvm ] && awk '/Oops: int3/ { oops = 1 }
		oops && /] Code: / { stale = !/ cc </; exit }
		END { exit !stale }' "$console"
}
kill_if_stuck() {
	local nap size=-1
	exec {nap}<> <(:) # a sleep would outlive us, with the locks and pipes we hold
	while [ "$(stat -c %s "$console")" != "$size" ]; do
		size=$(stat -c %s "$console")
		read -rt 30 -u "$nap" || true
		! booted || return
	done
	touch "$tmp/stuck"
	kill "$(cat "$tmp/pid")"
}
for try in 1 2 3; do
	rc=0 why=''
	rm -f "$tmp/stuck"
	kill_if_stuck >/dev/null 2>&1 &
	watch=$!
	at_exit "kill $watch 2>/dev/null"
	run_group "$TOP/scripts/in-root.sh" timeout -k 5 "$limit" "${qemu[@]}" -pidfile "$tmp/pid" \
		-serial "file:$console" -serial "file:$out" -append "$cmdline" >"$tmp/qemu" 2>&1 || rc=$?
	kill "$watch" 2>/dev/null || true
	if [ -e "$tmp/stuck" ]; then
		why='hung before user space'
	elif stale_breakpoint; then
		why='ran a breakpoint that is gone'
	fi
	[ "$why" ] || break
	cp "$console" "${console%.log}.try-$try.log"
	say "guest $name: $why, try $try of 3 (${console%.log}.try-$try.log)"
done
if [ "$follow" ]; then
	sleep 0.3 # let tail show the end
	kill "$tail_pid"
	wait "$tail_pid" || true
fi

status=$(sed -n 's/^GUEST-EXIT: \([0-9]*\).*/\1/p' "$out" | tail -1)
sed -i '/^GUEST-EXIT: /d' "$out"

# The base has data races that nobody minds. A report counts that has one of our functions.
ours() { awk -v ours="$(cat "$TOP/scripts/guest/kcsan.txt")" '!/KCSAN: / || $0 ~ ours'; }
splats() {
	grep -aE -f "$TOP/scripts/guest/splats.txt" "$console" | tr -d '\r' | ours |
		if [ "$1" ]; then grep -avE "$1"; else cat; fi
}
complain() {
	local code=$1
	shift
	printf 'guest %s: %s\n(kernel log: %s)\n' "$name" "$*" "$console" >&2
	exit "$code"
}

if [ "$why" ]; then
	complain 92 "three tries, and the last one $why"
elif [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
	splats "$allow" | head -5 >&2 || true
	complain 91 "the guest did not finish within $limit s (acceleration: $accel)"
elif [ "$rc" != 0 ]; then
	cat "$tmp/qemu" >&2
	complain 92 "QEMU failed with status $rc"
fi
if [ "$dies" ]; then
	[ -z "$status" ] || complain 93 "the guest was expected to die and finished with status $status"
	grep -qaE "$dies" "$console" || complain 92 "the guest died, but not of: $dies"
	# One oops is the one asked for; the panic is its consequence.
	bad=$(splats "$OOPS|$OOPS_MORE${allow:+|$allow}") || true
	[ "$(grep -acE "$OOPS" "$console")" = 1 ] || bad="more than one oops"$'\n'$bad
	[ -z "$bad" ] || complain 90 "besides the expected oops: $(head -5 <<<"$bad")"
	exit 0
fi
bad=$(splats "$allow") || true
[ -z "$bad" ] || complain 90 "the kernel complains: $(head -5 <<<"$bad")"
[ "$status" ] || complain 92 "the guest ended without a report"
exit "$status"
