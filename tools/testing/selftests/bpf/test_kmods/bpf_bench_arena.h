/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BPF_BENCH_ARENA_H
#define _BPF_BENCH_ARENA_H

/* Which CPU has which cid, in the bench of hand-overs */
enum bench_arena_mapping {
	BENCH_ARENA_IDENTITY,	/* cid = cpu */
	BENCH_ARENA_SIBLINGS,	/* CPUs i and i + n/2 have the cids 2i and 2i + 1 */
	BENCH_ARENA_NODES,	/* two nodes take turns */
	BENCH_ARENA_SHUFFLED,	/* no order: what no topology gives */
	BENCH_ARENA_NR_MAPPINGS,
};

/* What is handed over: the layout of struct scx_cmask of sched_ext */
struct bench_arena_cmask {
#ifdef __BPF__
	__u32 base;
	__u32 nr_cids;
	__u32 alloc_words;
	__u64 bits[];
#else
	u32 base;
	u32 nr_cids;
	u32 alloc_words;
	u64 bits[];
#endif
};

#endif /* _BPF_BENCH_ARENA_H */
