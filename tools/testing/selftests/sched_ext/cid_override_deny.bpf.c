// SPDX-License-Identifier: GPL-2.0
/*
 * scx_bpf_cid_override() from where it must not be called. User space picks one
 * of the operations.
 */
#include "cid_common.bpf.h"

static s32 cids[4];

SEC("?struct_ops/cid_deny_runnable")
void BPF_PROG(cid_deny_runnable, struct task_struct *p, u64 enq_flags)
{
	scx_bpf_cid_override(cids, sizeof(cids));
}

SEC("?struct_ops/cid_deny_dispatch")
void BPF_PROG(cid_deny_dispatch, s32 cid, struct task_struct *prev)
{
	scx_bpf_cid_override(cids, sizeof(cids));
}

SEC("?struct_ops.s/cid_deny_init_task")
s32 BPF_PROG(cid_deny_init_task, struct task_struct *p, struct scx_init_task_args *args)
{
	scx_bpf_cid_override(cids, sizeof(cids));
	return 0;
}

SEC("?struct_ops.s/cid_deny_exit")
void BPF_PROG(cid_deny_exit, struct scx_exit_info *ei)
{
	scx_bpf_cid_override(cids, sizeof(cids));
}

SEC("?struct_ops.s/cid_deny_cid_online")
void BPF_PROG(cid_deny_cid_online, s32 cid)
{
	scx_bpf_cid_override(cids, sizeof(cids));
}

/* the same call where it is fine, so that it is not rejected for how it is made */
SEC("?struct_ops.s/cid_allow_init")
s32 BPF_PROG(cid_allow_init)
{
	scx_bpf_cid_override(cids, sizeof(cids));
	return 0;
}

SEC("?syscall")
int cid_deny_syscall(void *ctx)
{
	scx_bpf_cid_override(cids, sizeof(cids));
	return 0;
}

SCX_OPS_CID_DEFINE(cid_override_deny_ops,
		   .set_cmask		= (void *)cid_set_cmask,
		   .name		= "cid_override_deny");
