// SPDX-License-Identifier: GPL-2.0
/* Programs with an arena of their own, in whose reach others' arenas are touched. */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_experimental.h"
#include "bpf_arena_common.h"
#include "../test_kmods/bpf_test_arena_kfunc.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4); /* number of pages */
} arena SEC(".maps");

__u32 watch, inner, calls;
void *arena_ref;

#define USE_ARENA() (arena_ref = &arena)

SEC("fentry/bpf_test_arena_hook")
int BPF_PROG(inner_other, __u32 what)
{
	USE_ARENA();
	if (what != watch)
		return 0;
	calls++;
	bpf_test_arena_touch_cur();
	return 0;
}

/* One more level: what is attached to the hook is nested in this program. */
SEC("fentry/bpf_test_arena_hook")
int BPF_PROG(middle_other, __u32 what)
{
	USE_ARENA();
	if (what != watch)
		return 0;
	calls++;
	bpf_test_arena_call_hook(inner);
	return 0;
}

/* Nobody whose arena it is: fatal */
SEC("syscall")
int touch_others(void *ctx)
{
	USE_ARENA();
	return bpf_test_arena_touch_cur();
}

char _license[] SEC("license") = "GPL";
