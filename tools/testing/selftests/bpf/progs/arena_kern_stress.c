// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that get in the way of those that use an arena: they run under its
 * lock and in NMI, share it, and pass bad pointers to a kfunc.
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

__u64 base;		/* of the arena in user space */
__u32 page_size;	/* of the kernel that it runs on */
__u32 nr_pages;
__u32 nr_victims;	/* pages at the start that nobody else touches, or allocates */
__u32 victims;		/* how many of them have been touched */
__u32 allowed;		/* and how many may be, before the reports have been read */
__u32 aim;		/* a page that is about to be allocated */
__u32 delay_ms;		/* how long to keep the lock, once */
__u32 nmis, perf_nmis, under_lock;
__u32 nolock_failures;	/* each may cost a report */

void *arena_ref;

static __always_inline void touch(__u32 page)
{
	bpf_test_arena_read((__arena void *)(base + (__u64)page * page_size), 0, 8);
}

/* A page that has never been touched, one anywhere, and one behind the aim */
static __always_inline bool disturb(void)
{
	__u32 nr, rest;

	arena_ref = &arena;
	if (victims >= allowed)
		return false;
	nr = __sync_fetch_and_add(&victims, 1);
	touch(nr);
	rest = nr_pages - nr_victims;
	if (rest)
		touch(nr_victims + nr * 2654435761U % rest);
	if (nr % 4 == 0 && aim)
		touch(aim + 1);
	return true;
}

/* Called with the lock of an arena held, except when that is created */
SEC("fentry/range_tree_clear")
int BPF_PROG(on_range_tree_clear)
{
	if (disturb())
		__sync_fetch_and_add(&under_lock, 1);
	if (delay_ms)
		bpf_test_arena_delay(__sync_lock_test_and_set(&delay_ms, 0));
	return 0;
}

SEC("fentry/bpf_test_arena_hook")
int BPF_PROG(on_hook, __u32 what, __u32 state)
{
	if (disturb() && (state & TEST_ARENA_IN_NMI))
		__sync_fetch_and_add(&nmis, 1);
	return 0;
}

SEC("perf_event")
int on_perf(void *ctx)
{
	if (disturb() && bpf_in_nmi())
		__sync_fetch_and_add(&perf_nmis, 1);
	return 0;
}

/* What a report is made of comes from there. */
SEC("fexit/kmalloc_nolock_noprof")
int BPF_PROG(on_kmalloc_nolock, size_t size, gfp_t flags, int node, void *ret)
{
	if (!ret)
		__sync_fetch_and_add(&nolock_failures, 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
