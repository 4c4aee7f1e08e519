// SPDX-License-Identifier: GPL-2.0
/*
 * A minimal scheduler in cid form, which tells how CPUs map to cids.
 */
#include "cid_common.bpf.h"

/* out[] of cid_topo_sizes: topology copied out by callers of other kernels */
s32 topo_short[8];
s32 topo_long[16];

SEC("syscall")
int cid_topo_sizes(void *ctx)
{
	s32 buf[16];
	s32 i;

	for (i = 0; i < 16; i++)
		buf[i] = 0x5a5a5a5a;
	scx_bpf_cid_topo(0, (struct scx_cid_topo *)buf, 2 * sizeof(s32));
	for (i = 0; i < 8; i++)
		topo_short[i] = buf[i];

	for (i = 0; i < 16; i++)
		buf[i] = 0x5a5a5a5a;
	scx_bpf_cid_topo(0, (struct scx_cid_topo *)buf, sizeof(buf));
	for (i = 0; i < 16; i++)
		topo_long[i] = buf[i];
	return 0;
}

SCX_OPS_CID_DEFINE(cid_tables_ops,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_tables");
