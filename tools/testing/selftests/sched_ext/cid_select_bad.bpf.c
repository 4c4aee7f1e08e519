// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler whose ops.select_cid() returns what user space says.
 */
#include "cid_common.bpf.h"

s32 the_pid;
s32 the_cid;

s32 BPF_STRUCT_OPS(cid_select_bad_select_cid, struct task_struct *p, s32 prev_cid, u64 wake_flags)
{
	return p->pid == the_pid ? the_cid : prev_cid;
}

SCX_OPS_CID_DEFINE(cid_select_bad_ops,
		   .select_cid		= (void *)cid_select_bad_select_cid,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_select_bad");
