// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler in cid form, with all of its state in a BPF arena.
 *
 * A task that wakes up climbs down a ladder until it finds an idle CPU that it may
 * run on: where it last ran, then the same core, the same LLC, the same NUMA node,
 * anywhere. Since cids are numbered in that order, each rung is a range of cids and
 * the same search, in the intersection of two cmasks: that of the idle CPUs, and
 * that of the task's affinity. If no allowed CPU is idle, the task is queued by
 * weighted vtime, as in scx_simple but with a queue per LLC. A CPU serves the queue
 * of its own LLC first, then those of its node, then all.
 *
 * It shows
 *
 * - how a task's affinity gets to BPF: ops_cid.set_cmask() is handed the address of
 *   a cmask in this scheduler's arena that the kernel wrote there. The program reads
 *   it through a plain pointer. Nothing is copied out of kernel memory, and no CPU
 *   number is translated, by any program here (but see cross_check);
 * - idle CPUs tracked in a cmask, and how to lose neither a wakeup nor an idle CPU;
 * - contexts of tasks in the arena;
 * - user space that reads all of this where it lies.
 *
 * A program can use arena memory only if it refers to the arena map. Those here do
 * so by touching the variable "lad", which lies in the arena.
 */
#include <scx/common.bpf.h>

#include "scx_ladder.h"

char _license[] SEC("license") = "GPL";

UEI_DEFINE(uei);

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << 16);		/* pages: 100,000 tasks on 8,192 CPUs fit */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
	__ulong(map_extra, 1ull << 32);		/* where user space maps it */
#else
	__ulong(map_extra, 1ull << 44);
#endif
} arena SEC(".maps");

struct ladder __arena_global lad;

/*
 * For the sake of comparison: also make each task's cmask the way it has to be done
 * without the arena, CPU by CPU from p->cpus_ptr, count that and compare the results.
 */
const volatile bool cross_check;

/* A task's context is in the arena; this is where the task has the pointer to it. */
struct task_slot {
	struct ladder_task __arena *ctx;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_slot);
} task_slots SEC(".maps");

private(LADDER) struct bpf_spin_lock free_lock;

/* Keep so many contexts ahead: BPF's page allocation can fail with memory left. */
#define SPARE_TASKS	64
#define CHUNK_PAGES	4

/* Every so many dispatches a CPU looks at another queue first, each in turn. */
#define LOOK_AROUND	4

static __always_inline struct ladder_cid __arena *cid_ctx(s32 cid)
{
	return (u32)cid < lad.nr_cids ? &lad.cids[cid] : NULL;
}

/*
 * The statistics of the CPU that this runs on. Where this is used interrupts are
 * off, so that nothing else counts there at the same time. A program that runs on a
 * CPU has a cid, but the verifier cannot know that, so there is always an answer.
 */
static __always_inline struct ladder_stats __arena *stats(void)
{
	struct ladder_cid __arena *c = cid_ctx(scx_bpf_this_cid());

	return c ? &c->stats : &lad.cids->stats;
}

/* The test is of use too: it is what makes each program that calls this refer to lad. */
static __always_inline struct ladder_task __arena *task_ctx(struct task_struct *p)
{
	struct task_slot *slot = bpf_task_storage_get(&task_slots, p, 0, 0);

	return slot && lad.ready ? slot->ctx : NULL;
}

/* Claim an idle cid in [from, to) that is in @allowed. Return -1 if there is none. */
static __noinline s32 claim_idle(const struct scx_cmask __arena *allowed, u32 from, u32 to)
{
	struct scx_cmask __arena *idle = lad.idle;
	u32 cid = from;

	while (can_loop) {
		cid = cmask_next_and_set(idle, allowed, cid);
		if (cid >= to)
			return -1;
		if (cmask_test_and_clear(idle, cid))
			return cid;
		cid++;
	}
	return -1;
}

/*
 * Climb down from @prev_cid to the nearest idle cid that @t may run on, and claim
 * it. Return it, and the rung in @rung; or -1.
 */
static __noinline s32 pick_idle(struct ladder_task __arena *t, s32 prev_cid, u32 *rung)
{
	struct ladder_cid __arena *c = cid_ctx(prev_cid);
	struct scx_cmask __arena *allowed = &t->cmask;
	s32 cid;

	if (!c)
		return -1;

	*rung = LADDER_PREV;
	if (t->mask_from == LADDER_MASK_UNKNOWN)
		/* the one place that the kernel says it may run on */
		return cmask_test_and_clear(lad.idle, prev_cid) ? prev_cid : -1;
	if (cmask_test(allowed, prev_cid) && cmask_test_and_clear(lad.idle, prev_cid))
		return prev_cid;

	*rung = LADDER_CORE;
	cid = claim_idle(allowed, c->core, c->core_end);
	if (cid >= 0)
		return cid;

	*rung = LADDER_LLC;
	cid = claim_idle(allowed, c->llc, c->llc_end);
	if (cid >= 0)
		return cid;

	*rung = LADDER_NODE;
	cid = claim_idle(allowed, c->node, c->node_end);
	if (cid >= 0)
		return cid;

	*rung = LADDER_FAR;
	return claim_idle(allowed, 0, lad.nr_cids);
}

s32 BPF_STRUCT_OPS(ladder_select_cid, struct task_struct *p, s32 prev_cid, u64 wake_flags)
{
	struct ladder_task __arena *t = task_ctx(p);
	u32 rung = 0;
	s32 cid;

	if (!t)
		return prev_cid;

	cid = pick_idle(t, prev_cid, &rung);
	if (cid < 0) {
		stats()->busy++;
		return prev_cid;
	}

	/*
	 * To the local DSQ of whichever CPU the task ends up on. Should the kernel
	 * know better than the mask, it goes there, and no harm is done.
	 */
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SCX_SLICE_DFL, 0);
	if (rung < LADDER_NR_RUNGS)
		stats()->placed[rung]++;
	return cid;
}

void BPF_STRUCT_OPS(ladder_enqueue, struct task_struct *p, u64 enq_flags)
{
	struct ladder_task __arena *t = task_ctx(p);
	s32 cid = scx_bpf_task_cid(p);
	struct ladder_cid __arena *c = cid_ctx(cid);
	u32 rung;
	u64 vtime;

	if (!t || !c) {
		scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, enq_flags);
		return;
	}

	/* who slept for long does not get more than a slice for it */
	vtime = t->vtime;
	if (time_before(vtime, lad.vtime_now - SCX_SLICE_DFL))
		vtime = lad.vtime_now - SCX_SLICE_DFL;
	scx_bpf_dsq_insert_vtime(p, c->queue, SCX_SLICE_DFL, vtime, enq_flags);
	stats()->queued++;

	/*
	 * There may be an idle CPU all the same: not all tasks come by way of
	 * select_cid(). The other half of this is in ladder_dispatch().
	 */
	cid = pick_idle(t, cid, &rung);
	if (cid >= 0) {
		scx_bpf_kick_cid(cid, SCX_KICK_IDLE);
		stats()->kicked++;
	}
}

/* Fetch a task from one of the queues [from, to) but @own, beginning behind that. */
static __noinline bool steal(u32 own, u32 from, u32 to)
{
	u32 i, queue, nr = to - from;

	bpf_for(i, 1, nr) {
		queue = own + i;
		if (queue >= to)
			queue -= nr;
		if (scx_bpf_dsq_move_to_local(queue, 0))
			return true;
	}
	return false;
}

/* Fetch a task for the CPU that @c is of. */
static bool fetch(struct ladder_cid __arena *c)
{
	u32 own = c->queue, other;

	/*
	 * A task in the queue of another LLC may be allowed to run nowhere but here,
	 * say because the CPUs over there went offline. As long as there is work
	 * nearer, it would never be seen.
	 */
	if (++c->nr_dispatches % LOOK_AROUND == 0) {
		other = c->nr_dispatches / LOOK_AROUND % lad.nr_queues;
		if (other != own && scx_bpf_dsq_move_to_local(other, 0)) {
			c->stats.stolen++;
			return true;
		}
	}
	if (scx_bpf_dsq_move_to_local(own, 0)) {
		c->stats.fetched++;
		return true;
	}
	if (steal(own, c->node_queue, c->node_queue_end) || steal(own, 0, lad.nr_queues)) {
		c->stats.stolen++;
		return true;
	}
	return false;
}

void BPF_STRUCT_OPS(ladder_dispatch, s32 cid, struct task_struct *prev)
{
	struct ladder_cid __arena *c = cid_ctx(cid);

	if (!c || fetch(c))
		return;
	if (prev && prev->scx.flags & SCX_TASK_QUEUED)
		return;				/* keeps running */

	/*
	 * About to be idle. Say so, then look again: either we see the task that
	 * ladder_enqueue() queued, or it sees that we are idle. update_idle() alone
	 * comes too late for that, and does not come at all for a CPU that was idle
	 * before, one that was kicked and found that another one had been faster.
	 */
	if (cmask_test(lad.online, cid)) {
		cmask_set(lad.idle, cid);
		if (fetch(c))
			cmask_clear(lad.idle, cid);
	}
}

void BPF_STRUCT_OPS(ladder_update_idle, s32 cid, bool idle)
{
	if (!idle)
		cmask_clear(lad.idle, cid);
	else if (cmask_test(lad.online, cid))
		cmask_set(lad.idle, cid);
}

void BPF_STRUCT_OPS(ladder_running, struct task_struct *p)
{
	struct ladder_task __arena *t = task_ctx(p);
	s32 cid = scx_bpf_task_cid(p);

	/* a CPU that got a task while on its way to idle never was there */
	if (cmask_test(lad.idle, cid))
		cmask_clear(lad.idle, cid);

	if (!t)
		return;
	t->ran_at = scx_bpf_now();
	/* a race between CPUs that costs a little fairness for a short while */
	if (time_before(lad.vtime_now, t->vtime))
		lad.vtime_now = t->vtime;
}

void BPF_STRUCT_OPS(ladder_stopping, struct task_struct *p, bool runnable)
{
	struct ladder_task __arena *t = task_ctx(p);

	if (t)
		t->vtime += scale_by_task_weight_inverse(p, time_delta(scx_bpf_now(), t->ran_at));
}

void BPF_STRUCT_OPS(ladder_enable, struct task_struct *p)
{
	struct ladder_task __arena *t = task_ctx(p);

	if (t)
		t->vtime = lad.vtime_now;
}

/* Outside of sched_ext a task changes its affinity without a word to us. */
void BPF_STRUCT_OPS(ladder_disable, struct task_struct *p)
{
	struct ladder_task __arena *t = task_ctx(p);

	if (t)
		t->mask_from = LADDER_MASK_UNKNOWN;
}

/* Note what set_cmask() was handed where user space finds it. */
static void log_change(struct task_struct *p, const struct scx_cmask __arena *cmask)
{
	u64 seq = __sync_fetch_and_add(&lad.nr_changes, 1);
	struct ladder_change __arena *e = &lad.changes[seq % LADDER_NR_CHANGES];
	u32 i, nr = cmask->alloc_words;

	/* full barriers: who sees the number at both ends has what is between */
	__sync_lock_test_and_set(&e->seq, 0);
	e->addr = (u64)cmask;
	e->pid = p->pid;
	/* without a loop: the verifier wants constant offsets into task_struct */
#pragma clang loop unroll(full)
	for (i = 0; i < LADDER_COMM_LEN; i++)
		e->comm[i] = p->comm[i];
	e->base = cmask->base;
	e->nr_cids = cmask->nr_cids;
	e->nr_words = nr;
	if (nr > LADDER_CHANGE_WORDS)
		nr = LADDER_CHANGE_WORDS;
	bpf_for(i, 0, nr)
		e->words[i] = cmask->bits[i];
	__sync_lock_test_and_set(&e->seq, seq + 1);
}

/*
 * @cmask_arg is the arena address of a cmask that the kernel wrote there, valid
 * until this returns. The cast makes it an arena pointer. From then on it is read
 * like any other arena memory.
 */
void BPF_STRUCT_OPS(ladder_set_cmask, struct task_struct *p, const struct scx_cmask *cmask_arg)
{
	struct scx_cmask __arena *cmask = (struct scx_cmask __arena *)(long)cmask_arg;
	struct ladder_task __arena *t = task_ctx(p);
	struct ladder_cid __arena *c;

	if (t) {
		cmask_copy(&t->cmask, cmask);
		t->mask_from = LADDER_MASK_SET;
	}
	stats()->set_cmask++;
	log_change(p, cmask);

	if (!cross_check)
		return;
	c = cid_ctx(scx_bpf_this_cid());
	if (c) {
		cmask_from_cpumask(c->scratch, p->cpus_ptr);
		c->stats.copies++;
		if (!cmask_equal(c->scratch, cmask))
			c->stats.mismatches++;
	}
}

void BPF_STRUCT_OPS(ladder_cid_online, s32 cid)
{
	cmask_set(lad.online, cid);
}

/*
 * The wrapper in compat.bpf.h does not find it in a kernel that hides the implicit
 * argument from programs, as those with cids do.
 */
void scx_bpf_dsq_reenq___ladder(u64 dsq_id, u64 reenq_flags) __ksym;

/*
 * A CPU goes offline only when no task is left that the kernel counts on it. Those
 * in the queue of its LLC are, and it does not dispatch any more. So have the tasks
 * there enqueued again: the kernel puts those of that CPU on its local DSQ, from
 * where they run and are pushed away. The others are back here in ladder_enqueue().
 */
void BPF_STRUCT_OPS(ladder_cid_offline, s32 cid)
{
	struct ladder_cid __arena *c = cid_ctx(cid);

	cmask_clear(lad.online, cid);
	cmask_clear(lad.idle, cid);
	if (c)
		scx_bpf_dsq_reenq___ladder(c->queue, 0);
}

/* Add a few pages of contexts to the free ones. May sleep. */
static int grow_tasks(void)
{
	u32 size = lad.task_size, nr = CHUNK_PAGES * PAGE_SIZE / size, i;
	struct ladder_task __arena *first, *last, *t;

	first = bpf_arena_alloc_pages(&arena, NULL, CHUNK_PAGES, NUMA_NO_NODE, 0);
	if (!first)
		return -ENOMEM;

	last = first;
	bpf_for(i, 1, nr) {
		t = (void __arena *)last + size;
		last->next_free = t;
		last = t;
	}

	bpf_spin_lock(&free_lock);
	last->next_free = lad.free_tasks;
	lad.free_tasks = first;
	lad.nr_free += nr;
	lad.nr_pages += CHUNK_PAGES;
	bpf_spin_unlock(&free_lock);
	return 0;
}

s32 BPF_STRUCT_OPS_SLEEPABLE(ladder_init_task, struct task_struct *p,
			     struct scx_init_task_args *args)
{
	struct ladder_task __arena *t, *parent = NULL;
	struct task_slot *slot;

	slot = bpf_task_storage_get(&task_slots, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!slot)
		return -ENOMEM;

	if (lad.nr_free < SPARE_TASKS)
		grow_tasks();
	bpf_spin_lock(&free_lock);
	t = lad.free_tasks;
	if (t) {
		lad.free_tasks = t->next_free;
		lad.nr_free--;
	}
	bpf_spin_unlock(&free_lock);
	if (!t)
		return -ENOMEM;

	__sync_fetch_and_add(&lad.nr_tasks, 1);
	t->vtime = 0;
	t->ran_at = 0;
	t->mask_from = LADDER_MASK_UNKNOWN;
	cmask_init(&t->cmask, 0, lad.nr_cids);

	/*
	 * set_cmask() comes when a task enters sched_ext and when its affinity
	 * changes. A new task is born into sched_ext with the affinity of its
	 * parent, which the parent's context has, unless the parent is not in
	 * sched_ext or its affinity is just being changed. The number of CPUs
	 * tells, nearly always. A mask that is wrong all the same costs a detour,
	 * since the kernel has the last word.
	 */
	if (args->fork) {
		__sync_fetch_and_add(&lad.nr_forks, 1);
		parent = task_ctx(bpf_get_current_task_btf());
	}
	if (parent && parent->mask_from != LADDER_MASK_UNKNOWN) {
		cmask_copy(&t->cmask, &parent->cmask);
		if (cmask_weight(&t->cmask) == p->nr_cpus_allowed) {
			t->mask_from = LADDER_MASK_INHERITED;
			__sync_fetch_and_add(&lad.nr_inherited, 1);
		}
	}

	slot->ctx = t;
	return 0;
}

void BPF_STRUCT_OPS(ladder_exit_task, struct task_struct *p, struct scx_exit_task_args *args)
{
	struct ladder_task __arena *t = task_ctx(p);

	if (!t)
		return;
	bpf_task_storage_delete(&task_slots, p);

	bpf_spin_lock(&free_lock);
	t->next_free = lad.free_tasks;
	lad.free_tasks = t;
	lad.nr_free++;
	bpf_spin_unlock(&free_lock);
	__sync_fetch_and_add(&lad.nr_tasks, -1);
}

/* Zeroed arena memory, never freed. */
static void __arena *alloc(u64 size)
{
	return bpf_arena_alloc_pages(&arena, NULL, (size + PAGE_SIZE - 1) / PAGE_SIZE,
				     NUMA_NO_NODE, 0);
}

static struct scx_cmask __arena *alloc_cmask(void)
{
	struct scx_cmask __arena *m = alloc(SCX_CMASK_SIZE(lad.nr_cids));

	if (m)
		cmask_init(m, 0, lad.nr_cids);
	return m;
}

/* Where the units begin that cid @i is in, and which queue is its LLC's. */
static int init_cid(u32 i)
{
	struct ladder_cid __arena *c = cid_ctx(i);
	struct scx_cid_topo topo = {};

	if (!c)
		return -EINVAL;
	scx_bpf_cid_topo(i, &topo, sizeof(topo));
	c->cpu = scx_bpf_cid_to_cpu(i);
	c->has_topo = topo.llc_idx >= 0;
	if (c->has_topo) {
		c->core = topo.core_cid;
		c->llc = topo.llc_cid;
		c->node = topo.node_cid;
		c->queue = topo.llc_idx;
		if (lad.nr_queues <= c->queue)
			lad.nr_queues = c->queue + 1;
		__cmask_set(lad.online, i);
	} else {
		c->core = i;
		c->llc = i;
		c->node = i;
	}
	if (cross_check) {
		c->scratch = alloc_cmask();
		if (!c->scratch)
			return -ENOMEM;
	}
	return 0;
}

/*
 * Where these units end, and from which to which queue the node's go. Called for the
 * highest cid first, so that most of it is what the next one has.
 */
static void init_cid_ends(u32 i)
{
	struct ladder_cid __arena *c = cid_ctx(i), *next = cid_ctx(i + 1), *first;

	if (!c)
		return;
	c->core_end = next && next->core == c->core ? next->core_end : i + 1;
	c->llc_end = next && next->llc == c->llc ? next->llc_end : i + 1;
	c->node_end = next && next->node == c->node ? next->node_end : i + 1;

	/* CPUs without topology, not online when this was loaded, share the last queue */
	if (!c->has_topo) {
		c->queue = lad.nr_queues - 1;
		c->node_queue = c->queue;
		c->node_queue_end = c->queue + 1;
		return;
	}
	first = cid_ctx(c->node);
	c->node_queue = first ? first->queue : c->queue;
	c->node_queue_end = next && next->node == c->node ? next->node_queue_end : c->queue + 1;
}

s32 BPF_STRUCT_OPS_SLEEPABLE(ladder_init)
{
	u32 i, nr = scx_bpf_nr_cids();
	int ret;

	lad.nr_cids = nr;
	lad.task_size = (sizeof(struct ladder_task) + SCX_CMASK_NR_WORDS(nr) * sizeof(u64) + 63) &
			~63U;
	lad.cids = alloc(nr * sizeof(struct ladder_cid));
	lad.changes = alloc(LADDER_NR_CHANGES * sizeof(struct ladder_change));
	lad.online = alloc_cmask();
	lad.idle = alloc_cmask();
	if (!lad.cids || !lad.changes || !lad.online || !lad.idle) {
		scx_bpf_error("no memory for %u cids", nr);
		return -ENOMEM;
	}

	bpf_for(i, 0, nr) {
		ret = init_cid(i);
		if (ret) {
			scx_bpf_error("cid %u: error %d", i, ret);
			return ret;
		}
	}
	lad.nr_queues++;
	bpf_for(i, 0, nr)
		init_cid_ends(nr - 1 - i);
	bpf_for(i, 0, lad.nr_queues) {
		ret = scx_bpf_create_dsq(i, NUMA_NO_NODE);
		if (ret) {
			scx_bpf_error("failed to create DSQ %u (%d)", i, ret);
			return ret;
		}
	}

	/* not known yet; a wrong guess is corrected when that CPU runs something */
	cmask_copy(lad.idle, lad.online);
	lad.ready = true;
	return 0;
}

void BPF_STRUCT_OPS(ladder_exit, struct scx_exit_info *ei)
{
	UEI_RECORD(uei, ei);
}

SCX_OPS_CID_DEFINE(ladder_ops,
		   .select_cid		= (void *)ladder_select_cid,
		   .enqueue		= (void *)ladder_enqueue,
		   .dispatch		= (void *)ladder_dispatch,
		   .update_idle		= (void *)ladder_update_idle,
		   .running		= (void *)ladder_running,
		   .stopping		= (void *)ladder_stopping,
		   .enable		= (void *)ladder_enable,
		   .disable		= (void *)ladder_disable,
		   .set_cmask		= (void *)ladder_set_cmask,
		   .cid_online		= (void *)ladder_cid_online,
		   .cid_offline		= (void *)ladder_cid_offline,
		   .init_task		= (void *)ladder_init_task,
		   .exit_task		= (void *)ladder_exit_task,
		   .init		= (void *)ladder_init,
		   .exit		= (void *)ladder_exit,
		   .name		= "ladder");
