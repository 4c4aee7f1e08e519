// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler that mistreats the memory in which the kernel hands it cmasks.
 */
#include "cid_common.bpf.h"
#include "cid_hostile_test.h"

u32 hostility;
u32 header_value;
u32 late_writes;		/* write to all cmasks from everywhere */
u64 page_size;
u64 arena_start;
u64 nr_late_writes;
u64 nr_allocated;

static __always_inline void free_page_of(u64 addr)
{
	bpf_arena_free_pages(&arena, (void __arena *)(addr & ~(page_size - 1)), 1);
}

static __always_inline void free_all(void)
{
	bpf_arena_free_pages(&arena, (void __arena *)arena_start, CID_ARENA_PAGES);
}

/* Store to the header, and to the words that it and the kernel may think there are. */
static __always_inline void write_cmask(struct scx_cmask __arena *cmask, u32 value)
{
	s32 w;

	cmask->base = value;
	cmask->nr_cids = value;
	cmask->alloc_words = value;
	bpf_for(w, 0, CID_NR_WORDS(st.map.nr_cids))
		cmask->bits[w] = (u64)value << 32 | value;
}

/*
 * Write to a cmask that ops.set_cmask() got some time on some CPU, and that it may
 * get on that CPU at this moment.
 */
static __always_inline void write_late(void)
{
	u32 value = bpf_get_prandom_u32(), nr = st.map.nr_cpu_ids;
	u64 *addr;

	if (!late_writes || !nr)
		return;
	value %= nr;
	addr = MEMBER_VPTR(st.cmask_addr, [value]);
	if (addr && *addr) {
		write_cmask((struct scx_cmask __arena *)*addr, bpf_get_prandom_u32());
		__sync_fetch_and_add(&nr_late_writes, 1);
	}
}

void BPF_STRUCT_OPS(cid_hostile_set_cmask, struct task_struct *p, const struct scx_cmask *arg)
{
	struct scx_cmask __arena *cmask = (struct scx_cmask __arena *)arg;

	cid_use_arena();
	cid_record(p, cmask);

	switch (hostility) {
	case CID_FREE_PAGE:
		free_page_of((u64)cmask);
		break;
	case CID_FREE_ALL:
		free_all();
		break;
	case CID_HEADER:
		cmask->base = header_value;
		cmask->nr_cids = header_value;
		cmask->alloc_words = header_value;
		break;
	}
}

void BPF_STRUCT_OPS(cid_hostile_enqueue, struct task_struct *p, u64 enq_flags)
{
	cid_use_arena();
	write_late();
	scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, SCX_SLICE_DFL, enq_flags);
}

void BPF_STRUCT_OPS(cid_hostile_dispatch, s32 cid, struct task_struct *prev)
{
	cid_use_arena();
	write_late();
}

void BPF_STRUCT_OPS(cid_hostile_tick, struct task_struct *p)
{
	cid_use_arena();
	write_late();
}

void BPF_STRUCT_OPS(cid_hostile_stopping, struct task_struct *p, bool runnable)
{
	cid_use_arena();
	write_late();
}

/* The same from a program that may sleep, where a free is not deferred. */
SEC("syscall")
int cid_hostile_free(void *ctx)
{
	s32 cpu;

	if (hostility == CID_FREE_ALL) {
		free_all();
		return 0;
	}
	bpf_for(cpu, 0, st.map.nr_cpu_ids) {
		u64 *addr = MEMBER_VPTR(st.cmask_addr, [cpu]);

		if (addr && *addr)
			free_page_of(*addr);
	}
	return 0;
}

/* Take all memory that the arena still has, and scribble on it. */
SEC("syscall")
int cid_hostile_alloc(void *ctx)
{
	void __arena *page;
	s32 i;

	nr_allocated = 0;
	bpf_for(i, 0, CID_ARENA_PAGES + 1) {
		page = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
		if (!page)
			break;
		nr_allocated++;
		*(u64 __arena *)page = -1;
	}
	return 0;
}

SCX_OPS_CID_DEFINE(cid_hostile_ops,
		   .enqueue		= (void *)cid_hostile_enqueue,
		   .dispatch		= (void *)cid_hostile_dispatch,
		   .tick		= (void *)cid_hostile_tick,
		   .stopping		= (void *)cid_hostile_stopping,
		   .set_cmask		= (void *)cid_hostile_set_cmask,
		   .exit_task		= (void *)cid_exit_task,
		   .init		= (void *)cid_init,
		   .exit		= (void *)cid_exit,
		   .name		= "cid_hostile");
