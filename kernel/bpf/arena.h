/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _BPF_ARENA_H
#define _BPF_ARENA_H

#include <linux/mm.h>

struct bpf_arena;
struct bpf_map;
struct range_node;

/*
 * page_private() of a kernel-owned arena page. The page allocator hands out
 * pages with zero there, and mm does not use it for pages of an arena, which are
 * on no LRU list and in no page cache.
 */
#define ARENA_PAGE_KERN		1UL

static inline bool arena_page_is_kern(struct page *page)
{
	return page_private(page) == ARENA_PAGE_KERN;
}

/* in arena.c, for arena_kern.c */
struct bpf_arena *arena_of_map(struct bpf_map *map);
long arena_map_kern_pages(struct bpf_arena *arena, long uaddr, struct page **pages, u32 page_cnt);
int arena_put_spare(struct bpf_arena *arena, struct range_node *rn);
void arena_free_range(struct bpf_arena *arena, long uaddr, long page_cnt, bool sleepable,
		      bool kern);

#endif /* _BPF_ARENA_H */
