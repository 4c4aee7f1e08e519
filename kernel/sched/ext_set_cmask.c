// SPDX-License-Identifier: GPL-2.0
/*
 * BPF extensible scheduler class: the argument of sched_ext_ops_cid.set_cmask()
 *
 * Each CPU has one cmask in the arena of each scheduler. set_cmask() is called with
 * an rq lock held. So interrupts are off from the writing of the cmask until the
 * operation returns. The operation can't sleep, and nothing that it can call changes
 * an affinity, so that one call is never inside another. Thus a CPU's cmask has one
 * user in the kernel at a time. The page behind it is kernel-owned and stays.
 *
 * What is in the cmask between two calls, and even during one, is up to BPF and
 * user space: they can write to it. Nothing is read from it here, and where and
 * how much to write is known from the mapping, in kernel memory. All of it is
 * written at each call, the header too, so that the next call is right whatever
 * has been done to it.
 */
#include <linux/cache.h>
#include <linux/irqflags.h>

#include "ext_arena.h"
#include "ext_cid.h"
#include "ext_cmask.h"
#include "ext_set_cmask.h"

/* All cids, whether their CPUs are online or not. */
static u32 cmask_nr_words(void)
{
	return SCX_CMASK_NR_WORDS(num_possible_cpus());
}

static size_t cmask_size(void)
{
	return struct_size_t(struct scx_cmask, bits, cmask_nr_words());
}

/**
 * scx_set_cmask_prepare - allocate the cmasks for a scheduler
 * @sch: scheduler in cid form, with its arena attached
 *
 * scx_set_cmask_release() is to be called in any case.
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int scx_set_cmask_prepare(struct scx_sched *sch)
{
	s32 cpu;

	for_each_possible_cpu(cpu) {
		struct scx_cmask *cmask = scx_arena_alloc(sch, cmask_size());

		if (!cmask)
			return -ENOMEM;
		per_cpu_ptr(sch->pcpu, cpu)->cmask = cmask;
	}
	return 0;
}

/**
 * scx_set_cmask_release - free the cmasks of a scheduler
 * @sch: any scheduler. It has no tasks any more, nor will it have.
 */
void scx_set_cmask_release(struct scx_sched *sch)
{
	s32 cpu;

	for_each_possible_cpu(cpu) {
		struct scx_sched_pcpu *pcpu = per_cpu_ptr(sch->pcpu, cpu);

		scx_arena_free(sch, pcpu->cmask, cmask_size());
		pcpu->cmask = NULL;
	}
}

/**
 * scx_set_cmask_arg - write a cpumask into this CPU's cmask of a scheduler
 * @sch: scheduler that implements set_cmask()
 * @cpus: CPUs that a task can run on
 *
 * The time that it takes goes by the number of words of the cmask, unless BPF has
 * overridden the cids with something irregular.
 *
 * Context: any but NMI, interrupts off until set_cmask() has returned.
 * Return: the arena address of the cmask.
 */
const struct scx_cmask *scx_set_cmask_arg(struct scx_sched *sch, const struct cpumask *cpus)
{
	const struct scx_cid_map *map;
	struct scx_cmask *cmask;
	u32 nr_words = cmask_nr_words();

	lockdep_assert_irqs_disabled();
	map = scx_cid_map_rcu();
	cmask = this_cpu_ptr(sch->pcpu)->cmask;

	WRITE_ONCE(cmask->base, 0);
	WRITE_ONCE(cmask->nr_cids, map->nr_cids);
	WRITE_ONCE(cmask->alloc_words, nr_words);

	/*
	 * Not cmask->bits: a compiler that checks bounds would take them from
	 * alloc_words, which is anybody's.
	 */
	scx_cid_map_fill(map, cpus, (void *)cmask + offsetof(struct scx_cmask, bits), nr_words);

	return scx_kaddr_to_arena(sch, cmask);
}
