/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the BPF programs of the cid tests and their user space share.
 */
#ifndef __CID_COMMON_H__
#define __CID_COMMON_H__

/* Sizes that are enough for a cpu_set_t; bigger machines are skipped. */
#define CID_MAX_CPUS	1024
#define CID_MAX_WORDS	(CID_MAX_CPUS / 64 + 1)

/* Small, so that user space can write to every page of it. */
#define CID_ARENA_PAGES	256

/* Written anew and not taken from a header that the tests are to check. */
#define CID_NR_WORDS(nr_cids)	(((nr_cids) + 63) / 64 + 1)

/* as struct scx_cid_topo */
struct cid_topo {
	s32 core_cid, core_idx;
	s32 llc_cid, llc_idx;
	s32 node_cid, node_idx;
};

/* the mapping, as the kfuncs tell it */
struct cid_map {
	u32 nr_cpu_ids;
	u32 nr_cids;
	u32 nr_online_cids;
	s32 cpu_to_cid[CID_MAX_CPUS];	/* -1: not a possible CPU */
	s32 cid_to_cpu[CID_MAX_CPUS];
	struct cid_topo topo[CID_MAX_CPUS];
};

/* the last cmask that ops.set_cmask() got for a task */
struct cid_rec {
	u64 nr_calls;
	u32 base;
	u32 nr_cids;
	u32 alloc_words;
	u32 cpu;			/* where it was called */
	u64 bits[CID_MAX_WORDS];
};

/* the first cmask that was not what it should be */
struct cid_bad {
	s32 pid;
	u32 base;
	u32 nr_cids;
	u32 alloc_words;
	u32 word;
	u64 want;
	u64 got;
};

struct cid_state {
	/* from user space */
	u32 override;			/* call scx_bpf_cid_override() this often */
	u32 override_sz;
	s32 override_cids[CID_MAX_CPUS];
	u32 check;			/* compare cmasks with task->cpus_ptr */

	struct cid_map map;		/* as ops.init() found it */
	struct cid_map now;		/* as cid_snapshot() found it */

	u64 nr_calls;			/* of ops.set_cmask() */
	u64 nr_checked;
	u64 nr_lost;			/* not recorded */
	u64 nr_bad;
	u64 nr_moved;			/* at another address than the call before */
	struct cid_bad bad;
	u64 cmask_addr[CID_MAX_CPUS];	/* by CPU that ran ops.set_cmask() */
};

#endif /* __CID_COMMON_H__ */
