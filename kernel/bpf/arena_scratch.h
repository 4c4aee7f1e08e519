/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _ARENA_SCRATCH_H
#define _ARENA_SCRATCH_H

#include <linux/bitmap.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct bpf_arena;
struct bpf_prog;
struct page;
struct range_tree;

/* Bytes of arena per bit of arena_scratch::chunks: what one page of PTEs maps with 4K pages */
#define ARENA_CHUNK_SHIFT	21
#define ARENA_NR_CHUNKS		(SZ_4G >> ARENA_CHUNK_SHIFT)

/**
 * struct arena_scratch - recovery of kernel faults on one arena
 * @page: what a kernel-side fault maps into an empty slot; NULL where the
 *	architecture has no ptep_try_set()
 * @start: kernel address of arena offset 0
 * @end: kernel address behind the upper half-guard; faults in [start, end)
 *	are recovered
 * @pending: whether any bit of @chunks may be set
 * @chunks: which parts of the arena have slots that were found filled while the
 *	range tree may count them as free
 * @dropped_len: length in bytes of the last report that found no room
 */
struct arena_scratch {
	struct page *page;
	unsigned long start;
	unsigned long end;
	bool pending;
	DECLARE_BITMAP(chunks, ARENA_NR_CHUNKS);
	int dropped_len;
};

int arena_scratch_init(struct arena_scratch *scratch, unsigned long start, unsigned long end,
		       int node);
void arena_scratch_destroy(struct arena_scratch *scratch);
void arena_scratch_mark(struct arena_scratch *scratch, unsigned long addr);

/* Whether there is anything for arena_scratch_absorb() to do */
static inline bool arena_scratch_pending(const struct arena_scratch *scratch)
{
	return READ_ONCE(scratch->pending);
}

int arena_scratch_absorb(struct arena_scratch *scratch, struct range_tree *rt,
			 u64 user_vm_start, u64 user_vm_end);
struct bpf_prog *arena_find_prog(unsigned long addr, unsigned long ip);
void arena_report(struct bpf_prog *prog, const char *what, unsigned long uaddr, unsigned long ip);

/* in arena.c */
struct arena_scratch *bpf_arena_scratch(struct bpf_arena *arena);

#endif /* _ARENA_SCRATCH_H */
