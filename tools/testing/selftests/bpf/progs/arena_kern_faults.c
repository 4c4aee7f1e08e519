// SPDX-License-Identifier: GPL-2.0
/* Counts the faults that reach the arena's handler, by page. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "arena_kern_faults.h"

__u64 base;	/* kernel address of the first page */
__u32 page_size;
__u32 faults[AK_FAULTS_PAGES];

SEC("fentry/bpf_arena_handle_page_fault")
int BPF_PROG(count_fault, unsigned long addr)
{
	__u64 page;

	if (!page_size || addr < base)
		return 0;
	page = (addr - base) / page_size;
	if (page < AK_FAULTS_PAGES)
		__sync_fetch_and_add(&faults[page], 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
