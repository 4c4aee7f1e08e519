/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF side of the cid tests: an arena, the state that user space looks at,
 * and operations for it. The operations are loaded only where a scheduler names
 * them.
 */
#ifndef __CID_COMMON_BPF_H__
#define __CID_COMMON_BPF_H__

#include <scx/common.bpf.h>
#include <scx/bpf_arena_common.bpf.h>

#include "cid_common.h"

char _license[] SEC("license") = "GPL";

UEI_DEFINE(uei);

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, CID_ARENA_PAGES);
} arena SEC(".maps");

/* Allocated beforehand, since there is little to be had with an rq lock held. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, s32);
	__type(value, struct cid_rec);
} cid_recs SEC(".maps");

struct cid_state st;

/* The verifier associates an arena with a program that refers to the map. */
#define cid_use_arena()	({ asm volatile("" :: "r"(&arena)); })

/* By the mapping that ops.init() found; -1 for what is not in it. */
static __always_inline s32 cid_of_cpu(u32 cpu)
{
	s32 *cid = MEMBER_VPTR(st.map.cpu_to_cid, [cpu]);

	return cid ? *cid : -1;
}

static __always_inline void cid_snapshot(struct cid_map *m)
{
	const struct cpumask *possible;
	u32 nr_cpu_ids = scx_bpf_nr_cpu_ids();
	u32 nr_cids = scx_bpf_nr_cids();
	s32 i;

	m->nr_cpu_ids = nr_cpu_ids;
	m->nr_cids = nr_cids;
	m->nr_online_cids = scx_bpf_nr_online_cids();

	possible = scx_bpf_get_possible_cpumask();
	bpf_for(i, 0, nr_cpu_ids) {
		s32 *cid = MEMBER_VPTR(m->cpu_to_cid, [i]);

		if (!cid)
			break;
		*cid = bpf_cpumask_test_cpu(i, possible) ? scx_bpf_cpu_to_cid(i) : -1;
	}
	scx_bpf_put_cpumask(possible);

	bpf_for(i, 0, nr_cids) {
		struct scx_cid_topo topo = {};
		struct cid_topo *t = MEMBER_VPTR(m->topo, [i]);
		s32 *cpu = MEMBER_VPTR(m->cid_to_cpu, [i]);

		if (!cpu || !t)
			break;
		*cpu = scx_bpf_cid_to_cpu(i);
		scx_bpf_cid_topo(i, &topo, sizeof(topo));
		t->core_cid = topo.core_cid;
		t->core_idx = topo.core_idx;
		t->llc_cid = topo.llc_cid;
		t->llc_idx = topo.llc_idx;
		t->node_cid = topo.node_cid;
		t->node_idx = topo.node_idx;
	}
}

/* The cmask word for @mask, by the mapping that ops.init() found. */
static __always_inline u64 cid_want_word(const struct cpumask *mask, u32 w)
{
	u64 want = 0;
	s32 b;

	bpf_for(b, 0, 64) {
		u32 cid = w * 64 + b;
		s32 *cpu = MEMBER_VPTR(st.map.cid_to_cpu, [cid]);

		if (!cpu || cid >= st.map.nr_cids)
			break;
		if (bpf_cpumask_test_cpu(*cpu, mask))
			want |= 1LLU << b;
		__sink(want);
	}
	return want;
}

static __always_inline void cid_found_bad(struct task_struct *p,
					  const struct scx_cmask __arena *cmask,
					  u32 w, u64 want, u64 got)
{
	if (__sync_fetch_and_add(&st.nr_bad, 1))
		return;
	st.bad.pid = p->pid;
	st.bad.base = cmask->base;
	st.bad.nr_cids = cmask->nr_cids;
	st.bad.alloc_words = cmask->alloc_words;
	st.bad.word = w;
	st.bad.want = want;
	st.bad.got = got;
}

/*
 * Record what ops.set_cmask() got for @p. With st.check, compare it with the
 * task's effective cpumask, which stays what it is during the call.
 */
static __always_inline void cid_record(struct task_struct *p,
				       const struct scx_cmask __arena *cmask)
{
	u32 nr_words = CID_NR_WORDS(st.map.nr_cids);
	u32 check = st.check, cpu = bpf_get_smp_processor_id();
	u64 *addr = MEMBER_VPTR(st.cmask_addr, [cpu]);
	struct cid_rec *rec;
	s32 pid = p->pid;
	s32 w;

	__sync_fetch_and_add(&st.nr_calls, 1);
	if (addr) {
		if (*addr && *addr != (u64)cmask)
			__sync_fetch_and_add(&st.nr_moved, 1);
		*addr = (u64)cmask;
	}

	rec = bpf_map_lookup_elem(&cid_recs, &pid);
	if (!rec) {
		struct cid_rec new = {};

		bpf_map_update_elem(&cid_recs, &pid, &new, BPF_NOEXIST);
		rec = bpf_map_lookup_elem(&cid_recs, &pid);
		if (!rec) {
			__sync_fetch_and_add(&st.nr_lost, 1);
			return;
		}
	}

	rec->base = cmask->base;
	rec->nr_cids = cmask->nr_cids;
	rec->alloc_words = cmask->alloc_words;
	rec->cpu = cpu;
	if (check) {
		__sync_fetch_and_add(&st.nr_checked, 1);
		if (rec->base || rec->nr_cids != st.map.nr_cids || rec->alloc_words != nr_words)
			cid_found_bad(p, cmask, -1, 0, 0);
	}

	bpf_for(w, 0, nr_words) {
		u64 *bits = MEMBER_VPTR(rec->bits, [w]);
		u64 want, got;

		if (!bits)
			break;
		got = cmask->bits[w];
		*bits = got;
		if (check) {
			want = cid_want_word(p->cpus_ptr, w);
			if (got != want)
				cid_found_bad(p, cmask, w, want, got);
		}
	}
	rec->nr_calls++;
}

SEC("?struct_ops/cid_set_cmask")
void BPF_PROG(cid_set_cmask, struct task_struct *p, const struct scx_cmask *cmask)
{
	cid_use_arena();
	cid_record(p, (const struct scx_cmask __arena *)cmask);
}

SEC("?struct_ops/cid_exit_task")
void BPF_PROG(cid_exit_task, struct task_struct *p, struct scx_exit_task_args *args)
{
	s32 pid = p->pid;

	bpf_map_delete_elem(&cid_recs, &pid);
}

SEC("?struct_ops.s/cid_init")
s32 BPF_PROG(cid_init)
{
	u32 sz = st.override_sz;
	s32 i;

	if (sz > sizeof(st.override_cids))
		return -E2BIG;
	bpf_for(i, 0, st.override)
		scx_bpf_cid_override(st.override_cids, sz);

	cid_snapshot(&st.map);
	return 0;
}

SEC("?struct_ops/cid_exit")
void BPF_PROG(cid_exit, struct scx_exit_info *ei)
{
	UEI_RECORD(uei, ei);
}

SEC("?syscall")
int cid_snapshot_now(void *ctx)
{
	cid_snapshot(&st.now);
	return 0;
}

#endif /* __CID_COMMON_BPF_H__ */
