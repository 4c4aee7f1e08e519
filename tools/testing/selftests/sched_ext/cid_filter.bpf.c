// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that call kfuncs which schedulers in one of the two forms may not
 * call, or use the argument of ops.set_cmask() in a way that they may not. User
 * space puts them into an operation of either form, one at a time.
 */
#include "cid_common.bpf.h"

/*
 * Kfuncs that take or return CPU numbers, each in a program for ops.enqueue(), where
 * all of these can be called in cpu form.
 */
#define CPU_ONLY(name, body...)							\
static __always_inline void call_##name(struct task_struct *p)			\
{										\
	body;									\
}										\
										\
SEC("?struct_ops/deny_" #name)							\
void BPF_PROG(deny_##name, struct task_struct *p, u64 enq_flags)		\
{										\
	call_##name(p);								\
}

s32 sink;

static __always_inline s32 select_cpu_dfl(struct task_struct *p)
{
	bool idle;

	return scx_bpf_select_cpu_dfl(p, 0, 0, &idle);
}

static __always_inline s32 core_cid(s32 cid)
{
	struct scx_cid_topo topo;

	scx_bpf_cid_topo(cid, &topo, sizeof(topo));
	return topo.core_cid;
}

CPU_ONLY(kick_cpu, scx_bpf_kick_cpu(0, 0))
CPU_ONLY(task_cpu, sink = scx_bpf_task_cpu(p))
CPU_ONLY(cpu_rq, sink = !scx_bpf_cpu_rq(0))
CPU_ONLY(cpu_curr, sink = !scx_bpf_cpu_curr(0))
CPU_ONLY(cpuperf_cap, sink = scx_bpf_cpuperf_cap(0))
CPU_ONLY(cpuperf_cur, sink = scx_bpf_cpuperf_cur(0))
CPU_ONLY(cpuperf_set, scx_bpf_cpuperf_set(0, 0))
CPU_ONLY(cpu_node, sink = scx_bpf_cpu_node(0))
CPU_ONLY(select_cpu_dfl, sink = select_cpu_dfl(p))
CPU_ONLY(select_cpu_and, sink = scx_bpf_select_cpu_and(p, 0, 0, p->cpus_ptr, 0))
CPU_ONLY(pick_idle_cpu, sink = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0))
CPU_ONLY(pick_idle_cpu_node, sink = scx_bpf_pick_idle_cpu_node(p->cpus_ptr, 0, 0))
CPU_ONLY(pick_any_cpu, sink = scx_bpf_pick_any_cpu(p->cpus_ptr, 0))
CPU_ONLY(pick_any_cpu_node, sink = scx_bpf_pick_any_cpu_node(p->cpus_ptr, 0, 0))
CPU_ONLY(test_and_clear_cpu_idle, sink = scx_bpf_test_and_clear_cpu_idle(0))
CPU_ONLY(get_idle_cpumask,
	 scx_bpf_put_idle_cpumask(scx_bpf_get_idle_cpumask()))
CPU_ONLY(get_idle_cpumask_node,
	 scx_bpf_put_idle_cpumask(scx_bpf_get_idle_cpumask_node(0)))
CPU_ONLY(get_idle_smtmask,
	 scx_bpf_put_idle_cpumask(scx_bpf_get_idle_smtmask()))
CPU_ONLY(get_idle_smtmask_node,
	 scx_bpf_put_idle_cpumask(scx_bpf_get_idle_smtmask_node(0)))

/* All of them in one, which shows that there is nothing else wrong with the calls. */
SEC("?struct_ops/cpu_only_all")
void BPF_PROG(cpu_only_all, struct task_struct *p, u64 enq_flags)
{
	call_kick_cpu(p);
	call_task_cpu(p);
	call_cpu_rq(p);
	call_cpu_curr(p);
	call_cpuperf_cap(p);
	call_cpuperf_cur(p);
	call_cpuperf_set(p);
	call_cpu_node(p);
	call_select_cpu_dfl(p);
	call_select_cpu_and(p);
	call_pick_idle_cpu(p);
	call_pick_idle_cpu_node(p);
	call_pick_any_cpu(p);
	call_pick_any_cpu_node(p);
	call_test_and_clear_cpu_idle(p);
	call_get_idle_cpumask(p);
	call_get_idle_cpumask_node(p);
	call_get_idle_smtmask(p);
	call_get_idle_smtmask_node(p);
}

/* These are for both. */
SEC("?struct_ops/both_all")
void BPF_PROG(both_all, struct task_struct *p, u64 enq_flags)
{
	sink = scx_bpf_cpu_to_cid(0);
	sink = scx_bpf_cid_to_cpu(0);
	sink = core_cid(0);
	scx_bpf_kick_cid(0, 0);
	sink = scx_bpf_task_cid(p);
	sink = scx_bpf_this_cid();
	sink = !scx_bpf_cid_curr(0);
	sink = scx_bpf_nr_cids();
	sink = scx_bpf_nr_online_cids();
	sink = scx_bpf_cidperf_cap(0);
	sink = scx_bpf_cidperf_cur(0);
	scx_bpf_cidperf_set(scx_bpf_this_cid(), 0);
	sink = scx_bpf_nr_cpu_ids();
	sink = scx_bpf_nr_node_ids();
	scx_bpf_put_cpumask(scx_bpf_get_online_cpumask());
	scx_bpf_put_cpumask(scx_bpf_get_possible_cpumask());
	sink = scx_bpf_task_running(p);
	scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, enq_flags);
}

/* The argument of ops.set_cmask() is no pointer, until it is cast to one. */
SEC("?struct_ops/cmask_cast")
void BPF_PROG(cmask_cast, struct task_struct *p, const struct scx_cmask *cmask)
{
	cid_use_arena();
	sink = ((const struct scx_cmask __arena *)cmask)->nr_cids;
}

SEC("?struct_ops/cmask_no_cast")
void BPF_PROG(cmask_no_cast, struct task_struct *p, const struct scx_cmask *cmask)
{
	cid_use_arena();
	sink = cmask->nr_cids;
}

SEC("?struct_ops/cmask_no_cast_write")
void BPF_PROG(cmask_no_cast_write, struct task_struct *p, struct scx_cmask *cmask)
{
	cid_use_arena();
	cmask->nr_cids = 0;
}

SEC("?struct_ops/cmask_no_arena")
void BPF_PROG(cmask_no_arena, struct task_struct *p, const struct scx_cmask *cmask)
{
	sink = ((const struct scx_cmask __arena *)cmask)->nr_cids;
}

/* A scheduler in cpu form that has begun to use cids */
u64 nr_enqueued;
u64 nr_wrong;

SEC("?struct_ops/mixed_enqueue")
void BPF_PROG(mixed_enqueue, struct task_struct *p, u64 enq_flags)
{
	s32 cpu = scx_bpf_task_cpu(p), cid = scx_bpf_task_cid(p);

	__sync_fetch_and_add(&nr_enqueued, 1);
	if (scx_bpf_cid_to_cpu(cid) != cpu || scx_bpf_cpu_to_cid(cpu) != cid)
		__sync_fetch_and_add(&nr_wrong, 1);
	if (scx_bpf_cpu_to_cid(bpf_get_smp_processor_id()) != scx_bpf_this_cid())
		__sync_fetch_and_add(&nr_wrong, 1);
	scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, enq_flags);
	scx_bpf_kick_cid(cid, SCX_KICK_IDLE);
}

SEC("?struct_ops/mixed_select_cpu")
s32 BPF_PROG(mixed_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	return scx_bpf_cid_to_cpu(scx_bpf_cpu_to_cid(prev_cpu));
}

SCX_OPS_CID_DEFINE(cid_form_ops, .name = "cid_form");
SCX_OPS_DEFINE(cpu_form_ops, .name = "cpu_form");
