/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

/* What the programs of the arena_kern_bench test are told, and what they tell. */
struct arena_bench_args {
	__u64 ptr;	/* as user space sees it */
	__u32 cnt;	/* of pages or bits */
	__u32 stride;	/* from one page to the next that is touched, in bytes */
	__u32 rounds;
	__u32 how;	/* mapping, frames, memory */
	__u64 ns;
	__u64 free_ns;
	__u64 ret;
};

#ifdef __BPF__
/* Includers have an arena of that name. */

/* Each allocation is freed before the next one. */
static __always_inline void alloc_and_free(struct arena_bench_args *a)
{
	__u64 alloc_ns = 0, free_ns = 0, failed = 0, t0, t1, t2;
	void __arena *ptr;
	int i;

	bpf_for(i, 0, a->rounds) {
		t0 = bpf_ktime_get_ns();
		ptr = bpf_arena_alloc_pages(&arena, NULL, a->cnt, NUMA_NO_NODE, 0);
		t1 = bpf_ktime_get_ns();
		if (!ptr) {
			failed++;
			continue;
		}
		bpf_arena_free_pages(&arena, ptr, a->cnt);
		t2 = bpf_ktime_get_ns();
		alloc_ns += t1 - t0;
		free_ns += t2 - t1;
	}
	a->ns = alloc_ns;
	a->free_ns = free_ns;
	a->ret = failed;
}

/* What it takes to read the clock */
SEC("syscall")
int clock_cost(struct arena_bench_args *ctx)
{
	__u64 ns = 0, t0, t1;
	int i;

	bpf_for(i, 0, ctx->rounds) {
		t0 = bpf_ktime_get_ns();
		t1 = bpf_ktime_get_ns();
		ns += t1 - t0;
	}
	ctx->ns = ns;
	return 0;
}
#endif /* __BPF__ */
