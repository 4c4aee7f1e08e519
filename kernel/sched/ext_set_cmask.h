/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The argument of sched_ext_ops_cid.set_cmask(): see ext_set_cmask.c.
 */
#ifndef _KERNEL_SCHED_EXT_SET_CMASK_H
#define _KERNEL_SCHED_EXT_SET_CMASK_H

struct cpumask;
struct scx_cmask;
struct scx_sched;

int scx_set_cmask_prepare(struct scx_sched *sch);
void scx_set_cmask_release(struct scx_sched *sch);
const struct scx_cmask *scx_set_cmask_arg(struct scx_sched *sch, const struct cpumask *cpus);

#endif /* _KERNEL_SCHED_EXT_SET_CMASK_H */
