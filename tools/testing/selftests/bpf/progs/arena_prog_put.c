// SPDX-License-Identifier: GPL-2.0
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"
#include "bpf_atomic.h"
#include "bpf_arena_common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* number of pages */
} arena SEC(".maps");

struct prog_array {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
};

struct prog_array atomic_progs SEC(".maps");
struct prog_array sleepable_progs SEC(".maps");

/*
 * Not a constant: emptying the slot of a direct tail call waits until the program
 * has returned.
 */
__u32 slot;

/* Nobody can wait for ever for a CPU that is not preempted. */
#define MAX_NS	(20 * 1000000000ULL)

bool stop;
__u64 faults;
__u64 bad_reads;

static __always_inline int fault_until_stopped(void)
{
	__u64 __arena *nowhere = (__u64 __arena *)0xdeadbee8;
	void *dummy = &arena;
	__u64 start = bpf_ktime_get_ns();
	int i;

	asm volatile ("" : "+r"(dummy)); /* makes it the program's arena */

	bpf_for(i, 0, BPF_MAX_LOOPS) {
		if (READ_ONCE(stop))
			return 42;
		if (bpf_ktime_get_ns() - start > MAX_NS)
			break;
		if (READ_ONCE(*nowhere))
			bad_reads++;
		faults++;
	}
	return 1;
}

SEC("raw_tp")
int atomic_callee(void *ctx)
{
	return fault_until_stopped();
}

static __noinline int faulting_sub(void)
{
	return fault_until_stopped();
}

SEC("raw_tp")
int sub_callee(void *ctx)
{
	return faulting_sub();
}

SEC("raw_tp")
int throwing_callee(void *ctx)
{
	__u64 start = bpf_ktime_get_ns();
	bool stopped = false;
	int i;

	bpf_for(i, 0, BPF_MAX_LOOPS) {
		stopped = READ_ONCE(stop);
		if (stopped || bpf_ktime_get_ns() - start > MAX_NS)
			break;
		/* Not a fault: what is looked up here is where to unwind to. */
		faults++;
		bpf_repeat(1000)
			barrier();
	}
	if (stopped)
		bpf_throw(42);
	return 1;
}

SEC("raw_tp")
int atomic_caller(void *ctx)
{
	bpf_tail_call(ctx, &atomic_progs, READ_ONCE(slot));
	return 2;
}

SEC("syscall")
int sleepable_callee(void *ctx)
{
	return fault_until_stopped();
}

SEC("syscall")
int sleepable_caller(void *ctx)
{
	bpf_tail_call(ctx, &sleepable_progs, READ_ONCE(slot));
	return 2;
}

/* What an extension replaces. */
__noinline int replaced_atomic(int x)
{
	asm volatile ("" : "+r"(x));
	return x;
}

__noinline int replaced_sleepable(int x)
{
	asm volatile ("" : "+r"(x));
	return x;
}

SEC("raw_tp")
int atomic_target(void *ctx)
{
	return 42 + replaced_atomic(3);
}

SEC("syscall")
int sleepable_target(void *ctx)
{
	return 42 + replaced_sleepable(3);
}

char _license[] SEC("license") = "GPL";
