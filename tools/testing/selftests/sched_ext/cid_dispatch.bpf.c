// SPDX-License-Identifier: GPL-2.0
/*
 * Checks the cids that operations get against where they run and what the kfuncs
 * say.
 */
#include "cid_common.bpf.h"

#define SHARED_DSQ 0

s32 the_pid;
u64 nr_dispatch[CID_MAX_CPUS];		/* calls by cid */
u64 nr_idle[CID_MAX_CPUS];
u64 nr_busy[CID_MAX_CPUS];
u64 nr_dump[CID_MAX_CPUS];
u64 nr_selected;
u64 nr_prev_seen;			/* of these, with another prev_cid than the last */

u64 nr_wrong_dispatch;
u64 nr_wrong_idle;
u64 nr_wrong_dump;
u64 nr_wrong_prev;
u64 nr_wrong_selected;			/* the task went elsewhere than ops.select_cid() said */

static s32 selected = -1;
static s32 last_prev = -1;

static __always_inline void count(u64 *calls, u64 *wrong, bool is_wrong)
{
	if (is_wrong || !calls)
		__sync_fetch_and_add(wrong, 1);
	else
		__sync_fetch_and_add(calls, 1);
}

static bool is_wrong_here(s32 cid)
{
	return cid != cid_of_cpu(bpf_get_smp_processor_id()) || cid != scx_bpf_this_cid();
}

s32 BPF_STRUCT_OPS(cid_dispatch_select_cid, struct task_struct *p, s32 prev_cid, u64 wake_flags)
{
	/* It is where the task was last, or where somebody wants it to wake up. */
	if (prev_cid < 0 || prev_cid >= st.map.nr_cids ||
	    (prev_cid != scx_bpf_task_cid(p) && prev_cid != cid_of_cpu(p->wake_cpu)))
		__sync_fetch_and_add(&nr_wrong_prev, 1);
	if (p->pid != the_pid || !st.map.nr_online_cids)
		return prev_cid;

	__sync_fetch_and_add(&nr_selected, 1);
	if (prev_cid != last_prev)
		__sync_fetch_and_add(&nr_prev_seen, 1);
	last_prev = prev_cid;

	/* Any CPU that the task may run on; with all online, that is all. */
	selected = scx_bpf_cpu_to_cid(bpf_get_prandom_u32() % st.map.nr_cpu_ids);
	return selected;
}

void BPF_STRUCT_OPS(cid_dispatch_enqueue, struct task_struct *p, u64 enq_flags)
{
	if (p->pid == the_pid) {
		if ((enq_flags & SCX_ENQ_CPU_SELECTED) && selected >= 0 &&
		    scx_bpf_task_cid(p) != selected)
			__sync_fetch_and_add(&nr_wrong_selected, 1);
		selected = -1;
	}
	scx_bpf_dsq_insert(p, SHARED_DSQ, SCX_SLICE_DFL, enq_flags);
}

void BPF_STRUCT_OPS(cid_dispatch_dispatch, s32 cid, struct task_struct *prev)
{
	count(MEMBER_VPTR(nr_dispatch, [cid]), &nr_wrong_dispatch, is_wrong_here(cid));
	scx_bpf_dsq_move_to_local(SHARED_DSQ, 0);
}

void BPF_STRUCT_OPS(cid_dispatch_update_idle, s32 cid, bool idle)
{
	bool wrong = is_wrong_here(cid);

	if (idle)
		count(MEMBER_VPTR(nr_idle, [cid]), &nr_wrong_idle, wrong);
	else
		count(MEMBER_VPTR(nr_busy, [cid]), &nr_wrong_idle, wrong);
}

void BPF_STRUCT_OPS(cid_dispatch_dump_cid, struct scx_dump_ctx *dctx, s32 cid, bool idle)
{
	count(MEMBER_VPTR(nr_dump, [cid]), &nr_wrong_dump, cid < 0 || cid >= st.map.nr_cids);
	scx_bpf_dump("this is cid %d", cid);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(cid_dispatch_init)
{
	u32 sz = st.override_sz;

	if (sz > sizeof(st.override_cids))
		return -E2BIG;
	if (st.override)
		scx_bpf_cid_override(st.override_cids, sz);
	cid_snapshot(&st.map);
	return scx_bpf_create_dsq(SHARED_DSQ, -1);
}

SEC("syscall")
int cid_dispatch_error(void *ctx)
{
	scx_bpf_error("with a dump");
	return 0;
}

SCX_OPS_CID_DEFINE(cid_dispatch_ops,
		   .select_cid		= (void *)cid_dispatch_select_cid,
		   .enqueue		= (void *)cid_dispatch_enqueue,
		   .dispatch		= (void *)cid_dispatch_dispatch,
		   .update_idle		= (void *)cid_dispatch_update_idle,
		   .dump_cid		= (void *)cid_dispatch_dump_cid,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_dispatch_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_dispatch");
