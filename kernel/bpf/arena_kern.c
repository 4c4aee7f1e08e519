// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arena pages that belong to the kernel
 *
 * Kernel code that wants memory of its own in an arena, to put into it what BPF
 * programs and user space shall see, allocates it here. Such pages differ from
 * those of BPF programs in two ways:
 *
 * - The allocation really sleeps. All memory is there before the arena's lock is
 *   taken, so it fails only when memory is exhausted.
 * - They stay mapped until the kernel frees them or the map is destroyed. A
 *   bpf_arena_free_pages() that covers one leaves it alone. So the kernel can
 *   write to them with no BPF program on the stack, where a fault would not be
 *   recovered.
 *
 * Nothing protects their contents: programs and user space can change each byte
 * at each moment.
 */
#include <linux/bpf.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "arena.h"
#include "range_tree.h"

static bool fill_pages(struct page **pages, u32 page_cnt, int node_id)
{
	u32 i;

	for (i = 0; i < page_cnt; i++) {
		if (pages[i])
			continue;
		pages[i] = alloc_pages_node(node_id, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN,
					    0);
		if (!pages[i])
			return false;
		set_page_private(pages[i], ARENA_PAGE_KERN);
		cond_resched();
	}
	return true;
}

static void free_pages_array(struct page **pages, u32 page_cnt)
{
	u32 i;

	for (i = 0; i < page_cnt; i++) {
		if (!pages[i])
			continue;
		set_page_private(pages[i], 0);
		__free_page(pages[i]);
	}
	kvfree(pages);
}

/* What failed may be tried again; do what it takes for it to succeed. */
static bool alloc_should_retry(struct bpf_arena *arena, long err, bool fixed)
{
	struct range_node *rn;

	switch (err) {
	case -EBUSY:
		/* A page of the range has died, and will be gone around. */
		return !fixed;
	case -ENOMEM:
		/* The range tree needs a node, which cannot be had under the lock. */
		rn = range_tree_get_spare();
		if (!rn)
			return false;
		while (arena_put_spare(arena, rn))
			cond_resched();
		return true;
	case -EDEADLK:
	case -ETIMEDOUT:
		/* The lock is congested. */
		cond_resched();
		return true;
	default:
		return false;
	}
}

/**
 * bpf_arena_alloc_pages_sleepable - allocate kernel-owned pages in an arena
 * @map: the arena, a &struct bpf_map
 * @addr: page-aligned address as seen by user space, or NULL for any
 * @page_cnt: number of pages, not 0
 * @node_id: NUMA node to prefer, or NUMA_NO_NODE
 * @flags: must be 0
 *
 * For kernel callers. The pages are zeroed, consecutive, charged to the map's
 * memory cgroup, and kernel-owned: only bpf_arena_free_pages_sleepable() and the
 * destruction of the map unmap them. The caller holds a reference on @map for as
 * long as it uses them.
 *
 * The kernel address is bpf_arena_map_kern_vm_start(@map) plus the lower 32 bits
 * of what is returned.
 *
 * BPF programs and user space can write to the pages. Sizes, offsets and counts
 * on which kernel code relies must be kept elsewhere.
 *
 * Context: process context, may sleep and reclaim memory. No locks that reclaim
 * may need.
 * Return: the address as seen by user space; NULL if memory is exhausted, if
 * there is no free range of this size or @addr is not free, or if an argument is
 * invalid.
 */
void *bpf_arena_alloc_pages_sleepable(void *map, void *addr, u32 page_cnt, int node_id, u64 flags)
{
	struct mem_cgroup *new_memcg, *old_memcg;
	struct bpf_map *arena_map = map;
	struct bpf_arena *arena;
	struct page **pages;
	long ret = 0;

	might_sleep();

	if (arena_map->map_type != BPF_MAP_TYPE_ARENA || flags || !page_cnt ||
	    page_cnt > SZ_4G >> PAGE_SHIFT)
		return NULL;
	if (node_id != NUMA_NO_NODE &&
	    ((unsigned int)node_id >= nr_node_ids || !node_online(node_id)))
		return NULL;

	arena = arena_of_map(arena_map);
	bpf_map_memcg_enter(arena_map, &old_memcg, &new_memcg);
	pages = kvcalloc(page_cnt, sizeof(*pages), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pages)
		goto out;

	do {
		if (!fill_pages(pages, page_cnt, node_id)) {
			ret = 0;
			break;
		}
		ret = arena_map_kern_pages(arena, (long)addr, pages, page_cnt);
	} while (ret < 0 && alloc_should_retry(arena, ret, addr));

	if (ret > 0)
		kvfree(pages);
	else
		free_pages_array(pages, page_cnt);
out:
	bpf_map_memcg_exit(old_memcg, new_memcg);
	return ret > 0 ? (void *)ret : NULL;
}
EXPORT_SYMBOL_GPL(bpf_arena_alloc_pages_sleepable);

/**
 * bpf_arena_free_pages_sleepable - free kernel-owned pages of an arena
 * @map: the arena, a &struct bpf_map
 * @addr: address of the first page as seen by user space
 * @page_cnt: number of pages
 *
 * The counterpart of bpf_arena_alloc_pages_sleepable(); part of an allocation can
 * be freed. Pages in the range that are not kernel-owned are left alone. On
 * return the pages are mapped nowhere any more; a worker sees to that soon after
 * if the arena's lock could not be had.
 *
 * Context: process context, may sleep. Takes the mmap_lock of processes that have
 * mapped the arena.
 */
void bpf_arena_free_pages_sleepable(void *map, void *addr, u32 page_cnt)
{
	struct bpf_map *arena_map = map;

	might_sleep();

	if (arena_map->map_type != BPF_MAP_TYPE_ARENA || !page_cnt || !addr)
		return;
	arena_free_range(arena_of_map(arena_map), (long)addr, page_cnt, true, true);
}
EXPORT_SYMBOL_GPL(bpf_arena_free_pages_sleepable);
