/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Topological CPU ids: see ext_cid.c.
 */
#ifndef _KERNEL_SCHED_EXT_CID_H
#define _KERNEL_SCHED_EXT_CID_H

#include <linux/types.h>

#include "ext_cid_map.h"

struct scx_sched;

extern struct btf_id_set8 scx_kfunc_ids_cid;
extern struct btf_id_set8 scx_kfunc_ids_cid_init;

/* under rcu_read_lock(), or with preemption or interrupts off */
const struct scx_cid_map *scx_cid_map_rcu(void);
s32 scx_cpu_to_cid(s32 cpu);
s32 scx_cid_to_cpu(s32 cid);

int scx_cid_begin_init(bool override);
void scx_cid_end_init(void);
int scx_cid_init(void);

#endif /* _KERNEL_SCHED_EXT_CID_H */
