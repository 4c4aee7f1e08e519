// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's side of the arena_kern_bench test: what it measures of kernel code
 * that reads and writes arenas. Not for use by several at once.
 *
 * Times are nanoseconds of the monotonic clock. They are meant for emulators whose
 * clock counts instructions.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pgtable.h>
#include <linux/prandom.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "bpf_bench_arena.h"

/*
 * The conversion of cpumasks that set_cmask() of sched_ext is handed the result of.
 * It is not exported, and has no state of its own: a copy takes as long.
 */
#include "../../../../../kernel/sched/ext_cid_map.c"

#define MAX_BITS	4096
#define MAX_DEPTH	16

static struct {
	struct scx_cid_map *map;
	unsigned long *cpus;
	struct bench_arena_cmask *staged;	/* in kernel memory */
	struct bench_arena_cmask *direct;	/* in the arena, as the kernel sees it */
	void *direct_uaddr;			/* and as BPF does */
} hand;

static void *arena_kaddr(struct bpf_prog_aux *aux, const void *ptr)
{
	struct bpf_map *arena = bpf_prog_arena(aux->prog);

	if (!arena)
		return NULL;
	return (void *)(long)(bpf_arena_map_kern_vm_start(arena) + (u32)(long)ptr);
}

static void hand_free(void)
{
	kvfree(hand.map);
	kfree(hand.cpus);
	kfree(hand.staged);
	memset(&hand, 0, sizeof(hand));
}

static int hand_map(u32 nr, enum bench_arena_mapping mapping)
{
	struct rnd_state rnd;
	u32 cpu, other, *cids;
	int err = 0;

	hand.map = scx_cid_map_alloc(nr, nr, GFP_KERNEL);
	cids = kcalloc(nr, sizeof(*cids), GFP_KERNEL);
	if (!hand.map || !cids) {
		kfree(cids);
		return -ENOMEM;
	}

	prandom_seed_state(&rnd, nr);
	for (cpu = 0; cpu < nr; cpu++) {
		cids[cpu] = cpu;
		switch (mapping) {
		case BENCH_ARENA_SIBLINGS:
			cids[cpu] = cpu * 2 % nr + cpu / (nr / 2);
			break;
		case BENCH_ARENA_NODES:
			cids[cpu] = cpu / 2 + cpu % 2 * (nr / 2);
			break;
		case BENCH_ARENA_SHUFFLED:
			other = prandom_u32_state(&rnd) % (cpu + 1);
			swap(cids[cpu], cids[other]);
			break;
		default:
			break;
		}
	}
	for (cpu = 0; cpu < nr && !err; cpu++)
		err = scx_cid_map_assign(hand.map, cpu, cids[cpu]);
	kfree(cids);
	return err ?: scx_cid_map_finish(hand.map);
}

/* As scx_set_cmask_arg() of sched_ext does it, to either kind of memory */
static __always_inline void hand_write(struct bench_arena_cmask *cmask)
{
	const struct scx_cid_map *map = READ_ONCE(hand.map);
	u32 nr_words = map->nr_words + 1;

	WRITE_ONCE(cmask->base, 0);
	WRITE_ONCE(cmask->nr_cids, map->nr_cids);
	WRITE_ONCE(cmask->alloc_words, nr_words);
	scx_cid_map_fill_bits(map, hand.cpus, cmask->bits, nr_words);
}

/*
 * The same code for both kinds of memory. It is not inlined so that its disassembly
 * can be looked at.
 */
static noinline u64 walk(u64 *words, u32 cnt)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < cnt; i++) {
		sum += READ_ONCE(words[i]);
		WRITE_ONCE(words[i], sum);
	}
	return sum;
}

/* Read a byte of each of @cnt pages, below @depth frames more. */
static noinline void touch(u8 *addr, u32 stride, u32 cnt, u32 depth)
{
	u32 i;

	if (depth) {
		touch(addr, stride, cnt, depth - 1);
		barrier();	/* no tail call */
		return;
	}
	for (i = 0; i < cnt; i++, addr += stride)
		READ_ONCE(*addr);
}

/*
 * How much stack a read of *@addr takes: fill what is free of it with a pattern, and
 * see how far down that is overwritten. What is nearest to this function's own frame
 * is left alone; it is overwritten in any case.
 */
static noinline u32 stack_of_touch(u8 *addr)
{
	unsigned long top = (current_stack_pointer & ~7UL) - 128;
	unsigned long end = (unsigned long)end_of_stack(current) + 256;
	unsigned long flags, p;

	local_irq_save(flags);
	for (p = top; p > end; p -= 8)
		WRITE_ONCE(*(u64 *)p, 0x5aa5a55ac33c3cc3ULL);
	READ_ONCE(*addr);
	for (p = end + 8; p < top; p += 8)
		if (READ_ONCE(*(u64 *)p) != 0x5aa5a55ac33c3cc3ULL)
			break;
	local_irq_restore(flags);
	return top + 128 - p;
}

__bpf_kfunc_start_defs();

/*
 * How many nanoseconds @loops times two instructions take. 0 on architectures that
 * it is not written for.
 */
__bpf_kfunc u64 bpf_bench_arena_clock(u64 loops)
{
	u64 start = ktime_get_mono_fast_ns();

#if defined(CONFIG_X86_64)
	asm volatile("1: dec %0; jnz 1b" : "+r" (loops));
#elif defined(CONFIG_ARM64)
	asm volatile("1: subs %0, %0, #1; b.ne 1b" : "+r" (loops) : : "cc");
#else
	return 0;
#endif
	return ktime_get_mono_fast_ns() - start;
}

/* Make ready to hand over cmasks of @nr bits. */
__bpf_kfunc int bpf_bench_arena_prepare(void *p__map, u32 nr, u32 mapping)
{
	struct bpf_map *map = p__map;
	u32 words = DIV_ROUND_UP(nr, 64) + 1, i;
	int err = -ENOMEM;

	if (nr < 2 || nr > MAX_BITS || mapping >= BENCH_ARENA_NR_MAPPINGS)
		return -EINVAL;
	hand_free();
	hand.cpus = kcalloc(BITS_TO_LONGS(nr), sizeof(long), GFP_KERNEL);
	hand.staged = kzalloc(struct_size(hand.staged, bits, words), GFP_KERNEL);
	hand.direct_uaddr = bpf_arena_alloc_pages_sleepable(map, NULL, 1, NUMA_NO_NODE, 0);
	if (!hand.cpus || !hand.staged || !hand.direct_uaddr)
		goto err;
	err = hand_map(nr, mapping);
	if (err)
		goto err;
	hand.direct = (void *)(long)(bpf_arena_map_kern_vm_start(map) +
				     (u32)(long)hand.direct_uaddr);
	for (i = 0; i < nr; i += 3)
		__set_bit(i, hand.cpus);
	return 0;
err:
	hand_free();
	return err;
}

/* The hand-over, without one */
__bpf_kfunc void *bpf_bench_arena_nothing(void)
{
	return hand.direct_uaddr;
}

/* In kernel memory, from where BPF has to fetch it */
__bpf_kfunc struct bench_arena_cmask *bpf_bench_arena_staged(void)
{
	hand_write(hand.staged);
	return hand.staged;
}

/* Where BPF can read it */
__bpf_kfunc void *bpf_bench_arena_direct(void)
{
	hand_write(hand.direct);
	return hand.direct_uaddr;
}

/* How long it takes to read and write a page, of the arena or of the kernel's own */
__bpf_kfunc u64 bpf_bench_arena_walk(void *ptr__ign, bool kernel, u32 rounds,
				     struct bpf_prog_aux *aux)
{
	u64 *own = (void *)get_zeroed_page(GFP_NOWAIT), *words, start = 0, ns = 0;

	words = kernel ? own : arena_kaddr(aux, ptr__ign);
	if (words) {
		start = ktime_get_mono_fast_ns();
		while (rounds--)
			walk(words, PAGE_SIZE / sizeof(*words));
		ns = ktime_get_mono_fast_ns() - start;
	}
	free_page((unsigned long)own);
	return ns;
}

/* How long it takes to read a byte of each of @cnt pages */
__bpf_kfunc u64 bpf_bench_arena_touch(void *ptr__ign, u32 stride, u32 cnt, u32 depth,
				      struct bpf_prog_aux *aux)
{
	u8 *addr = arena_kaddr(aux, ptr__ign);
	u64 start;

	if (!addr || depth > MAX_DEPTH)
		return 0;
	start = ktime_get_mono_fast_ns();
	touch(addr, stride, cnt, depth);
	return ktime_get_mono_fast_ns() - start;
}

/* The same with an exception table entry, which is what an exception takes at least */
__bpf_kfunc u64 bpf_bench_arena_nofault(void *ptr__ign, u32 stride, u32 cnt,
					struct bpf_prog_aux *aux)
{
	u8 *addr = arena_kaddr(aux, ptr__ign), val;
	u64 start;
	u32 i;

	if (!addr)
		return 0;
	start = ktime_get_mono_fast_ns();
	for (i = 0; i < cnt; i++, addr += stride)
		(void)get_kernel_nofault(val, addr);
	return ktime_get_mono_fast_ns() - start;
}

/*
 * How long it takes to install an entry @cnt times, and to note where: what
 * bpf_arena_handle_page_fault() does besides finding the program. The entry is not in
 * any page table.
 */
__bpf_kfunc u64 bpf_bench_arena_install(u32 cnt)
{
#ifdef ptep_try_set
	static bool has_dead_pages;
	static pte_t pte;
	struct page *page = ZERO_PAGE(0);
	u64 start = ktime_get_mono_fast_ns();
	u32 i;

	for (i = 0; i < cnt; i++) {
		set_pte(&pte, __pte(0));
		if (!ptep_try_set(&pte, mk_pte(page, PAGE_KERNEL)))
			return 0;
		WRITE_ONCE(has_dead_pages, true);
	}
	return ktime_get_mono_fast_ns() - start;
#else
	return 0;
#endif
}

__bpf_kfunc u32 bpf_bench_arena_stack(void *ptr__ign, struct bpf_prog_aux *aux)
{
	u8 *addr = arena_kaddr(aux, ptr__ign);

	return addr ? stack_of_touch(addr) : 0;
}

__bpf_kfunc void *bpf_bench_arena_kalloc(void *p__map, u32 page_cnt)
{
	return bpf_arena_alloc_pages_sleepable(p__map, NULL, page_cnt, NUMA_NO_NODE, 0);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(bpf_bench_arena_kfunc_ids)
BTF_ID_FLAGS(func, bpf_bench_arena_clock)
BTF_ID_FLAGS(func, bpf_bench_arena_prepare, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_bench_arena_nothing, KF_ARENA_RET)
BTF_ID_FLAGS(func, bpf_bench_arena_staged)
BTF_ID_FLAGS(func, bpf_bench_arena_direct, KF_ARENA_RET)
BTF_ID_FLAGS(func, bpf_bench_arena_walk, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_bench_arena_touch, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_bench_arena_nofault, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_bench_arena_install)
BTF_ID_FLAGS(func, bpf_bench_arena_stack, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_bench_arena_kalloc, KF_ARENA_RET | KF_SLEEPABLE)
BTF_KFUNCS_END(bpf_bench_arena_kfunc_ids)

static const struct btf_kfunc_id_set bpf_bench_arena_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &bpf_bench_arena_kfunc_ids,
};

static int __init bpf_bench_arena_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &bpf_bench_arena_kfunc_set);
}

static void __exit bpf_bench_arena_exit(void)
{
	hand_free();
}

module_init(bpf_bench_arena_init);
module_exit(bpf_bench_arena_exit);
MODULE_DESCRIPTION("What kernel access to BPF arenas costs");
MODULE_LICENSE("GPL");
