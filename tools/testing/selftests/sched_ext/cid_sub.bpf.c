// SPDX-License-Identifier: GPL-2.0
/*
 * Schedulers in cid form and in CPU form that can be the root of sub-schedulers,
 * or, with sub_cgroup_id set by user space, sub-schedulers.
 */
#include "cid_common.bpf.h"

/* The sub-scheduler to run on behalf of; 0 for none. */
u64 sub_id;
u64 nr_attached;

SEC("struct_ops/cid_sub_dispatch")
void BPF_PROG(cid_sub_dispatch, s32 cid, struct task_struct *prev)
{
	if (sub_id)
		scx_bpf_sub_dispatch(sub_id);
}

SEC("struct_ops/cid_sub_attach")
s32 BPF_PROG(cid_sub_attach, struct scx_sub_attach_args *args)
{
	nr_attached++;
	return 0;
}

SCX_OPS_CID_DEFINE(cid_sub_ops,
		   .dispatch		= (void *)cid_sub_dispatch,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .sub_attach		= (void *)cid_sub_attach,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_sub");

SEC("struct_ops/cpu_sub_attach")
s32 BPF_PROG(cpu_sub_attach, struct scx_sub_attach_args *args)
{
	nr_attached++;
	return 0;
}

SEC("struct_ops/cpu_sub_exit")
void BPF_PROG(cpu_sub_exit, struct scx_exit_info *ei)
{
	UEI_RECORD(uei, ei);
}

SEC(".struct_ops.link")
struct sched_ext_ops cpu_sub_ops = {
	.sub_attach		= (void *)cpu_sub_attach,
	.exit			= (void *)cpu_sub_exit,
	.name			= "cpu_sub",
};
