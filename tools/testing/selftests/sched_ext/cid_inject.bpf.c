// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler to be enabled while allocations fail, and what watches how it gets
 * memory in its arena.
 */
#include "cid_common.bpf.h"
#include "cid_inject_test.h"

struct task_struct___inject {
	unsigned int fail_nth;
} __attribute__((preserve_access_index));

struct cid_growth growth;

/* How many allocations of this task are left until one fails */
static __always_inline u32 fail_nth(void)
{
	struct task_struct___inject *task = (void *)bpf_get_current_task_btf();

	return BPF_CORE_READ(task, fail_nth);
}

SEC("fentry/bpf_arena_alloc_pages_sleepable")
int BPF_PROG(cid_inject_grow)
{
	u32 nr = growth.nr++;

	if (nr < CID_NR_GROWTHS)
		growth.left_before[nr] = fail_nth();
	return 0;
}

/* That is what comes next. */
SEC("kprobe/kthread_create_worker_on_node")
int BPF_KPROBE(cid_inject_grown)
{
	if (growth.nr && !growth.left_after)
		growth.left_after = fail_nth();
	return 0;
}

/* Has everybody else given back what they had of the arena? */
SEC("syscall")
int cid_inject_all_free(void *ctx)
{
	void __arena *pages;

	pages = bpf_arena_alloc_pages(&arena, NULL, CID_ARENA_PAGES, NUMA_NO_NODE, 0);
	if (!pages)
		return 0;
	bpf_arena_free_pages(&arena, pages, CID_ARENA_PAGES);
	return 1;
}

SCX_OPS_CID_DEFINE(cid_inject_ops,
		   .set_cmask		= (void *)cid_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_inject");
