// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler that stays while CPUs come and go, and one that does not.
 */
#include "cid_common.bpf.h"

s32 online_cid = -1;
s32 offline_cid = -1;
u64 nr_online;
u64 nr_offline;

void BPF_STRUCT_OPS_SLEEPABLE(cid_hotplug_online, s32 cid)
{
	online_cid = cid;
	__sync_fetch_and_add(&nr_online, 1);
}

void BPF_STRUCT_OPS_SLEEPABLE(cid_hotplug_offline, s32 cid)
{
	offline_cid = cid;
	__sync_fetch_and_add(&nr_offline, 1);
}

SCX_OPS_CID_DEFINE(cid_hotplug_ops,
		   .cid_online		= (void *)cid_hotplug_online,
		   .cid_offline		= (void *)cid_hotplug_offline,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_hotplug");

SCX_OPS_CID_DEFINE(cid_hotplug_none_ops,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_hotplug_none");
