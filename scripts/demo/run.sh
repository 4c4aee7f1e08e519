#!/bin/busybox sh
# What `make demo` runs in the guest: both acts, and the line that sums them up.
cd /opt/demo || exit
echo
uname -a
insmod bpf_test_arena.ko || exit
{
	./demo || echo "Step 0: the programs of the first act ended with status $?"
	./affinity.sh 5
} 2>&1 | tee /tmp/demo.out
failed=$(awk '/^Step/ { step = $2 + 0; open[step] = 1 } /^  held$/ { delete open[step] }
	END { for (s = 0; s < 100; s++) if (s in open) printf " %d", s }' /tmp/demo.out)
steps=$(grep -c '^Step' /tmp/demo.out)
echo
if [ "$failed" ] || [ "$steps" != 9 ]; then
	echo "Demo: of 9 steps DID NOT HOLD:$failed"
	exit 1
fi
echo "Demo: all $steps steps held."
