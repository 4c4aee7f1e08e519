#!/usr/bin/env bash
# make shell: an interactive guest with the tools and tests in it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ -t 0 ] || die "make shell wants a terminal; 'scripts/vm.sh -v SCRIPT' runs a script in a guest"

"$TOP/scripts/suites/build.sh" selftests sched_ext
bpf=$BUILD/selftests/$ARCH/tree/tools/testing/selftests/bpf
cat >"$BUILD/guest/motd" <<-'EOT'

	Kernel with direct access to BPF arenas. In /opt/selftests:
	  ./test_progs -l                 lists the tests
	  ./test_progs -t arena_kern      runs those of kernel access to arenas
	  bpftool prog                    looks at programs, maps, BTF
	In /opt/sched_ext:
	  ./scx_ladder -m >/tmp/log &     loads a scheduler; kill %1 puts the kernel's back
	  ./runner -t cid_                runs the tests of schedulers in cid form
	Leave with 'exit', or kill the machine with ctrl-a x.

EOT
"$TOP/scripts/guest/pack.sh" "$BUILD/guest/$ARCH/shell.cpio" "$BUILD/guest/motd=/etc/motd" \
	"$bpf/tools/sbin/bpftool=/bin/bpftool"
step "booting"
exec "$TOP/scripts/vm.sh" -s -S -n shell -m 4G -i "$BUILD/guest/$ARCH/selftests.cpio" \
	-i "$BUILD/guest/$KERNEL/kmods.cpio" \
	-i "$BUILD/guest/$ARCH/sched_ext.cpio" -i "$BUILD/guest/$ARCH/shell.cpio"
