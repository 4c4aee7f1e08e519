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

/* Nobody can wait for ever for a CPU that is not preempted. */
#define MAX_NS	(20 * 1000000000ULL)

bool stop;
bool timed_out;
__u64 faults;
__u64 bad_reads;

SEC("freplace")
int extension(int x)
{
	__u64 __arena *nowhere = (__u64 __arena *)0xdeadbee8;
	void *dummy = &arena;
	__u64 start = bpf_ktime_get_ns();
	int i;

	asm volatile ("" : "+r"(dummy)); /* makes it the program's arena */

	bpf_for(i, 0, BPF_MAX_LOOPS) {
		if (READ_ONCE(stop))
			return 0;
		if (bpf_ktime_get_ns() - start > MAX_NS)
			break;
		if (READ_ONCE(*nowhere))
			bad_reads++;
		faults++;
	}
	timed_out = true;
	return 0;
}

char _license[] SEC("license") = "GPL";
