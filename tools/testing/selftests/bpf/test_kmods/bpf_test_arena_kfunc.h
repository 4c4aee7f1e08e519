/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BPF_TEST_ARENA_KFUNC_H
#define _BPF_TEST_ARENA_KFUNC_H

/*
 * The kfuncs of bpf_test_arena.ko as BPF programs see them: without the
 * implicit argument. bpf_arena_common.h comes first.
 */
#include "bpf_test_arena.h"

__ksym __u64 bpf_test_arena_read(__arena void *ptr, __s64 off, __u32 size);
__ksym void bpf_test_arena_write(__arena void *ptr, __s64 off, __u32 size, __u64 val);
__ksym __u64 bpf_test_arena_sum_scale(__arena __u64 *vals, __u32 cnt, __u64 by);
__ksym __u64 bpf_test_arena_walk(__arena struct bpf_test_arena_node *head, __u32 max);
__ksym void bpf_test_arena_memcpy(__arena void *dst, __arena void *src, __u32 len);
__ksym void bpf_test_arena_memset(__arena void *ptr, __u32 len, __u8 val);
__ksym __u64 bpf_test_arena_count_nonzero(__arena void *ptr, __u32 len);
__ksym __s64 bpf_test_arena_atomic(__arena void *ptr, __u32 op, __u64 val);
__ksym __u64 bpf_test_arena_read_in(__arena void *ptr, __u32 section);
__ksym int bpf_test_arena_nofault(__arena void *ptr, __s64 off);
__ksym void bpf_test_arena_touch(__arena void *ptr, __u32 stride, __u32 cnt);
__ksym __u64 bpf_test_arena_pfn(__arena void *ptr);
__ksym __u32 bpf_test_arena_count_pfn(__arena void *ptr, __u32 cnt, __u64 pfn);
__ksym __u64 bpf_test_arena_kern_base(void);
__ksym __u32 bpf_test_arena_map_id(void);
__ksym int bpf_test_arena_hold(__arena void *ptr);
__ksym void bpf_test_arena_set_cur(__arena void *ptr);
__ksym void bpf_test_arena_delay(__u32 ms);
__ksym __u64 bpf_test_arena_touch_cur(void);
__ksym int bpf_test_arena_call_hook(__u32 what);
__ksym int bpf_test_arena_write_noprog(__arena __u64 *ptr, __u64 val);
__ksym __arena void *bpf_test_arena_kalloc(void *map, __arena void *addr, __u32 page_cnt,
					   int node_id);
__ksym void bpf_test_arena_kfree(void *map, __arena void *addr, __u32 page_cnt);

#endif /* _BPF_TEST_ARENA_KFUNC_H */
