/* SPDX-License-Identifier: GPL-2.0 */
/*
 * BPF extensible scheduler class: schedulers in cid form
 *
 * A scheduler in cid form is told of CPUs by their cids, and names CPUs by them.
 * The core of sched_ext knows CPU numbers only. They are translated at the
 * boundary, by what is below: each argument of an operation, each result, and
 * each argument of a kfunc, which is also where what BPF says is range-checked.
 */
#ifndef _KERNEL_SCHED_EXT_CID_OPS_H
#define _KERNEL_SCHED_EXT_CID_OPS_H

#include <linux/build_bug.h>

#include "ext_cid.h"
#include "ext_cmask.h"

/*
 * Operation table of a scheduler in cid form.
 *
 * It is &struct sched_ext_ops with cids in place of CPU numbers and a cmask in
 * place of a cpumask. Its layout is the same, so that code which does not care
 * about CPUs treats both alike; the assertions below see to it. What isn't
 * described here is described there.
 */
struct sched_ext_ops_cid {
	/*
	 * @select_cid: Pick the target CPU for a task which is being woken up
	 * @p: task being woken up
	 * @prev_cid: cid of the CPU @p was on before sleeping
	 * @wake_flags: SCX_WAKE_*
	 *
	 * Return the cid of the CPU. See sched_ext_ops.select_cpu().
	 */
	s32 (*select_cid)(struct task_struct *p, s32 prev_cid, u64 wake_flags);

	void (*enqueue)(struct task_struct *p, u64 enq_flags);
	void (*dequeue)(struct task_struct *p, u64 deq_flags);

	/*
	 * @dispatch: Dispatch tasks from the BPF scheduler and/or user DSQs
	 * @cid: cid of the CPU to dispatch tasks for
	 * @prev: previous task being switched out
	 *
	 * See sched_ext_ops.dispatch(). The local DSQ of another CPU is
	 * %SCX_DSQ_LOCAL_ON | cid.
	 */
	void (*dispatch)(s32 cid, struct task_struct *prev);

	void (*tick)(struct task_struct *p);
	void (*runnable)(struct task_struct *p, u64 enq_flags);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	void (*quiescent)(struct task_struct *p, u64 deq_flags);
	bool (*yield)(struct task_struct *from, struct task_struct *to);
	bool (*core_sched_before)(struct task_struct *a, struct task_struct *b);
	void (*set_weight)(struct task_struct *p, u32 weight);

	/*
	 * @set_cmask: Set CPU affinity
	 * @p: task to set CPU affinity for
	 * @cmask: arena address of the cmask of cids that @p can run on
	 *
	 * The kernel has written *@cmask, header and all, into the arena of the
	 * scheduler. It is valid until the operation returns. To the verifier
	 * @cmask is a number: cast it to struct scx_cmask __arena *.
	 *
	 * The cmask is in pages that the kernel owns. Like all of the arena, BPF
	 * and user space can write to it, which the kernel doesn't care about.
	 */
	void (*set_cmask)(struct task_struct *p, const struct scx_cmask *cmask);

	/*
	 * @update_idle: Update the idle state of a CPU
	 * @cid: cid of the CPU to update the idle state for
	 * @idle: whether entering or exiting the idle state
	 *
	 * See sched_ext_ops.update_idle(). The built-in idle tracking is by CPU
	 * and has no kfuncs for schedulers in cid form.
	 */
	void (*update_idle)(s32 cid, bool idle);

	s32 (*init_task)(struct task_struct *p, struct scx_init_task_args *args);
	void (*exit_task)(struct task_struct *p, struct scx_exit_task_args *args);
	void (*enable)(struct task_struct *p);
	void (*disable)(struct task_struct *p);
	void (*dump)(struct scx_dump_ctx *ctx);

	/*
	 * @dump_cid: Dump BPF scheduler state for a CPU on error
	 * @ctx: debug dump context
	 * @cid: cid of the CPU to generate debug dump for
	 * @idle: the CPU is currently idle without any runnable tasks
	 */
	void (*dump_cid)(struct scx_dump_ctx *ctx, s32 cid, bool idle);

	void (*dump_task)(struct scx_dump_ctx *ctx, struct task_struct *p);

#ifdef CONFIG_EXT_GROUP_SCHED
	s32 (*cgroup_init)(struct cgroup *cgrp, struct scx_cgroup_init_args *args);
	void (*cgroup_exit)(struct cgroup *cgrp);
	s32 (*cgroup_prep_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
	void (*cgroup_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
	void (*cgroup_cancel_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
	void (*cgroup_set_weight)(struct cgroup *cgrp, u32 weight);
	void (*cgroup_set_bandwidth)(struct cgroup *cgrp, u64 period_us, u64 quota_us,
				     u64 burst_us);
	void (*cgroup_set_idle)(struct cgroup *cgrp, bool idle);
#endif	/* CONFIG_EXT_GROUP_SCHED */

	s32 (*sub_attach)(struct scx_sub_attach_args *args);
	void (*sub_detach)(struct scx_sub_detach_args *args);

	/*
	 * @cid_online: A CPU became online
	 * @cid: cid of the CPU which just came up
	 */
	void (*cid_online)(s32 cid);

	/*
	 * @cid_offline: A CPU is going offline
	 * @cid: cid of the CPU which is going offline
	 */
	void (*cid_offline)(s32 cid);

	s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);

	u32 dispatch_max_batch;
	u64 flags;
	u32 timeout_ms;
	u32 exit_dump_len;
	u64 hotplug_seq;
	u64 sub_cgroup_id;
	char name[SCX_OPS_NAME_LEN];

	/* internal use only, must be NULL */
	void __rcu *priv;
};

#define SCX_SAME_OFFSET(cid_member, member)						\
	static_assert(offsetof(struct sched_ext_ops_cid, cid_member) ==			\
		      offsetof(struct sched_ext_ops, member) &&				\
		      sizeof_field(struct sched_ext_ops_cid, cid_member) ==		\
		      sizeof_field(struct sched_ext_ops, member))

SCX_SAME_OFFSET(select_cid, select_cpu);
SCX_SAME_OFFSET(enqueue, enqueue);
SCX_SAME_OFFSET(dequeue, dequeue);
SCX_SAME_OFFSET(dispatch, dispatch);
SCX_SAME_OFFSET(tick, tick);
SCX_SAME_OFFSET(runnable, runnable);
SCX_SAME_OFFSET(running, running);
SCX_SAME_OFFSET(stopping, stopping);
SCX_SAME_OFFSET(quiescent, quiescent);
SCX_SAME_OFFSET(yield, yield);
SCX_SAME_OFFSET(core_sched_before, core_sched_before);
SCX_SAME_OFFSET(set_weight, set_weight);
SCX_SAME_OFFSET(set_cmask, set_cpumask);
SCX_SAME_OFFSET(update_idle, update_idle);
SCX_SAME_OFFSET(init_task, init_task);
SCX_SAME_OFFSET(exit_task, exit_task);
SCX_SAME_OFFSET(enable, enable);
SCX_SAME_OFFSET(disable, disable);
SCX_SAME_OFFSET(dump, dump);
SCX_SAME_OFFSET(dump_cid, dump_cpu);
SCX_SAME_OFFSET(dump_task, dump_task);
#ifdef CONFIG_EXT_GROUP_SCHED
SCX_SAME_OFFSET(cgroup_init, cgroup_init);
SCX_SAME_OFFSET(cgroup_exit, cgroup_exit);
SCX_SAME_OFFSET(cgroup_prep_move, cgroup_prep_move);
SCX_SAME_OFFSET(cgroup_move, cgroup_move);
SCX_SAME_OFFSET(cgroup_cancel_move, cgroup_cancel_move);
SCX_SAME_OFFSET(cgroup_set_weight, cgroup_set_weight);
SCX_SAME_OFFSET(cgroup_set_bandwidth, cgroup_set_bandwidth);
SCX_SAME_OFFSET(cgroup_set_idle, cgroup_set_idle);
#endif	/* CONFIG_EXT_GROUP_SCHED */
SCX_SAME_OFFSET(sub_attach, sub_attach);
SCX_SAME_OFFSET(sub_detach, sub_detach);
SCX_SAME_OFFSET(cid_online, cpu_online);
SCX_SAME_OFFSET(cid_offline, cpu_offline);
SCX_SAME_OFFSET(init, init);
SCX_SAME_OFFSET(exit, exit);
SCX_SAME_OFFSET(dispatch_max_batch, dispatch_max_batch);
SCX_SAME_OFFSET(flags, flags);
SCX_SAME_OFFSET(timeout_ms, timeout_ms);
SCX_SAME_OFFSET(exit_dump_len, exit_dump_len);
SCX_SAME_OFFSET(hotplug_seq, hotplug_seq);
SCX_SAME_OFFSET(sub_cgroup_id, sub_cgroup_id);
SCX_SAME_OFFSET(name, name);
SCX_SAME_OFFSET(priv, priv);

#undef SCX_SAME_OFFSET

/**
 * scx_ops_cid - operation table of a scheduler in cid form
 * @sch: scheduler with @is_cid_form
 *
 * Return: the table, which is needed only to call what has another type than its
 * counterpart.
 */
static inline const struct sched_ext_ops_cid *scx_ops_cid(const struct scx_sched *sch)
{
	return (const struct sched_ext_ops_cid *)&sch->ops;
}

/**
 * scx_cpu_arg - how to name a CPU to a scheduler
 * @sch: the scheduler
 * @cpu: number of a possible CPU
 *
 * For arguments of operations.
 *
 * Return: the cid if @sch is in cid form, @cpu otherwise.
 */
static inline s32 scx_cpu_arg(const struct scx_sched *sch, s32 cpu)
{
	return sch->is_cid_form ? scx_cpu_to_cid(cpu) : cpu;
}

#endif /* _KERNEL_SCHED_EXT_CID_OPS_H */
