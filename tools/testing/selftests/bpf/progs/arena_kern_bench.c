// SPDX-License-Identifier: GPL-2.0
/* What arena_kern_bench measures with the help of bpf_bench_arena.ko */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_experimental.h"
#include "bpf_arena_common.h"
#include "../test_kmods/bpf_bench_arena_kfunc.h"

#define MAX_WORDS	64

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1024); /* number of pages */
} arena SEC(".maps");

#include "arena_kern_bench.h"

/* A program has the arena that it refers to. */
static __always_inline void use_arena(void)
{
	asm volatile("" : : "r"(&arena));
}

/* A cmask that was fetched from kernel memory: two words of header, then the bits */
__u64 __arena_global copy[2 + MAX_WORDS];
__u64 sink;

SEC("syscall")
int clock_rate(struct arena_bench_args *args)
{
	args->ns = bpf_bench_arena_clock(args->rounds);
	return 0;
}

SEC("syscall")
int prepare(struct arena_bench_args *args)
{
	return bpf_bench_arena_prepare(&arena, args->cnt, args->how);
}

/* What is done with a cmask that is in the arena */
static __always_inline __u64 read_cmask(struct bench_arena_cmask __arena *cmask)
{
	__u64 __arena *bits = cmask->bits;
	__u32 words = (cmask->nr_cids + 63) / 64;
	__u64 sum = 0;

	if (words > MAX_WORDS)
		words = MAX_WORDS;
	for (; words; words--)
		sum += *bits++;
	return sum;
}

SEC("syscall")
int hand_nothing(struct arena_bench_args *args)
{
	__u64 sum = 0, start;
	int i;

	use_arena();
	start = bpf_ktime_get_ns();
	bpf_for(i, 0, args->rounds)
		sum += (__u64)bpf_bench_arena_nothing();
	args->ns = bpf_ktime_get_ns() - start;
	sink = sum;
	return 0;
}

SEC("syscall")
int hand_direct(struct arena_bench_args *args)
{
	__u64 sum = 0, start;
	int i;

	use_arena();
	start = bpf_ktime_get_ns();
	bpf_for(i, 0, args->rounds)
		sum += read_cmask(bpf_bench_arena_direct());
	args->ns = bpf_ktime_get_ns() - start;
	sink = sum;
	args->ret = sum;
	return 0;
}

/* The header is read as two words too. */
static __always_inline void fetch(const struct bench_arena_cmask *from)
{
	struct bench_arena_cmask __arena *to = (struct bench_arena_cmask __arena *)copy;
	__u64 word;
	__u32 i, words;

	for (i = 0; i < 2; i++) {
		bpf_probe_read_kernel(&word, sizeof(word), (__u64 *)from + i);
		copy[i] = word;
	}
	words = (to->nr_cids + 63) / 64;
	if (words > MAX_WORDS)
		words = MAX_WORDS;
	for (i = 0; i < words; i++) {
		bpf_probe_read_kernel(&word, sizeof(word), &from->bits[i]);
		copy[2 + i] = word;
	}
}

SEC("syscall")
int hand_staged(struct arena_bench_args *args)
{
	__u64 sum = 0, start;
	int i;

	start = bpf_ktime_get_ns();
	bpf_for(i, 0, args->rounds) {
		fetch(bpf_bench_arena_staged());
		sum += read_cmask((struct bench_arena_cmask __arena *)copy);
	}
	args->ns = bpf_ktime_get_ns() - start;
	sink = sum;
	args->ret = sum;
	return 0;
}

SEC("syscall")
int walk(struct arena_bench_args *args)
{
	use_arena();
	args->ns = bpf_bench_arena_walk((void __arena *)args->ptr, args->how, args->rounds);
	return 0;
}

SEC("syscall")
int touch(struct arena_bench_args *args)
{
	use_arena();
	args->ns = bpf_bench_arena_touch((void __arena *)args->ptr, args->stride, args->cnt,
					 args->how);
	return 0;
}

/* The same below frames of the program that are further out */
#define DEEPER(name, next)						\
	static __noinline int name(struct arena_bench_args *args)	\
	{								\
		int ret = next(args);					\
									\
		barrier();						\
		return ret;						\
	}

static __noinline int touch_0(struct arena_bench_args *args)
{
	use_arena();
	args->ns = bpf_bench_arena_touch((void __arena *)args->ptr, args->stride, args->cnt, 0);
	return 0;
}

DEEPER(touch_1, touch_0)
DEEPER(touch_2, touch_1)
DEEPER(touch_3, touch_2)
DEEPER(touch_4, touch_3)
DEEPER(touch_5, touch_4)

SEC("syscall")
int touch_deep(struct arena_bench_args *args)
{
	return touch_5(args);
}

SEC("syscall")
int nofault(struct arena_bench_args *args)
{
	use_arena();
	args->ns = bpf_bench_arena_nofault((void __arena *)args->ptr, args->stride, args->cnt);
	return 0;
}

SEC("syscall")
int install(struct arena_bench_args *args)
{
	args->ns = bpf_bench_arena_install(args->cnt);
	return 0;
}

SEC("syscall")
int prog_touch(struct arena_bench_args *args)
{
	__u64 sum = 0, start, ptr = args->ptr;
	int i;

	use_arena();
	start = bpf_ktime_get_ns();
	bpf_for(i, 0, args->cnt) {
		sum += *(__u8 __arena *)ptr;
		ptr += args->stride;
	}
	args->ns = bpf_ktime_get_ns() - start;
	sink = sum;
	return 0;
}

SEC("syscall")
int stack(struct arena_bench_args *args)
{
	use_arena();
	args->ret = bpf_bench_arena_stack((void __arena *)args->ptr);
	return 0;
}

SEC("syscall")
int alloc(struct arena_bench_args *args)
{
	alloc_and_free(args);
	return 0;
}

/* How many of the pages the kernel can have for itself, one by one */
SEC("syscall")
int fill(struct arena_bench_args *args)
{
	int i;

	bpf_for(i, 0, args->rounds)
		args->ret += !!bpf_bench_arena_kalloc(&arena, 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
