/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

/*
 * One operation on the arena, chosen by user space: what the arena_kern_* tests
 * do is a sequence of them. Shared by BPF programs and tests.
 */
enum arena_kern_op_nr {
	/* kfuncs of bpf_test_arena.ko */
	AK_READ,
	AK_WRITE,
	AK_SUM_SCALE,
	AK_WALK,
	AK_MEMCPY,
	AK_MEMSET,
	AK_COUNT_NONZERO,
	AK_ATOMIC,
	AK_READ_IN,
	AK_NOFAULT,
	AK_TOUCH,
	AK_PFN,
	AK_COUNT_PFN,
	AK_KERN_BASE,
	AK_MAP_ID,
	AK_SET_CUR,
	AK_CALL_HOOK,
	/* loads and stores of the program itself */
	AK_PROG_READ,
	AK_PROG_WRITE,
	/* bpf_arena_*_pages() */
	AK_ALLOC,
	AK_FREE,
	AK_RESERVE,
	/* in sleepable programs only */
	AK_KALLOC,
	AK_KFREE,
	AK_WRITE_NOPROG,
	AK_HOLD,
	AK_SURVEY,
};

/* AK_SURVEY sums the numbers of pages up, times this. */
#define AK_SURVEY_MUL 0x9e3779b1U

struct arena_kern_args {
	__u32 op;
	__u32 size;	/* of an access, of a page, or from one to the next */
	__u64 ptr;	/* as user space sees it */
	__u64 src;
	__s64 off;	/* added in the kernel, may be beyond 4 GiB */
	__u64 val;
	__u32 cnt;	/* of pages or elements */
	__u32 how;	/* atomic op, section, NUMA node */
	__u64 ret;
};

#ifdef __BPF__
#include "../test_kmods/bpf_test_arena_kfunc.h"

/* Includers have an arena of that name. */

/*
 * Allocate single pages until there are none, and free them again. Returns how many
 * there were, in the upper 32 bits, and below a sum that tells which.
 */
static __always_inline __u64 arena_kern_survey(__u32 max, __u32 page_size)
{
	__u64 __arena *page, *prev, *last = NULL;
	__u32 i, cnt = 0, run = 0, sum = 0;

	bpf_for(i, 0, max) {
		page = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
		if (!page)
			break;
		/* each knows the one before */
		*page = (__u64)last;
		last = page;
		cnt++;
		sum += (__u32)(__u64)page / page_size * AK_SURVEY_MUL;
	}
	/* Mostly they come in ascending order: free what is adjacent at once. */
	bpf_for(i, 0, cnt) {
		prev = (__u64 __arena *)*last;
		run++;
		if (!prev || (__u64)last - (__u64)prev != page_size) {
			bpf_arena_free_pages(&arena, last, run);
			run = 0;
		}
		last = prev;
	}
	return (__u64)cnt << 32 | sum;
}

static __always_inline void arena_kern_op(struct arena_kern_args *a, bool sleepable)
{
	__arena void *ptr = (__arena void *)a->ptr, *src = (__arena void *)a->src;

	a->ret = 0;
	switch (a->op) {
	case AK_READ:
		a->ret = bpf_test_arena_read(ptr, a->off, a->size);
		return;
	case AK_WRITE:
		bpf_test_arena_write(ptr, a->off, a->size, a->val);
		return;
	case AK_SUM_SCALE:
		a->ret = bpf_test_arena_sum_scale(ptr, a->cnt, a->val);
		return;
	case AK_WALK:
		a->ret = bpf_test_arena_walk(ptr, a->cnt);
		return;
	case AK_MEMCPY:
		bpf_test_arena_memcpy(ptr, src, a->size);
		return;
	case AK_MEMSET:
		bpf_test_arena_memset(ptr, a->size, a->val);
		return;
	case AK_COUNT_NONZERO:
		a->ret = bpf_test_arena_count_nonzero(ptr, a->size);
		return;
	case AK_ATOMIC:
		a->ret = bpf_test_arena_atomic(ptr, a->how, a->val);
		return;
	case AK_READ_IN:
		a->ret = bpf_test_arena_read_in(ptr, a->how);
		return;
	case AK_NOFAULT:
		a->ret = bpf_test_arena_nofault(ptr, a->off);
		return;
	case AK_TOUCH:
		bpf_test_arena_touch(ptr, a->size, a->cnt);
		return;
	case AK_PFN:
		a->ret = bpf_test_arena_pfn(ptr);
		return;
	case AK_COUNT_PFN:
		a->ret = bpf_test_arena_count_pfn(ptr, a->cnt, a->val);
		return;
	case AK_KERN_BASE:
		a->ret = bpf_test_arena_kern_base();
		return;
	case AK_MAP_ID:
		a->ret = bpf_test_arena_map_id();
		return;
	case AK_SET_CUR:
		bpf_test_arena_set_cur(ptr);
		return;
	case AK_CALL_HOOK:
		a->ret = bpf_test_arena_call_hook(a->how);
		return;
	case AK_PROG_READ:
		a->ret = *(__u64 __arena *)ptr;
		return;
	case AK_PROG_WRITE:
		*(__u64 __arena *)ptr = a->val;
		return;
	case AK_ALLOC:
		a->ret = (__u64)bpf_arena_alloc_pages(&arena, ptr, a->cnt, NUMA_NO_NODE, 0);
		return;
	case AK_FREE:
		bpf_arena_free_pages(&arena, ptr, a->cnt);
		return;
	case AK_RESERVE:
		a->ret = bpf_arena_reserve_pages(&arena, ptr, a->cnt);
		return;
	}
	if (!sleepable)
		return;
	switch (a->op) {
	case AK_KALLOC:
		a->ret = (__u64)bpf_test_arena_kalloc(&arena, ptr, a->cnt, (int)a->how - 1);
		return;
	case AK_KFREE:
		bpf_test_arena_kfree(&arena, ptr, a->cnt);
		return;
	case AK_WRITE_NOPROG:
		a->ret = bpf_test_arena_write_noprog(ptr, a->val);
		return;
	case AK_HOLD:
		a->ret = bpf_test_arena_hold(ptr);
		return;
	case AK_SURVEY:
		a->ret = arena_kern_survey(a->cnt, a->size);
		return;
	}
}
#endif /* __BPF__ */
