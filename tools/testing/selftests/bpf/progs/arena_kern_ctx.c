// SPDX-License-Identifier: GPL-2.0
/* Faults of kernel code that all kinds of programs call in all kinds of contexts. */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"
#include "bpf_arena_common.h"
#include "../test_kmods/bpf_test_arena_kfunc.h"

#define CLOCK_MONOTONIC 1

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16); /* number of pages */
} arena SEC(".maps");

struct elem {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct elem);
} array SEC(".maps");

__u64 ptr;		/* what to touch */
__u32 watch, inner;	/* react to these calls of the hook */
__u32 hook_state, hook_calls;
int timer_done;
void *arena_ref;

/* Ties the program to the arena even if it uses no pointer of its own. */
#define USE_ARENA() (arena_ref = &arena)

static __always_inline __u64 touch(__u64 p)
{
	USE_ARENA();
	return bpf_test_arena_read((__arena void *)p, 0, 8);
}

static __noinline __u64 subprog(__u64 p)
{
	barrier_var(p);
	return touch(p);
}

SEC("syscall")
int call_subprog(void *ctx)
{
	return subprog(ptr);
}

__noinline int global_subprog(__u64 p)
{
	barrier_var(p);
	return touch(p);
}

SEC("syscall")
int call_global_subprog(void *ctx)
{
	return global_subprog(ptr);
}

static int loop_cb(__u64 i, void *ctx)
{
	touch(ptr);
	return 0;
}

SEC("syscall")
int call_loop(void *ctx)
{
	return bpf_loop(2, loop_cb, NULL, 0) != 2;
}

static long elem_cb(struct bpf_map *map, int *key, struct elem *val, void *ctx)
{
	touch(ptr);
	return 0;
}

SEC("syscall")
int call_for_each(void *ctx)
{
	return bpf_for_each_map_elem(&array, elem_cb, NULL, 0) != 1;
}

static int timer_cb(void *map, int *key, struct bpf_timer *timer)
{
	touch(ptr);
	timer_done = 1;
	return 0;
}

SEC("syscall")
int call_timer(void *ctx)
{
	struct elem *e = bpf_map_lookup_elem(&array, &(int){0});

	if (!e)
		return 1;
	bpf_timer_init(&e->timer, &array, CLOCK_MONOTONIC);
	bpf_timer_set_callback(&e->timer, timer_cb);
	return bpf_timer_start(&e->timer, 0, 0);
}

SEC("raw_tp")
int nonsleepable(void *ctx)
{
	return touch(ptr);
}

SEC("raw_tp")
int tail_callee(void *ctx)
{
	return touch(ptr);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int (void *));
} jmp_table SEC(".maps") = {
	.values = { [0] = (void *)&tail_callee },
};

SEC("raw_tp")
int tail_caller(void *ctx)
{
	USE_ARENA();
	bpf_tail_call(ctx, &jmp_table, 0);
	return 1;
}

/* Replaced by the programs of arena_kern_freplace.c */
__noinline int ext_target(__u64 p)
{
	barrier_var(p);
	return p != 0;
}

SEC("syscall")
int call_ext(void *ctx)
{
	USE_ARENA();
	bpf_test_arena_set_cur((__arena void *)ptr);
	return ext_target(ptr);
}

/* In a section of the kernel's making */
__u32 section;

SEC("syscall")
int call_section(void *ctx)
{
	USE_ARENA();
	return bpf_test_arena_read_in((__arena void *)ptr, section);
}

/* In a context of the kernel's making */
SEC("fentry/bpf_test_arena_hook")
int BPF_PROG(on_hook, __u32 what, __u32 state)
{
	if (what != watch)
		return 0;
	hook_state = state;
	hook_calls++;
	touch(ptr);
	return 0;
}

/* Nested programs: outer calls the hook, another one is attached there. */
SEC("syscall")
int outer(void *ctx)
{
	USE_ARENA();
	bpf_test_arena_set_cur((__arena void *)ptr);
	return bpf_test_arena_call_hook(watch);
}

SEC("fentry/bpf_test_arena_hook")
int BPF_PROG(inner_same, __u32 what)
{
	if (what != inner)
		return 0;
	hook_calls++;
	touch(ptr);
	return 0;
}

SEC("fentry/bpf_test_arena_hook")
int BPF_PROG(inner_noarena, __u32 what)
{
	if (what != inner)
		return 0;
	hook_calls++;
	bpf_test_arena_touch_cur();
	return 0;
}

char _license[] SEC("license") = "GPL";
