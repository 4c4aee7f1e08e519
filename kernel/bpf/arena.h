/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _BPF_ARENA_H
#define _BPF_ARENA_H

#include <linux/bpf.h>
#include <linux/irq_work.h>
#include <linux/maple_tree.h>
#include <linux/sizes.h>
#include <asm/rqspinlock.h>
#include "range_tree.h"

/* number of bytes addressable by LDX/STX insn with 16-bit 'off' field */
#define GUARD_SZ round_up(1ull << sizeof_field(struct bpf_insn, off) * 8, PAGE_SIZE << 1)
#define KERN_VM_SZ (SZ_4G + GUARD_SZ)
/* from kern_vm_start on: what the kernel may touch, the upper half-guard included */
#define KERN_FAULT_SZ (SZ_4G + GUARD_SZ / 2)

struct bpf_arena {
	struct bpf_map map;
	u64 user_vm_start;
	u64 user_vm_end;
	struct vm_struct *kern_vm;
	struct range_tree rt;
	/* protects rt, and the slots: see arena.c */
	rqspinlock_t spinlock;
	struct list_head vma_list;
	/* protects vma_list */
	struct mutex lock;
	u64 zap_gen;
	/* serialises walks of vma_list by zap_pages() */
	struct mutex zap_mutex;
	struct irq_work     free_irq;
	struct work_struct  free_work;
	struct llist_head   free_spans;
	/* names the frees that put slots in transit; under spinlock */
	u32 last_free;
	/* pages of BPF, user space and the kernel in the arena; under spinlock */
	unsigned long nr_pages;
	/* NULL where the architecture has no ptep_try_set(); then no page ever dies */
	struct page *scratch_page;
	/* set with the first page that dies */
	bool has_dead_pages;
	/* page offsets of kernel-owned pages */
	struct maple_tree kernel_owned;
};

void bpf_arena_report_kernel_owned(struct bpf_arena *arena, unsigned long kaddr);

#endif /* _BPF_ARENA_H */
