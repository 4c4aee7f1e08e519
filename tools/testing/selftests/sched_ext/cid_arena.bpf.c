// SPDX-License-Identifier: GPL-2.0
/*
 * Schedulers with no, one and two arenas: user space picks the operations.
 */
#include "cid_common.bpf.h"

/* libbpf takes one arena per object, so user space makes this one an arena. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} arena2 SEC(".maps");

SEC("?struct_ops/cid_arena_first")
void BPF_PROG(cid_arena_first, struct task_struct *p, u64 enq_flags)
{
	cid_use_arena();
}

SEC("?struct_ops/cid_arena_second")
void BPF_PROG(cid_arena_second, struct task_struct *p, u64 enq_flags)
{
	asm volatile("" :: "r"(&arena2));
}

SCX_OPS_CID_DEFINE(cid_arena_ops,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_arena");
