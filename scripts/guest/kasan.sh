# shellcheck shell=sh  # comes before the job in guests with VARIANT=kasan
# When the job is done, look for what it has leaked. kmemleak reports what it sees
# unreferenced in two scans, and vm.sh takes its line in the kernel's log for a
# failure. What was suspected before the job began is not the job's.
leaks=/sys/kernel/debug/kmemleak
echo clear >$leaks
look_for_leaks() {
	rc=$?
	sleep 6 # objects younger than 5 s are not looked at
	# it switches itself off when it is short of memory
	{ echo scan >$leaks && echo scan >$leaks; } || rc=1
	cat $leaks
	exit $rc
}
trap look_for_leaks EXIT
