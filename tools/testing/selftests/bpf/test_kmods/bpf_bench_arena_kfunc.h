/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BPF_BENCH_ARENA_KFUNC_H
#define _BPF_BENCH_ARENA_KFUNC_H

/*
 * The kfuncs of bpf_bench_arena.ko as BPF programs see them: without the implicit
 * argument. bpf_arena_common.h comes first.
 */
#include "bpf_bench_arena.h"

__ksym __u64 bpf_bench_arena_clock(__u64 loops);
__ksym int bpf_bench_arena_prepare(void *map, __u32 nr, __u32 mapping);
__ksym __arena void *bpf_bench_arena_nothing(void);
__ksym struct bench_arena_cmask *bpf_bench_arena_staged(void);
__ksym __arena void *bpf_bench_arena_direct(void);
__ksym __u64 bpf_bench_arena_walk(__arena void *ptr, bool kernel, __u32 rounds);
__ksym __u64 bpf_bench_arena_touch(__arena void *ptr, __u32 stride, __u32 cnt, __u32 depth);
__ksym __u64 bpf_bench_arena_nofault(__arena void *ptr, __u32 stride, __u32 cnt);
__ksym __u64 bpf_bench_arena_install(__u32 cnt);
__ksym __u32 bpf_bench_arena_stack(__arena void *ptr);
__ksym __arena void *bpf_bench_arena_kalloc(void *map, __u32 page_cnt);

#endif /* _BPF_BENCH_ARENA_KFUNC_H */
