/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_BPF_DEFS_H
#define _LINUX_BPF_DEFS_H

/*
 * What low-level architecture code wants from BPF, without the weight of
 * <linux/bpf.h>.
 */

#include <linux/types.h>

/* where kernel/bpf/arena.o is built */
#if defined(CONFIG_BPF_SYSCALL) && defined(CONFIG_MMU) && defined(CONFIG_64BIT)
bool bpf_arena_handle_page_fault(unsigned long addr, bool is_write, unsigned long fault_ip);
#else
static inline bool bpf_arena_handle_page_fault(unsigned long addr, bool is_write,
					       unsigned long fault_ip)
{
	return false;
}
#endif

#endif /* _LINUX_BPF_DEFS_H */
