// SPDX-License-Identifier: GPL-2.0
/* The operations of arena_kern.h, from a sleepable and a non-sleepable program. */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "bpf_experimental.h"
#include "bpf_arena_common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024); /* number of pages */
} arena SEC(".maps");

#include "arena_kern.h"

struct arena_kern_args args;
__u64 kern_vm_addr, user_vm_start, map_id_noarena;

/* Arguments in the context, so that threads can run it at the same time. */
SEC("syscall")
int sleepable(struct arena_kern_args *ctx)
{
	struct arena_kern_args a = *ctx;

	arena_kern_op(&a, true);
	ctx->ret = a.ret;
	return 0;
}

SEC("raw_tp")
int nonsleepable(void *ctx)
{
	arena_kern_op(&args, false);
	return 0;
}

/* Has no arena */
SEC("syscall")
int no_arena(void *ctx)
{
	map_id_noarena = bpf_test_arena_map_id();
	return 0;
}

/* What the accessors of the kernel are compared with */
SEC("syscall")
int look_inside(void *ctx)
{
	struct bpf_arena *ptr = (void *)&arena;
	struct vm_struct *kern_vm;

	barrier_var(ptr);
	user_vm_start = ptr->user_vm_start;
	kern_vm = ptr->kern_vm;
	kern_vm_addr = (__u64)BPF_CORE_READ(kern_vm, addr);
	return 0;
}

char _license[] SEC("license") = "GPL";
