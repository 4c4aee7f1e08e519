/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _BPF_ARENA_H
#define _BPF_ARENA_H

#include <linux/filter.h>
#include <linux/mm.h>
#include <linux/sizes.h>

/* number of bytes addressable by LDX/STX insn with 16-bit 'off' field */
#define GUARD_SZ round_up(1ull << sizeof_field(struct bpf_insn, off) * 8, PAGE_SIZE << 1)
#define KERN_VM_SZ (SZ_4G + GUARD_SZ)
/* from kern_vm_start on: what the kernel may touch, the upper half-guard included */
#define KERN_FAULT_SZ (SZ_4G + GUARD_SZ / 2)

struct bpf_arena;

/* in arena.c, for arena_fault.c */
struct page *bpf_arena_scratch_page(struct bpf_arena *arena);
void bpf_arena_page_died(struct bpf_arena *arena);

/* in arena_fault.c, for arena.c */
void bpf_arena_report_kernel_owned(struct bpf_arena *arena, unsigned long kaddr);

#endif /* _BPF_ARENA_H */
