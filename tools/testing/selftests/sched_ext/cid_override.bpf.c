// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler that gives CPUs cids of its own choice.
 */
#include "cid_common.bpf.h"

SCX_OPS_CID_DEFINE(cid_override_ops,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_override");
