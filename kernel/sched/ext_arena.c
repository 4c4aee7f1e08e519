// SPDX-License-Identifier: GPL-2.0
/*
 * BPF extensible scheduler class: the arena of a scheduler in cid form
 *
 * The kernel hands structs to such a scheduler by writing them into the arena
 * that its programs use. They are in kernel-owned pages: BPF can't unmap these,
 * so the kernel may write to them at any time, with any lock held and with no
 * BPF program on the stack, and doesn't fault. BPF and user space can write to
 * them at any time too. What the kernel needs to know about a struct there, above
 * all its size, it keeps in memory of its own. See
 * Documentation/bpf/arena_kernel_access.rst.
 *
 * The pages are cut up by a genalloc pool. It is here and not beside the arena
 * because the pool's life is the scheduler's, which the arena may well outlive.
 */
#include <linux/bpf.h>
#include <linux/cache.h>
#include <linux/genalloc.h>

#include "ext_arena.h"

static int find_arena(struct bpf_prog *prog, void *data)
{
	struct bpf_map *arena = bpf_prog_arena(prog), **found = data;

	if (!arena || arena == *found)
		return 0;
	if (*found)
		return -EEXIST;
	*found = arena;
	return 0;
}

/**
 * scx_arena_find - find the arena that a scheduler's programs use
 * @ops: operation table as passed to &bpf_struct_ops.reg
 *
 * There must be exactly one, over all programs of @ops. What is wrong otherwise
 * goes to the log, since a registration has no other way to tell.
 *
 * Return: the map, which lives as long as @ops is registered; or an ERR_PTR() of
 * -EINVAL.
 */
struct bpf_map *scx_arena_find(const struct sched_ext_ops *ops)
{
	struct bpf_map *arena = NULL;

	if (bpf_struct_ops_for_each_prog(ops, find_arena, &arena)) {
		pr_err("sched_ext: %s: the programs of a cid-form scheduler must share one arena, and these use several\n",
		       ops->name);
		return ERR_PTR(-EINVAL);
	}
	if (!arena) {
		pr_err("sched_ext: %s: the programs of a cid-form scheduler must use an arena, and none of these does\n",
		       ops->name);
		return ERR_PTR(-EINVAL);
	}
	return arena;
}

/*
 * The lower 32 bits of an arena address may be zero, which a cast to the arena's
 * address space turns into NULL. No allocation is to begin there.
 */
static size_t arena_skip(const void *uaddr)
{
	return (u32)(unsigned long)uaddr ? 0 : L1_CACHE_BYTES;
}

/* Add pages for at least @size bytes to the pool. */
static int arena_grow(struct scx_sched *sch, size_t size)
{
	size_t skip, len;
	u32 page_cnt;
	void *uaddr;
	int ret;

	if (size > SZ_1G)
		return -ENOMEM;

	page_cnt = PFN_UP(size + L1_CACHE_BYTES);
	uaddr = bpf_arena_alloc_pages_sleepable(sch->arena, NULL, page_cnt, NUMA_NO_NODE, 0);
	if (!uaddr)
		return -ENOMEM;

	skip = arena_skip(uaddr);
	len = ((size_t)page_cnt << PAGE_SHIFT) - skip;
	ret = gen_pool_add_virt(sch->arena_pool,
				(unsigned long)scx_arena_to_kaddr(sch, uaddr) + skip,
				(unsigned long)uaddr + skip, len, NUMA_NO_NODE);
	if (ret)
		bpf_arena_free_pages_sleepable(sch->arena, uaddr, page_cnt);
	return ret;
}

/**
 * scx_arena_attach - let a scheduler use an arena
 * @sch: scheduler which has none yet
 * @arena: the arena
 *
 * Takes a reference on @arena. scx_arena_detach() is to be called in any case.
 *
 * Context: process context, may sleep and reclaim memory.
 * Return: 0 or -ENOMEM.
 */
int scx_arena_attach(struct scx_sched *sch, struct bpf_map *arena)
{
	struct gen_pool_chunk *chunk;
	int ret;

	bpf_map_inc(arena);
	sch->arena = arena;

	/* Cache lines, so that what different CPUs write to does not share any. */
	sch->arena_pool = gen_pool_create(L1_CACHE_SHIFT, NUMA_NO_NODE);
	if (!sch->arena_pool)
		return -ENOMEM;

	ret = arena_grow(sch, 1);
	if (ret)
		return ret;

	/*
	 * What user space has mapped of an arena doesn't cross a multiple of 4
	 * GiB, so that both addresses of a byte have the same distance everywhere.
	 */
	chunk = list_first_entry(&sch->arena_pool->chunks, struct gen_pool_chunk, next_chunk);
	sch->arena_to_user = chunk->phys_addr - chunk->start_addr;
	return 0;
}

/**
 * scx_arena_detach - give back all that a scheduler has of its arena
 * @sch: scheduler, which all allocations have been freed of. It may have no arena.
 *
 * Context: process context, may sleep. Nobody uses @sch any more.
 */
void scx_arena_detach(struct scx_sched *sch)
{
	struct gen_pool_chunk *chunk;

	if (sch->arena_pool) {
		/* gen_pool_for_each_chunk() would not let us sleep. */
		list_for_each_entry(chunk, &sch->arena_pool->chunks, next_chunk) {
			/* with what arena_grow() has left out */
			void *uaddr = (void *)PAGE_ALIGN_DOWN((unsigned long)chunk->phys_addr);
			u32 page_cnt = PFN_UP(chunk->end_addr - chunk->start_addr);

			bpf_arena_free_pages_sleepable(sch->arena, uaddr, page_cnt);
		}
		gen_pool_destroy(sch->arena_pool);
		sch->arena_pool = NULL;
	}
	if (sch->arena) {
		bpf_map_put(sch->arena);
		sch->arena = NULL;
	}
}

/**
 * scx_arena_alloc - allocate memory in a scheduler's arena
 * @sch: scheduler in cid form
 * @size: size in bytes
 *
 * For what lives long, such as buffers made when a scheduler is enabled: it may
 * have to allocate pages. The memory is aligned to cache lines, and shares none
 * with other such allocations. It is not zeroed.
 *
 * Context: process context, may sleep and reclaim memory. Any number of callers
 * at once.
 * Return: the kernel address, to be freed with scx_arena_free(); or NULL.
 */
void *scx_arena_alloc(struct scx_sched *sch, size_t size)
{
	unsigned long kaddr;

	/* Others may take what a growth brought before we get to it: try again. */
	while (!(kaddr = gen_pool_alloc(sch->arena_pool, size))) {
		if (!size || arena_grow(sch, size))
			return NULL;
	}
	return (void *)kaddr;
}

/**
 * scx_arena_free - free what scx_arena_alloc() returned
 * @sch: scheduler that it was allocated for
 * @ptr: kernel address, or NULL
 * @size: size in bytes as it was allocated
 *
 * The pages remain with @sch until scx_arena_detach().
 *
 * Context: any but NMI.
 */
void scx_arena_free(struct scx_sched *sch, void *ptr, size_t size)
{
	if (ptr)
		gen_pool_free(sch->arena_pool, (unsigned long)ptr, size);
}

/**
 * scx_kaddr_to_arena - arena address of memory in a scheduler's arena
 * @sch: scheduler in cid form
 * @kaddr: kernel address of something in its arena
 *
 * Return: the address as BPF programs and user space use it.
 */
void *scx_kaddr_to_arena(const struct scx_sched *sch, const void *kaddr)
{
	return (void *)((unsigned long)kaddr + sch->arena_to_user);
}

/**
 * scx_arena_to_kaddr - kernel address of what an arena address points to
 * @sch: scheduler in cid form
 * @uaddr: arena address, any value: only the lower 32 bits count, as in BPF
 *
 * Return: a kernel address which is in the range of the arena whatever @uaddr is.
 * If it comes from BPF, there may be no page, and kernel code may use it only
 * while one of the scheduler's programs is on the stack.
 */
void *scx_arena_to_kaddr(const struct scx_sched *sch, const void *uaddr)
{
	return (void *)(unsigned long)(bpf_arena_map_kern_vm_start(sch->arena) +
				       (u32)(unsigned long)uaddr);
}
