#!/bin/busybox sh
# The second act of `make demo`, in the guest: scx_ladder schedules, and what its
# set_cmask() reads in its arena is held against what taskset asked for. $1 is the
# number of the last step before.
step=$1 scx=/sys/kernel/sched_ext log=/tmp/ladder.log

begin() { # WHAT EXPECTED
	step=$((step + 1))
	printf '\nStep %d: %s\n  expected: %s\n' "$step" "$1" "$2"
}
end() { # TRUE-OR-FALSE HAPPENED
	printf '  happened: %s\n  %s\n' "$2" "$("$1" && echo held || echo 'DID NOT HOLD')"
}
# Try a command for 30 s.
await() {
	for _ in $(seq 300); do
		"$@" && return
		usleep 100000
	done
	return 1
}
in_state() { [ "$(cat $scx/state)" = "$1" ]; }

begin "a scheduler in cid form, scx_ladder, takes the guest over" \
	"sched_ext is enabled by \"ladder\"; it knows the $(nproc) CPUs by cids, node by node"
/opt/sched_ext/scx_ladder -m >$log 2>&1 &
ladder=$!
await in_state enabled
await grep -q '^stats' $log
sed -n 's/^cid=\([0-9]*\) cpu=\([0-9]*\) .*node=\([0-9-]*\) .*/  | cid \1 is CPU \2, in the node of cids \3/p' $log
cids=$(grep -c '^cid=' $log)
ok=false
in_state enabled && [ "$cids" = "$(nproc)" ] && ok=true
end $ok "$(cat $scx/state) by \"$(cat $scx/root/ops)\", $cids cids"

# What a mask of CPUs, in hex as taskset has it, is as a word of cids.
to_cids() {
	word=0
	# shellcheck disable=SC2013  # words are meant
	for pair in $(sed -n 's/^cid=\([0-9]*\) cpu=\([0-9]*\) .*/\1:\2/p' $log); do
		[ $((0x$1 >> ${pair#*:} & 1)) = 0 ] || word=$((word | 1 << ${pair%:*}))
	done
	printf '%#x\n' $word
}
changes() { grep -c "^set_cmask pid=$task " $log; }
more_changes_than() { [ "$(changes)" -gt "$1" ]; }

begin "taskset changes a task's affinity, 10 times" \
	"set_cmask() is called each time, with the address of a cmask in the scheduler's
            arena; what BPF reads there is what taskset asked for, CPUs turned into cids"
while :; do :; done &
task=$!
same=0 n=0
echo '  | taskset     asks for cmask   BPF read   at arena address   which is CPUs'
for mask in 1 2 5 a c 3 7 e 9 f; do
	before=$(changes) wanted=$(to_cids "$mask")
	taskset -p "$mask" $task >/dev/null
	await more_changes_than "$before"
	line=$(grep "^set_cmask pid=$task " $log | tail -n1)
	read=$(echo "$line" | sed 's/.* words=\([^ ]*\) .*/\1/')
	n=$((n + 1))
	[ "$(changes)" = $((before + 1)) ] && [ "${read%%,*}" = "$wanted" ] && same=$((same + 1))
	printf '  | %-11s %-16s %-10s %-18s %s\n' "-p $mask" "$wanted" "${read%%,*}" \
		"$(echo "$line" | sed 's/.* addr=\([^ ]*\) .*/\1/')" "$(echo "$line" | sed 's/.* cpus=\([^ ]*\) .*/\1/')"
done
ok=false
[ "$same" = $n ] && ok=true
end $ok "$n changes, $same read as asked for"
kill -9 $task

begin "how often did BPF copy a mask out of kernel memory for that?" "never"
sleep 1
stats=$(grep '^stats' $log | tail -n1)
calls=$(echo "$stats" | sed 's/.* set_cmask=\([0-9]*\).*/\1/') copies=$(echo "$stats" | sed 's/.* copies=\([0-9]*\).*/\1/')
ok=false
[ "$copies" = 0 ] && [ "$calls" -ge $n ] && ok=true
end $ok "$calls calls of set_cmask() in the whole guest, $copies copies"

begin "the scheduler is told to go" "it is unregistered, with no error; sched_ext is disabled"
kill $ladder
wait $ladder
rc=$?
await in_state disabled
ok=false
[ $rc = 0 ] && in_state disabled && grep -q '^EXIT: unregistered from user space' $log && ok=true
end $ok "status $rc, \"$(grep '^EXIT' $log)\", sched_ext is $(cat $scx/state)"
