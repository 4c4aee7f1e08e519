// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel code that reads and writes BPF arenas through plain pointers, for the
 * arena_kern_* tests: kfuncs, a struct_ops type, and a hook that runs in any
 * context.
 *
 * Nothing here checks an arena pointer. That is what is being tested.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/error-injection.h>
#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/perf_event.h>
#include <linux/pgtable.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#ifdef CONFIG_X86_LOCAL_APIC
#include <asm/apic.h>
#include <asm/nmi.h>
#endif
#include "bpf_test_arena.h"

/* The tests are skipped where faults on arena memory are not recovered. */
#ifdef ptep_try_set
static bool recovers = true;
#else
static bool recovers;
#endif
module_param(recovers, bool, 0444);
MODULE_PARM_DESC(recovers, "this architecture recovers from kernel faults on arena memory");

/* For the programs of arena_kern_inject */
ALLOW_ERROR_INJECTION(kmalloc_nolock_noprof, NULL);
ALLOW_ERROR_INJECTION(alloc_pages_nolock_noprof, NULL);

static DEFINE_RAW_SPINLOCK(access_lock);

/* Where bpf_test_arena_set_cur() points. */
static void *cur;

static u32 cpu_state(void)
{
	u32 state = 0;

	if (in_nmi())
		state |= TEST_ARENA_IN_NMI;
	else if (in_hardirq())
		state |= TEST_ARENA_IN_HARDIRQ;
	else if (in_serving_softirq())
		state |= TEST_ARENA_IN_SOFTIRQ;
	else
		state |= TEST_ARENA_IN_TASK;
	if (irqs_disabled())
		state |= TEST_ARENA_IRQS_ARE_OFF;
	return state;
}

__bpf_hook_start();

/* Tracing programs are attached here. */
noinline int bpf_test_arena_hook(u32 what, u32 state)
{
	barrier();
	return what + state;
}

__bpf_hook_end();

static void call_hook(u32 what)
{
	bpf_test_arena_hook(what, cpu_state());
}

/*
 * Only the low 32 bits of an arena pointer count. All of them are inside the
 * range that the arena covers in the kernel, so there is nothing to check.
 */
static void *arena_kaddr(struct bpf_prog_aux *aux, const void *ptr)
{
	struct bpf_map *arena = bpf_prog_arena(aux->prog);

	if (!arena)
		return NULL;
	return (void *)(long)(bpf_arena_map_kern_vm_start(arena) + (u32)(long)ptr);
}

struct noprog_write {
	struct work_struct work;
	u64 *addr;
	u64 val;
};

static void noprog_write_fn(struct work_struct *work)
{
	struct noprog_write *w = container_of(work, struct noprog_write, work);

	WRITE_ONCE(*w->addr, w->val);
}

/* Pages with a reference of ours, to see who else drops theirs. */
#define MAX_HELD 256
static struct page *held[MAX_HELD];
static unsigned int nr_held;
static DEFINE_MUTEX(held_lock);

__bpf_kfunc_start_defs();

__bpf_kfunc u64 bpf_test_arena_read(void *ptr__ign, s64 off, u32 size, struct bpf_prog_aux *aux)
{
	void *addr = arena_kaddr(aux, ptr__ign);

	if (!addr)
		return 0;
	addr += off;
	switch (size) {
	case 1:
		return READ_ONCE(*(u8 *)addr);
	case 2:
		return READ_ONCE(*(u16 *)addr);
	case 4:
		return READ_ONCE(*(u32 *)addr);
	case 8:
		return READ_ONCE(*(u64 *)addr);
	}
	return 0;
}

__bpf_kfunc void bpf_test_arena_write(void *ptr__ign, s64 off, u32 size, u64 val,
				      struct bpf_prog_aux *aux)
{
	void *addr = arena_kaddr(aux, ptr__ign);

	if (!addr)
		return;
	addr += off;
	switch (size) {
	case 1:
		WRITE_ONCE(*(u8 *)addr, val);
		break;
	case 2:
		WRITE_ONCE(*(u16 *)addr, val);
		break;
	case 4:
		WRITE_ONCE(*(u32 *)addr, val);
		break;
	case 8:
		WRITE_ONCE(*(u64 *)addr, val);
		break;
	}
}

/* Sums an array up and multiplies its elements in place. */
__bpf_kfunc u64 bpf_test_arena_sum_scale(u64 *vals__ign, u32 cnt, u64 by, struct bpf_prog_aux *aux)
{
	u64 *vals = arena_kaddr(aux, vals__ign);
	u64 sum = 0;
	u32 i;

	if (!vals)
		return 0;
	for (i = 0; i < cnt; i++) {
		sum += vals[i];
		vals[i] *= by;
	}
	return sum;
}

/*
 * Sums a list up. Programs and user space may tie the list into a knot at any
 * time, so what ends the walk is a count that they cannot write to, and each
 * link is read once.
 */
__bpf_kfunc u64 bpf_test_arena_walk(struct bpf_test_arena_node *head__ign, u32 max,
				    struct bpf_prog_aux *aux)
{
	u64 next = (long)head__ign;
	struct bpf_test_arena_node *node;
	u64 sum = 0;

	for (; next && max; max--) {
		node = arena_kaddr(aux, (void *)(long)next);
		if (!node)
			break;
		sum += READ_ONCE(node->val);
		next = READ_ONCE(node->next);
	}
	return sum;
}

__bpf_kfunc void bpf_test_arena_memcpy(void *dst__ign, void *src__ign, u32 len,
				       struct bpf_prog_aux *aux)
{
	void *dst = arena_kaddr(aux, dst__ign), *src = arena_kaddr(aux, src__ign);

	if (dst && src)
		memcpy(dst, src, len);
}

__bpf_kfunc void bpf_test_arena_memset(void *ptr__ign, u32 len, u8 val, struct bpf_prog_aux *aux)
{
	void *addr = arena_kaddr(aux, ptr__ign);

	if (addr)
		memset(addr, val, len);
}

__bpf_kfunc u64 bpf_test_arena_count_nonzero(void *ptr__ign, u32 len, struct bpf_prog_aux *aux)
{
	const u8 *addr = arena_kaddr(aux, ptr__ign);
	u64 cnt = 0;
	u32 i;

	for (i = 0; addr && i < len; i++)
		cnt += !!READ_ONCE(addr[i]);
	return cnt;
}

/* Misaligned atomics exist on x86 only, and there some machines forbid them. */
static bool may_split_locks(void)
{
#ifdef CONFIG_X86
	return !boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT);
#else
	return false;
#endif
}

__bpf_kfunc s64 bpf_test_arena_atomic(void *ptr__ign, u32 op, u64 val, struct bpf_prog_aux *aux)
{
	atomic64_t *addr = arena_kaddr(aux, ptr__ign);

	if (!addr)
		return -EINVAL;
	if (!IS_ALIGNED((unsigned long)addr, sizeof(*addr)) && !may_split_locks())
		return -EOPNOTSUPP;
	switch (op) {
	case TEST_ARENA_ADD:
		return atomic64_add_return(val, addr);
	case TEST_ARENA_XCHG:
		return atomic64_xchg(addr, val);
	case TEST_ARENA_CMPXCHG:
		return atomic64_cmpxchg(addr, 0, val);
	}
	return -EINVAL;
}

__bpf_kfunc u64 bpf_test_arena_read_in(void *ptr__ign, u32 section, struct bpf_prog_aux *aux)
{
	u64 *addr = arena_kaddr(aux, ptr__ign), val = 0;
	unsigned long flags;

	if (!addr)
		return 0;
	switch (section) {
	case TEST_ARENA_IRQS_OFF:
		local_irq_save(flags);
		val = READ_ONCE(*addr);
		local_irq_restore(flags);
		break;
	case TEST_ARENA_BH_OFF:
		/* There they are off by a lock that sleeps. */
		if (IS_ENABLED(CONFIG_PREEMPT_RT) && !preemptible())
			return READ_ONCE(*addr);
		local_bh_disable();
		val = READ_ONCE(*addr);
		local_bh_enable();
		break;
	case TEST_ARENA_PREEMPT_OFF:
		preempt_disable();
		val = READ_ONCE(*addr);
		preempt_enable();
		break;
	case TEST_ARENA_RAW_SPINLOCK:
		raw_spin_lock_irqsave(&access_lock, flags);
		val = READ_ONCE(*addr);
		raw_spin_unlock_irqrestore(&access_lock, flags);
		break;
	case TEST_ARENA_LAZY_MMU:
		lazy_mmu_mode_enable();
		val = READ_ONCE(*addr);
		lazy_mmu_mode_disable();
		break;
	}
	return val;
}

/* An access with an exception table entry is not the arena's business. */
__bpf_kfunc int bpf_test_arena_nofault(void *ptr__ign, s64 off, struct bpf_prog_aux *aux)
{
	u8 *addr = arena_kaddr(aux, ptr__ign), val;

	return addr ? get_kernel_nofault(val, addr + off) : -EINVAL;
}

/*
 * Reads a byte every stride bytes, and comes back to the start behind 4 GiB. A
 * caller that cannot sleep gets no break, however many there are.
 */
__bpf_kfunc void bpf_test_arena_touch(void *ptr__ign, u32 stride, u32 cnt,
				      struct bpf_prog_aux *aux)
{
	u32 off, i;

	for (i = 0, off = (u32)(long)ptr__ign; i < cnt; i++, off += stride) {
		u8 *addr = arena_kaddr(aux, (void *)(long)off);

		if (!addr)
			return;
		READ_ONCE(*addr);
		if (aux->prog->sleepable)
			cond_resched();
	}
}

/* 0 where nothing is mapped. All dead pages of an arena have the same number. */
__bpf_kfunc u64 bpf_test_arena_pfn(void *ptr__ign, struct bpf_prog_aux *aux)
{
	void *addr = arena_kaddr(aux, ptr__ign);
	struct page *page = addr ? vmalloc_to_page(addr) : NULL;

	return page ? page_to_pfn(page) : 0;
}

/* How many pages of a range have that number */
__bpf_kfunc u32 bpf_test_arena_count_pfn(void *ptr__ign, u32 cnt, u64 pfn,
					 struct bpf_prog_aux *aux)
{
	void *addr = arena_kaddr(aux, ptr__ign);
	u32 found = 0;

	for (; addr && cnt; cnt--, addr += PAGE_SIZE) {
		struct page *page = vmalloc_to_page(addr);

		found += (page ? page_to_pfn(page) : 0) == pfn;
		if (aux->prog->sleepable)
			cond_resched();
	}
	return found;
}

__bpf_kfunc u64 bpf_test_arena_kern_base(struct bpf_prog_aux *aux)
{
	struct bpf_map *arena = bpf_prog_arena(aux->prog);

	return arena ? bpf_arena_map_kern_vm_start(arena) : 0;
}

__bpf_kfunc u32 bpf_test_arena_map_id(struct bpf_prog_aux *aux)
{
	struct bpf_map *arena = bpf_prog_arena(aux->prog);

	return arena ? arena->id : 0;
}

/* Take a reference on the page that is mapped there, until "held" is written. */
__bpf_kfunc int bpf_test_arena_hold(void *ptr__ign, struct bpf_prog_aux *aux)
{
	void *addr = arena_kaddr(aux, ptr__ign);
	struct page *page = addr ? vmalloc_to_page(addr) : NULL;

	if (!page)
		return -ENOENT;
	guard(mutex)(&held_lock);
	if (nr_held == MAX_HELD)
		return -ENOSPC;
	get_page(page);
	held[nr_held++] = page;
	return 0;
}

/* Remember an address for others to touch that have no arena, or another one. */
__bpf_kfunc void bpf_test_arena_set_cur(void *ptr__ign, struct bpf_prog_aux *aux)
{
	WRITE_ONCE(cur, arena_kaddr(aux, ptr__ign));
}

/* Keep the CPU, and what the caller is under. */
__bpf_kfunc void bpf_test_arena_delay(u32 ms)
{
	mdelay(ms);
}

__bpf_kfunc u64 bpf_test_arena_touch_cur(void)
{
	u64 *addr = READ_ONCE(cur);

	return addr ? READ_ONCE(*addr) : 0;
}

/* What is attached to the hook is nested in the caller. */
__bpf_kfunc int bpf_test_arena_call_hook(u32 what)
{
	call_hook(what);
	return 0;
}

/* Write from a kworker, whose stack has no BPF program on it. */
__bpf_kfunc int bpf_test_arena_write_noprog(u64 *ptr__ign, u64 val, struct bpf_prog_aux *aux)
{
	struct noprog_write w = { .addr = arena_kaddr(aux, ptr__ign), .val = val };

	if (!w.addr)
		return -EINVAL;
	INIT_WORK_ONSTACK(&w.work, noprog_write_fn);
	schedule_work(&w.work);
	flush_work(&w.work);
	destroy_work_on_stack(&w.work);
	return 0;
}

__bpf_kfunc void *bpf_test_arena_kalloc(void *p__map, void *addr__ign, u32 page_cnt, int node_id)
{
	return bpf_arena_alloc_pages_sleepable(p__map, addr__ign, page_cnt, node_id, 0);
}

__bpf_kfunc void bpf_test_arena_kfree(void *p__map, void *addr__ign, u32 page_cnt)
{
	bpf_arena_free_pages_sleepable(p__map, addr__ign, page_cnt);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(bpf_test_arena_kfunc_ids)
BTF_ID_FLAGS(func, bpf_test_arena_read, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_write, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_sum_scale, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_walk, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_memcpy, KF_ARENA_ARG1 | KF_ARENA_ARG2 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_memset, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_count_nonzero, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_atomic, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_read_in, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_nofault, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_touch, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_pfn, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_count_pfn, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_kern_base, KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_map_id, KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_hold, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_test_arena_set_cur, KF_ARENA_ARG1 | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_test_arena_delay)
BTF_ID_FLAGS(func, bpf_test_arena_touch_cur)
BTF_ID_FLAGS(func, bpf_test_arena_call_hook)
BTF_ID_FLAGS(func, bpf_test_arena_write_noprog,
	     KF_ARENA_ARG1 | KF_IMPLICIT_ARGS | KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_test_arena_kalloc, KF_ARENA_RET | KF_ARENA_ARG2 | KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf_test_arena_kfree, KF_ARENA_ARG2 | KF_SLEEPABLE)
BTF_KFUNCS_END(bpf_test_arena_kfunc_ids)

static const struct btf_kfunc_id_set bpf_test_arena_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &bpf_test_arena_kfunc_ids,
};

/* The hook in every context. */

struct hook_ctx {
	u32 what;
	union {
		struct work_struct work;
		struct timer_list timer;
		struct hrtimer hrtimer;
		struct irq_work irq_work;
	};
	struct completion done;
	int err;
};

static void hook_work_fn(struct work_struct *work)
{
	call_hook(container_of(work, struct hook_ctx, work)->what);
}

static void hook_kworker(struct hook_ctx *c)
{
	INIT_WORK_ONSTACK(&c->work, hook_work_fn);
	schedule_work(&c->work);
	flush_work(&c->work);
	destroy_work_on_stack(&c->work);
}

static void hook_timer_fn(struct timer_list *timer)
{
	struct hook_ctx *c = container_of(timer, struct hook_ctx, timer);

	call_hook(c->what);
	complete(&c->done);
}

static void hook_softirq(struct hook_ctx *c)
{
	timer_setup_on_stack(&c->timer, hook_timer_fn, 0);
	mod_timer(&c->timer, jiffies);
	wait_for_completion(&c->done);
	timer_delete_sync(&c->timer);
	timer_destroy_on_stack(&c->timer);
}

static void hook_irq_work_fn(struct irq_work *work)
{
	struct hook_ctx *c = container_of(work, struct hook_ctx, irq_work);

	call_hook(c->what);
	complete(&c->done);
}

static void hook_irq_work(struct hook_ctx *c)
{
	c->irq_work = IRQ_WORK_INIT_HARD(hook_irq_work_fn);
	irq_work_queue(&c->irq_work);
	wait_for_completion(&c->done);
	irq_work_sync(&c->irq_work);
}

static enum hrtimer_restart hook_hrtimer_fn(struct hrtimer *timer)
{
	struct hook_ctx *c = container_of(timer, struct hook_ctx, hrtimer);

	call_hook(c->what);
	complete(&c->done);
	return HRTIMER_NORESTART;
}

static void hook_hrtimer(struct hook_ctx *c)
{
	hrtimer_setup_on_stack(&c->hrtimer, hook_hrtimer_fn, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_HARD);
	hrtimer_start(&c->hrtimer, 0, HRTIMER_MODE_REL_HARD);
	wait_for_completion(&c->done);
	hrtimer_cancel(&c->hrtimer);
	destroy_hrtimer_on_stack(&c->hrtimer);
}

static void hook_ipi_fn(void *arg)
{
	call_hook(((struct hook_ctx *)arg)->what);
}

static int hook_busy_fn(void *arg)
{
	complete(arg);
	while (!kthread_should_stop()) {
		cpu_relax();
		cond_resched();
	}
	return 0;
}

/*
 * A CPU runs functions for itself without an interrupt: it takes two. So may an
 * idle CPU, from its loop: the thread, runnable from when it has started until it
 * is stopped, keeps the other CPU out of there.
 */
static int hook_ipi(struct hook_ctx *c)
{
	struct task_struct *busy;
	int cpu, err;

	cpus_read_lock();
	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	if (cpu >= nr_cpu_ids) {
		err = -EOPNOTSUPP;
		goto out;
	}
	busy = kthread_run_on_cpu(hook_busy_fn, &c->done, cpu, "bpf_test_arena/%u");
	if (IS_ERR(busy)) {
		err = PTR_ERR(busy);
		goto out;
	}
	wait_for_completion(&c->done);
	err = smp_call_function_single(cpu, hook_ipi_fn, c, true);
	kthread_stop(busy);
out:
	migrate_enable();
	cpus_read_unlock();
	return err;
}

#ifdef CONFIG_X86_LOCAL_APIC
static struct cpumask nmi_cpus;	/* whose NMI is ours, and has not come yet */
static u32 nmi_what;

static int hook_nmi_fn(unsigned int type, struct pt_regs *regs)
{
	int cpu = raw_smp_processor_id();

	if (!cpumask_test_cpu(cpu, &nmi_cpus))
		return NMI_DONE;
	call_hook(nmi_what);
	cpumask_clear_cpu(cpu, &nmi_cpus);
	return NMI_HANDLED;
}

static int send_nmi(bool others)
{
	unsigned long loops = 0;
	int cpu, err = 0;

	cpu = get_cpu();
	if (others)
		cpumask_andnot(&nmi_cpus, cpu_online_mask, cpumask_of(cpu));
	else
		cpumask_copy(&nmi_cpus, cpumask_of(cpu));
	if (!cpumask_empty(&nmi_cpus))
		__apic_send_IPI_mask(&nmi_cpus, NMI_VECTOR);
	/* bits go by and by, and none comes back */
	while (!data_race(cpumask_empty(&nmi_cpus)) && ++loops < 1000000)
		udelay(1);
	if (loops == 1000000)
		err = -ETIMEDOUT;
	cpumask_clear(&nmi_cpus);
	put_cpu();
	return err;
}

/* On this CPU, or a number of times on all the others, whatever they do */
static int hook_nmi(struct hook_ctx *c, int bursts)
{
	int err;

	if (!boot_cpu_has(X86_FEATURE_APIC))
		return -EOPNOTSUPP;
	err = register_nmi_handler(NMI_LOCAL, hook_nmi_fn, 0, "bpf_test_arena");
	if (err)
		return err;
	nmi_what = c->what;
	cpus_read_lock();
	do {
		err = send_nmi(bursts);
	} while (!err && --bursts > 0);
	cpus_read_unlock();
	unregister_nmi_handler(NMI_LOCAL, "bpf_test_arena");
	return err;
}
#else
static void hook_cycles_fn(struct perf_event *event, struct perf_sample_data *data,
			   struct pt_regs *regs)
{
	struct hook_ctx *c = event->overflow_handler_context;

	if (READ_ONCE(c->err) != -EINPROGRESS)
		return;
	if (in_nmi())
		call_hook(c->what);
	WRITE_ONCE(c->err, in_nmi() ? 0 : -EOPNOTSUPP);
}

/* Where a counter's overflow is an NMI: on arm64 with irqchip.gicv3_pseudo_nmi=1 */
static int hook_nmi(struct hook_ctx *c, int bursts)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.size = sizeof(attr),
		.sample_period = 1000000,
		.pinned = 1,
	};
	unsigned long loops = 0;
	struct perf_event *event;

	if (bursts)
		return -EOPNOTSUPP;
	c->err = -EINPROGRESS;
	migrate_disable();
	event = perf_event_create_kernel_counter(&attr, smp_processor_id(), NULL, hook_cycles_fn,
						 c);
	if (IS_ERR(event)) {
		migrate_enable();
		return -EOPNOTSUPP;
	}
	while (READ_ONCE(c->err) == -EINPROGRESS && ++loops < 1000000)
		udelay(1);
	perf_event_release_kernel(event);
	migrate_enable();
	return c->err == -EINPROGRESS ? -ETIMEDOUT : c->err;
}
#endif

static void hook_locked(struct hook_ctx *c)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&access_lock, flags);
	call_hook(c->what);
	raw_spin_unlock_irqrestore(&access_lock, flags);
}

/* struct bpf_test_arena_ops */

static DEFINE_MUTEX(ops_lock);
static struct bpf_test_arena_ops *ops;
static struct bpf_map *ops_arena;
static void *obj_uaddr;

static int run_ret;
module_param(run_ret, int, 0444);
MODULE_PARM_DESC(run_ret, "what the last walk or member function returned");

static unsigned int walk_progs[TEST_ARENA_WALK_MAX];
static unsigned int nr_walk_progs;
module_param_array(walk_progs, uint, &nr_walk_progs, 0444);
MODULE_PARM_DESC(walk_progs, "ids of the programs visited by the last walk");

static unsigned int walk_arenas[TEST_ARENA_WALK_MAX];
static unsigned int nr_walk_arenas;
module_param_array(walk_arenas, uint, &nr_walk_arenas, 0444);
MODULE_PARM_DESC(walk_arenas, "ids of their arenas, 0 for none");

static unsigned long obj_sum;
module_param(obj_sum, ulong, 0444);
MODULE_PARM_DESC(obj_sum, "sum of the object's words after on_obj()");

struct walk {
	unsigned int cnt, stop_at;
};

static int walk_cb(struct bpf_prog *prog, void *data)
{
	struct bpf_map *arena = bpf_prog_arena(prog);
	struct walk *walk = data;

	if (walk->cnt < TEST_ARENA_WALK_MAX) {
		walk_progs[walk->cnt] = prog->aux->id;
		walk_arenas[walk->cnt] = arena ? arena->id : 0;
	}
	walk->cnt++;
	return walk->cnt == walk->stop_at ? 42 : 0;
}

static int ops_walk(unsigned int stop_at)
{
	struct walk walk = { .stop_at = stop_at };

	memset(walk_progs, 0, sizeof(walk_progs));
	memset(walk_arenas, 0, sizeof(walk_arenas));
	run_ret = bpf_struct_ops_for_each_prog(ops, walk_cb, &walk);
	nr_walk_progs = min(walk.cnt, TEST_ARENA_WALK_MAX);
	nr_walk_arenas = nr_walk_progs;
	return 0;
}

/*
 * Hand an object to the program that it can use as it is, and use it again
 * afterwards with no program on the stack: whatever the program did meanwhile,
 * the page is the kernel's.
 */
static int ops_obj(void)
{
	u64 *obj;
	int i;

	if (!obj_uaddr || !ops->on_obj)
		return -ENOENT;
	obj = (u64 *)(long)(bpf_arena_map_kern_vm_start(ops_arena) + (u32)(long)obj_uaddr);
	for (i = 0; i < TEST_ARENA_OBJ_WORDS; i++)
		obj[i] = i + 1;
	run_ret = ops->on_obj((long)obj_uaddr, TEST_ARENA_OBJ_WORDS);
	for (obj_sum = 0, i = 0; i < TEST_ARENA_OBJ_WORDS; i++)
		obj_sum += READ_ONCE(obj[i]);
	for (i = 0; i < TEST_ARENA_OBJ_WORDS; i++)
		WRITE_ONCE(obj[i], 0);
	return 0;
}

static int run_ops(u32 what)
{
	guard(mutex)(&ops_lock);
	if (!ops)
		return -ENODEV;
	switch (what) {
	case TEST_ARENA_RUN_WALK:
		return ops_walk(0);
	case TEST_ARENA_RUN_WALK_STOP:
		return ops_walk(2);
	case TEST_ARENA_RUN_OBJ:
		return ops_obj();
	case TEST_ARENA_RUN_EVENT:
		if (!ops->on_event)
			return -ENOENT;
		run_ret = ops->on_event(what);
		return 0;
	}
	return -EINVAL;
}

static int find_arena_cb(struct bpf_prog *prog, void *data)
{
	struct bpf_map **arena = data;

	if (!*arena)
		*arena = bpf_prog_arena(prog);
	return 0;
}

static int ops_reg(void *kdata, struct bpf_link *link)
{
	struct bpf_test_arena_ops *new = kdata;
	struct bpf_map *arena = NULL;

	guard(mutex)(&ops_lock);
	if (ops)
		return -EBUSY;
	if (new->want_obj) {
		bpf_struct_ops_for_each_prog(kdata, find_arena_cb, &arena);
		if (!arena)
			return -EINVAL;
		obj_uaddr = bpf_arena_alloc_pages_sleepable(arena, NULL, 1, NUMA_NO_NODE, 0);
		if (!obj_uaddr)
			return -ENOMEM;
		bpf_map_inc(arena);
		ops_arena = arena;
	}
	ops = new;
	return 0;
}

static void ops_unreg(void *kdata, struct bpf_link *link)
{
	guard(mutex)(&ops_lock);
	if (ops != kdata)
		return;
	ops = NULL;
	if (ops_arena) {
		bpf_arena_free_pages_sleepable(ops_arena, obj_uaddr, 1);
		bpf_map_put(ops_arena);
		ops_arena = NULL;
		obj_uaddr = NULL;
	}
}

static int ops_init(struct btf *btf)
{
	return 0;
}

static int ops_init_member(const struct btf_type *t, const struct btf_member *member,
			   void *kdata, const void *udata)
{
	const struct bpf_test_arena_ops *uops = udata;
	struct bpf_test_arena_ops *kops = kdata;

	if (__btf_member_bit_offset(t, member) / 8 != offsetof(struct bpf_test_arena_ops, want_obj))
		return 0;
	kops->want_obj = uops->want_obj;
	return 1;
}

static bool ops_is_valid_access(int off, int size, enum bpf_access_type type,
				const struct bpf_prog *prog, struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

static const struct bpf_verifier_ops ops_verifier_ops = {
	.get_func_proto = bpf_base_func_proto,
	.is_valid_access = ops_is_valid_access,
};

static int on_obj_stub(u64 obj, u32 words)
{
	return 0;
}

static int on_event_stub(u32 what)
{
	return 0;
}

static int unused_stub(void)
{
	return 0;
}

static struct bpf_test_arena_ops ops_stubs = {
	.on_obj = on_obj_stub,
	.on_event = on_event_stub,
	.unused = unused_stub,
};

static struct bpf_struct_ops bpf_test_arena_ops_desc = {
	.verifier_ops = &ops_verifier_ops,
	.init = ops_init,
	.init_member = ops_init_member,
	.reg = ops_reg,
	.unreg = ops_unreg,
	.cfi_stubs = &ops_stubs,
	.name = "bpf_test_arena_ops",
	.owner = THIS_MODULE,
};

static int run_set(const char *val, const struct kernel_param *kp)
{
	struct hook_ctx c = {};
	int err;

	err = kstrtou32(val, 0, &c.what);
	if (err)
		return err;
	init_completion(&c.done);
	switch (c.what) {
	case TEST_ARENA_RUN_TASK:
		call_hook(c.what);
		return 0;
	case TEST_ARENA_RUN_KWORKER:
		hook_kworker(&c);
		return 0;
	case TEST_ARENA_RUN_SOFTIRQ:
		hook_softirq(&c);
		return 0;
	case TEST_ARENA_RUN_IRQ_WORK:
		hook_irq_work(&c);
		return 0;
	case TEST_ARENA_RUN_HRTIMER:
		hook_hrtimer(&c);
		return 0;
	case TEST_ARENA_RUN_IPI:
		return hook_ipi(&c);
	case TEST_ARENA_RUN_NMI:
		return hook_nmi(&c, 0);
	case TEST_ARENA_RUN_NMI_OTHERS:
		return hook_nmi(&c, 100);
	case TEST_ARENA_RUN_LOCKED:
		hook_locked(&c);
		return 0;
	case TEST_ARENA_RUN_TOUCH:
		bpf_test_arena_touch_cur();
		return 0;
	}
	return run_ops(c.what);
}

static const struct kernel_param_ops run_param_ops = {
	.set = run_set,
};
module_param_cb(run, &run_param_ops, NULL, 0200);
MODULE_PARM_DESC(run, "see enum bpf_test_arena_run");

static void drop_held(void)
{
	guard(mutex)(&held_lock);
	while (nr_held)
		put_page(held[--nr_held]);
}

static int held_set(const char *val, const struct kernel_param *kp)
{
	drop_held();
	return 0;
}

static int held_get(char *buf, const struct kernel_param *kp)
{
	unsigned int i, n = 0;

	guard(mutex)(&held_lock);
	for (i = 0; i < nr_held; i++)
		n += sysfs_emit_at(buf, n, "%d ", page_count(held[i]));
	return n + sysfs_emit_at(buf, n, "\n");
}

static const struct kernel_param_ops held_param_ops = {
	.set = held_set,
	.get = held_get,
};
module_param_cb(held, &held_param_ops, NULL, 0600);
MODULE_PARM_DESC(held, "reference counts of the pages held; written to: drop them");

static int __init bpf_test_arena_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_UNSPEC, &bpf_test_arena_kfunc_set) ?:
	       register_bpf_struct_ops(&bpf_test_arena_ops_desc, bpf_test_arena_ops);
}

static void __exit bpf_test_arena_exit(void)
{
	drop_held();
}

module_init(bpf_test_arena_init);
module_exit(bpf_test_arena_exit);

MODULE_DESCRIPTION("BPF selftest: kernel access to arena memory");
MODULE_LICENSE("GPL");
