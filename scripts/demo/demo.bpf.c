// SPDX-License-Identifier: GPL-2.0
/* The BPF side of `make demo`: programs that hand arena pointers to a kfunc. */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_experimental.h"
#include "bpf_arena_common.h"
#include "bpf_test_arena_kfunc.h"
#include "demo.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEMO_PAGES);
} arena SEC(".maps");

/* Make an array in the arena and let the kernel work on it. */
SEC("syscall")
int share_array(struct demo_args *a)
{
	__u64 __arena *vals;
	__u64 i;

	vals = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
	if (!vals)
		return 1;
	for (i = 0; i < a->cnt && i < 512 && can_loop; i++)
		vals[i] = i + 1;
	a->ptr = (__u64)vals;
	a->ret = bpf_test_arena_sum_scale(vals, a->cnt, a->by);
	return 0;
}

/* The same with a pointer to a page that nobody allocated. */
SEC("syscall")
int share_bad_pointer(struct demo_args *a)
{
	__u64 __arena *vals = arena_base(&arena);

	vals += a->ptr / sizeof(*vals);
	a->ptr = (__u64)vals;
	a->ret = bpf_test_arena_sum_scale(vals, a->cnt, a->by);
	return 0;
}

/* Allocate a->cnt pages, at a->ptr or wherever there is room. */
SEC("syscall")
int allocate(struct demo_args *a)
{
	a->ret = (__u64)bpf_arena_alloc_pages(&arena, (void __arena *)a->ptr, a->cnt,
					      NUMA_NO_NODE, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
