// SPDX-License-Identifier: GPL-2.0
/*
 * Failures of the allocators that take no lock. They ask neither failslab nor
 * fail_page_alloc, which are not for any context. bpf_test_arena.ko permits it.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define PF_WQ_WORKER 0x00000020

/* Whose allocations count: a thread's, or the kworkers' if it is 0. */
__u32 tid;
/* Which of them fail; the first is number 1. */
__u32 first, last;
__u32 seen, failed;

static __always_inline int may_fail(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 nr;

	if (!last || (tid ? task->pid != tid : !(task->flags & PF_WQ_WORKER)))
		return 0;
	nr = __sync_fetch_and_add(&seen, 1) + 1;
	if (nr < first || nr > last)
		return 0;
	__sync_fetch_and_add(&failed, 1);
	bpf_override_return(ctx, 0);
	return 0;
}

SEC("kprobe/kmalloc_nolock_noprof")
int slab(struct pt_regs *ctx)
{
	return may_fail(ctx);
}

SEC("kprobe/alloc_pages_nolock_noprof")
int page(struct pt_regs *ctx)
{
	return may_fail(ctx);
}

char _license[] SEC("license") = "GPL";
