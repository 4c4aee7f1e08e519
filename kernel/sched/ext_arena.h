/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The arena of a scheduler in cid form: see ext_arena.c.
 */
#ifndef _KERNEL_SCHED_EXT_ARENA_H
#define _KERNEL_SCHED_EXT_ARENA_H

#include <linux/types.h>

struct bpf_map;
struct scx_sched;
struct sched_ext_ops;

struct bpf_map *scx_arena_find(const struct sched_ext_ops *ops);
int scx_arena_attach(struct scx_sched *sch, struct bpf_map *arena);
void scx_arena_detach(struct scx_sched *sch);

void *scx_arena_alloc(struct scx_sched *sch, size_t size);
void scx_arena_free(struct scx_sched *sch, void *ptr, size_t size);

void *scx_kaddr_to_arena(const struct scx_sched *sch, const void *kaddr);
void *scx_arena_to_kaddr(const struct scx_sched *sch, const void *uaddr);

#endif /* _KERNEL_SCHED_EXT_ARENA_H */
