// SPDX-License-Identifier: GPL-2.0
/* struct_ops programs that get objects of the kernel's in their arena. */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"
#include "bpf_arena_common.h"
#include "../test_kmods/bpf_test_arena_kfunc.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16); /* number of pages */
} arena SEC(".maps");

__u64 obj_seen, obj_sum;
__u64 ptr;
bool do_free;
int calls;

/* Use the kernel's object in place, and free it if told to misbehave. */
static __always_inline int use_obj(__u64 obj, __u32 words)
{
	__u64 __arena *w = (__u64 __arena *)obj;
	__u64 sum = 0;
	int i;

	calls++;
	obj_seen = obj;
	bpf_for(i, 0, words) {
		sum += w[i];
		w[i] *= 2;
	}
	obj_sum = sum;
	if (do_free)
		bpf_arena_free_pages(&arena, (__arena void *)w, 1);
	return words;
}

SEC("struct_ops")
int BPF_PROG(on_obj, __u64 obj, __u32 words)
{
	return use_obj(obj, words);
}

SEC("struct_ops.s")
int BPF_PROG(on_obj_sleepable, __u64 obj, __u32 words)
{
	return use_obj(obj, words);
}

SEC("struct_ops")
int BPF_PROG(on_event, __u32 what)
{
	void *ref = &arena;

	barrier_var(ref);
	calls++;
	bpf_test_arena_read((__arena void *)ptr, 0, 8);
	return 7;
}

/* Has no arena */
SEC("struct_ops")
int BPF_PROG(unused)
{
	return 0;
}

SEC(".struct_ops.link")
struct bpf_test_arena_ops ops_obj = {
	.on_obj = (void *)on_obj,
	.want_obj = 1,
};

SEC(".struct_ops.link")
struct bpf_test_arena_ops ops_obj_sleepable = {
	.on_obj = (void *)on_obj_sleepable,
	.want_obj = 1,
};

SEC(".struct_ops.link")
struct bpf_test_arena_ops ops_walk = {
	.on_event = (void *)on_event,
	.on_obj = (void *)on_obj,
	.unused = (void *)unused,
};

SEC(".struct_ops.link")
struct bpf_test_arena_ops ops_event = {
	.on_event = (void *)on_event,
};

char _license[] SEC("license") = "GPL";
