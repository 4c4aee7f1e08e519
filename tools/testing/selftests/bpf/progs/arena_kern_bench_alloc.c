// SPDX-License-Identifier: GPL-2.0
/*
 * What arena_kern_bench measures of allocations by programs. There is nothing in here
 * that a kernel without the rest would not have, so that the two can be compared.
 */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_experimental.h"
#include "bpf_arena_common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << 16); /* number of pages */
} arena SEC(".maps");

#include "arena_kern_bench.h"

struct arena_bench_args args;

SEC("syscall")
int alloc_sleepable(struct arena_bench_args *ctx)
{
	alloc_and_free(ctx);
	return 0;
}

SEC("raw_tp")
int alloc_nonsleepable(void *ctx)
{
	alloc_and_free(&args);
	return 0;
}

/* How many pages can be had one by one */
static __always_inline void get_pages(struct arena_bench_args *a)
{
	int i;

	bpf_for(i, 0, a->rounds)
		a->ret += !!bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
}

SEC("syscall")
int fill_sleepable(struct arena_bench_args *ctx)
{
	get_pages(ctx);
	return 0;
}

SEC("raw_tp")
int fill_nonsleepable(void *ctx)
{
	get_pages(&args);
	return 0;
}

char _license[] SEC("license") = "GPL";
