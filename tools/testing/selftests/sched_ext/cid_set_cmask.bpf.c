// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler that keeps a copy of the last cmask of each task of a test in its
 * arena, where user space reads it.
 */
#include "cid_common.bpf.h"
#include "cid_set_cmask_test.h"

struct cid_copy __arena_global copies[CID_NR_COPIES];

s32 copy_pids[CID_NR_COPIES];

SEC("struct_ops/cid_copy_set_cmask")
void BPF_PROG(cid_copy_set_cmask, struct task_struct *p, const struct scx_cmask *arg)
{
	const struct scx_cmask __arena *cmask = (const struct scx_cmask __arena *)arg;
	struct cid_copy __arena *copy;
	u32 i, w;

	cid_use_arena();
	cid_record(p, cmask);

	bpf_for(i, 0, CID_NR_COPIES) {
		s32 *pid = MEMBER_VPTR(copy_pids, [i]);

		if (!pid)
			break;
		if (*pid != p->pid)
			continue;
		copy = &copies[i];
		copy->base = cmask->base;
		copy->nr_cids = cmask->nr_cids;
		copy->alloc_words = cmask->alloc_words;
		bpf_for(w, 0, cmask->alloc_words)
			if (w < CID_MAX_WORDS)
				copy->bits[w] = cmask->bits[w];
	}
}

SCX_OPS_CID_DEFINE(cid_set_cmask_ops,
		   .set_cmask		= (void *)cid_copy_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_set_cmask");
