// SPDX-License-Identifier: GPL-2.0
/*
 * The twin of scx_ladder in cpu form, for `make bench`: the same policy and the same
 * state in an arena, but CPUs go by their numbers, and a task's affinity comes as a
 * pointer to kernel memory, out of which BPF copies it word by word.
 *
 * Where cids are numbered as the CPUs are, as in the guests of the bench, both do the
 * same. All but set_cpumask() is the source of scx_ladder, with what asks for cids
 * asking for CPUs.
 */
#include <scx/common.bpf.h>

#define scx_bpf_this_cid() ((s32)bpf_get_smp_processor_id())
#define scx_bpf_task_cid(p) scx_bpf_task_cpu(p)
#define scx_bpf_kick_cid(cid, flags) scx_bpf_kick_cpu(cid, flags)
#define scx_bpf_nr_cids() scx_bpf_nr_cpu_ids()
#define scx_bpf_cid_to_cpu(cid) ((s32)(cid))

#undef SCX_OPS_CID_DEFINE
#define SCX_OPS_CID_DEFINE(name, ...)
#include "scx_ladder.bpf.c"

void BPF_STRUCT_OPS(ladder_set_cpumask, struct task_struct *p, const struct cpumask *cpumask)
{
	struct ladder_task __arena *t = task_ctx(p);
	u32 i, nr_words = (lad.nr_cids + 63) / 64;
	u64 word;

	stats()->set_cmask++;
	if (!t)
		return;
	bpf_for(i, 0, nr_words) {
		if (bpf_probe_read_kernel(&word, sizeof(word), (u64 *)cpumask + i))
			return;
		t->cmask.bits[i] = word;
	}
	t->mask_from = LADDER_MASK_SET;
	log_change(p, &t->cmask);
}

SCX_OPS_DEFINE(ladder_cpu_ops,
	       .select_cpu		= (void *)ladder_select_cid,
	       .enqueue			= (void *)ladder_enqueue,
	       .dispatch		= (void *)ladder_dispatch,
	       .update_idle		= (void *)ladder_update_idle,
	       .running			= (void *)ladder_running,
	       .stopping		= (void *)ladder_stopping,
	       .enable			= (void *)ladder_enable,
	       .disable			= (void *)ladder_disable,
	       .set_cpumask		= (void *)ladder_set_cpumask,
	       .cpu_online		= (void *)ladder_cid_online,
	       .cpu_offline		= (void *)ladder_cid_offline,
	       .init_task		= (void *)ladder_init_task,
	       .exit_task		= (void *)ladder_exit_task,
	       .init			= (void *)ladder_init,
	       .exit			= (void *)ladder_exit,
	       .name			= "ladder_cpu");
