// SPDX-License-Identifier: GPL-2.0
/* Extensions of call_ext() in arena_kern_ctx.c */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_experimental.h"
#include "bpf_arena_common.h"
#include "../test_kmods/bpf_test_arena_kfunc.h"

/* The same arena as the target's, or one of its own */
struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16); /* number of pages */
} arena SEC(".maps");

int calls;
void *arena_ref;

SEC("freplace/ext_target")
int ext_arena(__u64 p)
{
	arena_ref = &arena;
	calls++;
	bpf_test_arena_read((__arena void *)p, 0, 8);
	return 0;
}

/* Has no arena, and kernel code in its reach touches the target's */
SEC("freplace/ext_target")
int ext_noarena(__u64 p)
{
	calls++;
	bpf_test_arena_touch_cur();
	return 0;
}

char _license[] SEC("license") = "GPL";
