// SPDX-License-Identifier: GPL-2.0
/*
 * A fault under the arena's own lock: bpf_arena_alloc_pages() calls
 * range_tree_clear() under it, and a program on that function passes a bad pointer
 * of the same arena to a kfunc.
 */
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
	__uint(max_entries, 64); /* number of pages */
} arena SEC(".maps");

__u64 bad_ptr;		/* touched with the lock held, a page further each time */
__u32 page_size;
__u64 allocated;
__u64 allocating;	/* the task that is at it */
__u32 lock_held, touched;

SEC("fentry/range_tree_clear")
int BPF_PROG(on_range_tree_clear)
{
	__arena void *page;

	if (!allocating || bpf_get_current_pid_tgid() != allocating)
		return 0;
	/* That lock is not taken twice: to fail here is to be under it. */
	page = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
	if (page) {
		bpf_arena_free_pages(&arena, page, 1);
		return 0;
	}
	lock_held++;
	bpf_test_arena_read((__arena void *)(bad_ptr + touched * page_size), 0, 8);
	touched++;
	return 0;
}

SEC("raw_tp")
int allocate(void *ctx)
{
	allocating = bpf_get_current_pid_tgid();
	allocated = (__u64)bpf_arena_alloc_pages(&arena, NULL, 4, NUMA_NO_NODE, 0);
	allocating = 0;
	return 0;
}

char _license[] SEC("license") = "GPL";
