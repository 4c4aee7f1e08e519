// SPDX-License-Identifier: GPL-2.0
/*
 * Calls all kfuncs that take or return cids, from the operations where it is
 * known what they have to return, and with bad cids.
 */
#include "cid_common.bpf.h"
#include "cid_kfuncs_test.h"

/* the task and the cid of interest, and what to do with them */
s32 the_pid;
s32 the_cid;
u32 enqueue_to;
u32 bad_kfunc;

u64 nr_landed;		/* runs after an enqueue to a cid */
u64 nr_astray;		/* of these, on another CPU */
u64 nr_kicked;		/* stops with the slice gone that would last forever */
u64 nr_ticks;
u64 nr_wrong_this;	/* this_cid() is not the cid of the CPU */
u64 nr_wrong_task;	/* task_cid() of a running task is not that of its CPU */
u64 nr_wrong_curr;	/* cid_curr() of a running task's cid is another */

static s32 sent_to = -1;
bool forever;		/* the task has got SCX_SLICE_INF */

/*
 * The cid of the CPU that a running task is on. It need not be this CPU: whoever
 * changes something about a task stops and runs it from where he is.
 */
static s32 cid_of_task(struct task_struct *p)
{
	return cid_of_cpu(p->thread_info.cpu);
}

s32 BPF_STRUCT_OPS(cid_kfuncs_select_cid, struct task_struct *p, s32 prev_cid, u64 wake_flags)
{
	return prev_cid; /* so that ops.enqueue() is called */
}

void BPF_STRUCT_OPS(cid_kfuncs_enqueue, struct task_struct *p, u64 enq_flags)
{
	u32 to = enqueue_to;

	if (p->pid == the_pid)
		forever = to == CID_ENQ_FOREVER;
	if (p->pid != the_pid || to == CID_ENQ_GLOBAL) {
		scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, enq_flags);
	} else if (to == CID_ENQ_FOREVER) {
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, SCX_SLICE_INF, enq_flags);
	} else if (enq_flags & SCX_ENQ_WAKEUP) {
		/* A task that wakes up can run on any CPU. */
		sent_to = the_cid;
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL_ON | (u32)sent_to, SCX_SLICE_DFL, enq_flags);
	} else {
		sent_to = -1;
		scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, enq_flags);
	}
}

void BPF_STRUCT_OPS(cid_kfuncs_running, struct task_struct *p)
{
	s32 cid = cid_of_task(p);

	if (scx_bpf_this_cid() != cid_of_cpu(bpf_get_smp_processor_id()))
		__sync_fetch_and_add(&nr_wrong_this, 1);
	if (scx_bpf_task_cid(p) != cid)
		__sync_fetch_and_add(&nr_wrong_task, 1);

	if (p->pid == the_pid && sent_to >= 0) {
		if (cid != sent_to)
			__sync_fetch_and_add(&nr_astray, 1);
		else
			__sync_fetch_and_add(&nr_landed, 1);
		sent_to = -1;
	}
}

void BPF_STRUCT_OPS(cid_kfuncs_stopping, struct task_struct *p, bool runnable)
{
	/* Such a slice does not run down, only a kick takes it away. */
	if (p->pid == the_pid && forever && !p->scx.slice && cid_of_task(p) == the_cid)
		__sync_fetch_and_add(&nr_kicked, 1);
}

void BPF_STRUCT_OPS(cid_kfuncs_tick, struct task_struct *p)
{
	struct task_struct *curr = scx_bpf_cid_curr(scx_bpf_task_cid(p));

	__sync_fetch_and_add(&nr_ticks, 1);
	if (!curr || curr->pid != p->pid)
		__sync_fetch_and_add(&nr_wrong_curr, 1);
}

SEC("syscall")
int cid_kfuncs_this(void *ctx)
{
	return scx_bpf_this_cid();
}

SEC("syscall")
int cid_kfuncs_kick(void *ctx)
{
	scx_bpf_kick_cid(the_cid, SCX_KICK_PREEMPT);
	return 0;
}

/* Returns the pid that runs on the cid of interest. */
SEC("syscall")
int cid_kfuncs_curr(void *ctx)
{
	struct task_struct *curr;
	s32 pid = -1;

	bpf_rcu_read_lock();
	curr = scx_bpf_cid_curr(the_cid);
	if (curr)
		pid = curr->pid;
	bpf_rcu_read_unlock();
	return pid;
}

/* Returns 0, or which one was not sane. */
SEC("syscall")
int cid_kfuncs_perf(void *ctx)
{
	u32 cap = scx_bpf_cidperf_cap(the_cid), cur = scx_bpf_cidperf_cur(the_cid);

	if (!cap || cap > 1024)
		return 1;
	if (cur > 1024)
		return 2;
	scx_bpf_cidperf_set(the_cid, 0);
	scx_bpf_cidperf_set(the_cid, 1024);
	return 0;
}

SEC("syscall")
int cid_kfuncs_bad(void *ctx)
{
	struct scx_cid_topo topo;
	s32 cid = the_cid;

	switch (bad_kfunc) {
	case CID_KF_CPU_TO_CID:
		return scx_bpf_cpu_to_cid(cid);
	case CID_KF_CID_TO_CPU:
		return scx_bpf_cid_to_cpu(cid);
	case CID_KF_TOPO:
		scx_bpf_cid_topo(cid, &topo, sizeof(topo));
		break;
	case CID_KF_KICK:
		scx_bpf_kick_cid(cid, 0);
		break;
	case CID_KF_CURR: {
		struct task_struct *curr;

		bpf_rcu_read_lock();
		curr = scx_bpf_cid_curr(cid);
		bpf_rcu_read_unlock();
		return curr ? 1 : 0;
	}
	case CID_KF_PERF_CAP:
		return scx_bpf_cidperf_cap(cid);
	case CID_KF_PERF_CUR:
		return scx_bpf_cidperf_cur(cid);
	case CID_KF_PERF_SET:
		scx_bpf_cidperf_set(cid, 0);
		break;
	case CID_KF_PERF_SET_LEVEL:
		scx_bpf_cidperf_set(0, 1025);
		break;
	}
	return 0;
}

SCX_OPS_CID_DEFINE(cid_kfuncs_ops,
		   .select_cid		= (void *)cid_kfuncs_select_cid,
		   .enqueue		= (void *)cid_kfuncs_enqueue,
		   .running		= (void *)cid_kfuncs_running,
		   .stopping		= (void *)cid_kfuncs_stopping,
		   .tick		= (void *)cid_kfuncs_tick,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .flags		= SCX_OPS_ENQ_LAST, /* no slice goes on without us */
		   .name		= "cid_kfuncs");
