// SPDX-License-Identifier: GPL-2.0-only
/* KUnit tests of ptep_try_set(). */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/vmalloc.h>
#include <asm/tlbflush.h>

#define NR_SLOTS	64
#define NR_ROUNDS	40
#define MAX_RACERS	8

/* An unpopulated stretch of vmalloc space with its page tables. */
struct try_set_area {
	struct vm_struct *vm;
	unsigned long addr;
	pte_t *ptep[NR_SLOTS];
};

static int collect_ptep(pte_t *ptep, unsigned long addr, void *data)
{
	struct try_set_area *area = data;

	area->ptep[(addr - area->addr) >> PAGE_SHIFT] = ptep;
	return 0;
}

static void clear_slots(struct try_set_area *area)
{
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		ptep_get_and_clear(&init_mm, area->addr + i * PAGE_SIZE, area->ptep[i]);
	flush_tlb_kernel_range(area->addr, area->addr + NR_SLOTS * PAGE_SIZE);
}

static void free_area(void *data)
{
	struct try_set_area *area = data;

	clear_slots(area);
	free_vm_area(area->vm);
}

static struct try_set_area *alloc_area(struct kunit *test)
{
	struct try_set_area *area;
	int err;

	area = kunit_kzalloc(test, sizeof(*area), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, area);
	area->vm = get_vm_area(NR_SLOTS * PAGE_SIZE, VM_SPARSE);
	KUNIT_ASSERT_NOT_NULL(test, area->vm);
	area->addr = (unsigned long)area->vm->addr;

	err = apply_to_page_range(&init_mm, area->addr, NR_SLOTS * PAGE_SIZE, collect_ptep, area);
	if (err)
		free_vm_area(area->vm);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_area, area), 0);
	return area;
}

static void free_one_page(void *data)
{
	__free_page(data);
}

static struct page *alloc_one_page(struct kunit *test)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	KUNIT_ASSERT_NOT_NULL(test, page);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_one_page, page), 0);
	return page;
}

static int ptep_try_set_test_init(struct kunit *test)
{
#ifndef ptep_try_set
	kunit_skip(test, "this architecture does not implement ptep_try_set()");
#endif
	return 0;
}

static void empty_slot(struct kunit *test)
{
	struct page *page = alloc_one_page(test);
	struct try_set_area *area = alloc_area(test);
	unsigned long *virt = (unsigned long *)area->addr;

	KUNIT_ASSERT_TRUE(test, pte_none(ptep_get(area->ptep[0])));
	KUNIT_ASSERT_TRUE(test, ptep_try_set(area->ptep[0], mk_pte(page, PAGE_KERNEL)));
	KUNIT_EXPECT_EQ(test, pte_pfn(ptep_get(area->ptep[0])), page_to_pfn(page));

	/* The entry must be of use at once, without a flush. */
	WRITE_ONCE(*virt, 0x5eed);
	KUNIT_EXPECT_EQ(test, *(unsigned long *)page_address(page), 0x5eedUL);
	KUNIT_EXPECT_TRUE(test, pte_none(ptep_get(area->ptep[1])));
}

/* Visible at once in lazy MMU mode too, where set_pte_at() may be put off. */
static void empty_slot_lazy_mmu(struct kunit *test)
{
	struct page *page = alloc_one_page(test);
	struct try_set_area *area = alloc_area(test);
	bool set;
	int i;

	*(unsigned long *)page_address(page) = 0xfeed;
	for (i = 0; i < NR_SLOTS; i++) {
		lazy_mmu_mode_enable();
		set = ptep_try_set(area->ptep[i], mk_pte(page, PAGE_KERNEL));
		if (set && READ_ONCE(*(unsigned long *)(area->addr + i * PAGE_SIZE)) != 0xfeed)
			set = false;
		lazy_mmu_mode_disable();
		KUNIT_EXPECT_TRUE(test, set);
	}
}

static void occupied_slot(struct kunit *test)
{
	struct page *first = alloc_one_page(test);
	struct page *second = alloc_one_page(test);
	struct try_set_area *area = alloc_area(test);
	pte_t before, after;

	KUNIT_ASSERT_TRUE(test, ptep_try_set(area->ptep[0], mk_pte(first, PAGE_KERNEL)));
	before = ptep_get(area->ptep[0]);
	KUNIT_EXPECT_FALSE(test, ptep_try_set(area->ptep[0], mk_pte(second, PAGE_KERNEL)));
	KUNIT_EXPECT_FALSE(test, ptep_try_set(area->ptep[0], mk_pte(first, PAGE_KERNEL)));
	after = ptep_get(area->ptep[0]);
	KUNIT_EXPECT_TRUE(test, pte_same(before, after));
}

static void cleared_slot(struct kunit *test)
{
	struct page *page = alloc_one_page(test);
	struct try_set_area *area = alloc_area(test);

	KUNIT_ASSERT_TRUE(test, ptep_try_set(area->ptep[0], mk_pte(page, PAGE_KERNEL)));
	clear_slots(area);
	KUNIT_EXPECT_TRUE(test, ptep_try_set(area->ptep[0], mk_pte(page, PAGE_KERNEL)));
}

struct race {
	struct try_set_area *area;
	struct completion start;
	struct completion done;
	atomic_t ready;
	int nr_racers;
	struct racer {
		struct race *race;
		struct page *page;
		int won[NR_SLOTS];
	} racer[MAX_RACERS];
};

static int race_fn(void *data)
{
	struct racer *racer = data;
	struct race *race = racer->race;
	pte_t pte = mk_pte(racer->page, PAGE_KERNEL);
	int i;

	wait_for_completion(&race->start);
	/* Meet at the line, so that every slot is contended. */
	atomic_inc(&race->ready);
	while (atomic_read(&race->ready) < race->nr_racers)
		cpu_relax();

	for (i = 0; i < NR_SLOTS; i++)
		racer->won[i] = ptep_try_set(race->area->ptep[i], pte);
	complete(&race->done);
	return 0;
}

/* However many CPUs try, one wins, and the entry is the winner's. */
static void contention(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	int round, slot, i, n = min_t(int, num_online_cpus(), MAX_RACERS);
	int wins[MAX_RACERS] = {};

	KUNIT_ASSERT_NOT_NULL(test, race);
	if (n < 2)
		kunit_skip(test, "needs two CPUs");

	for (i = 0; i < n; i++)
		race->racer[i].page = alloc_one_page(test);
	race->area = alloc_area(test);
	race->nr_racers = n;

	for (round = 0; round < NR_ROUNDS; round++) {
		int started = 0, cpu;

		init_completion(&race->start);
		init_completion(&race->done);
		atomic_set(&race->ready, 0);
		for_each_online_cpu(cpu) {
			struct task_struct *task;

			if (started == n)
				break;
			race->racer[started].race = race;
			task = kthread_create_on_cpu(race_fn, &race->racer[started], cpu,
						     "ptep_try_set/%u");
			if (IS_ERR(task))
				break;
			wake_up_process(task);
			started++;
		}
		/* A thread that could not be made must not hang the others. */
		race->nr_racers = started;
		complete_all(&race->start);
		for (i = 0; i < started; i++)
			wait_for_completion(&race->done);
		KUNIT_ASSERT_EQ(test, started, n);

		for (slot = 0; slot < NR_SLOTS; slot++) {
			int winner = -1, nr_winners = 0;

			for (i = 0; i < n; i++) {
				if (race->racer[i].won[slot]) {
					winner = i;
					nr_winners++;
				}
			}
			KUNIT_ASSERT_EQ(test, nr_winners, 1);
			KUNIT_ASSERT_EQ(test, pte_pfn(ptep_get(race->area->ptep[slot])),
					page_to_pfn(race->racer[winner].page));
			wins[winner]++;
		}
		clear_slots(race->area);
	}

	for (i = 0; i < n; i++)
		kunit_info(test, "racer %d won %d of %d\n", i, wins[i], NR_ROUNDS * NR_SLOTS);
}

static struct kunit_case ptep_try_set_test_cases[] = {
	KUNIT_CASE(empty_slot),
	KUNIT_CASE(empty_slot_lazy_mmu),
	KUNIT_CASE(occupied_slot),
	KUNIT_CASE(cleared_slot),
	KUNIT_CASE(contention),
	{}
};

static struct kunit_suite ptep_try_set_test_suite = {
	.name = "ptep_try_set",
	.init = ptep_try_set_test_init,
	.test_cases = ptep_try_set_test_cases,
};

kunit_test_suite(ptep_try_set_test_suite);

MODULE_DESCRIPTION("Tests for ptep_try_set()");
MODULE_LICENSE("GPL");
