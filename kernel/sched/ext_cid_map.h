/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables that map CPU numbers to cids and back, and the conversion of cpumasks.
 */
#ifndef _KERNEL_SCHED_EXT_CID_MAP_H
#define _KERNEL_SCHED_EXT_CID_MAP_H

#include <linux/types.h>

struct cpumask;

/**
 * struct scx_cid_topo - where a cid is in the topology
 * @core_cid: first cid of the core
 * @core_idx: index of the core, all cores of the system counted in cid order
 * @llc_cid: first cid of the last-level cache
 * @llc_idx: index of the last-level cache, counted likewise
 * @node_cid: first cid of the NUMA node
 * @node_idx: index of the NUMA node, counted likewise
 *
 * All fields are -1 if nothing is known. BPF programs copy this out by the size
 * that they were compiled with: new fields are appended only.
 */
struct scx_cid_topo {
	s32 core_cid;
	s32 core_idx;
	s32 llc_cid;
	s32 llc_idx;
	s32 node_cid;
	s32 node_idx;
};

/**
 * struct scx_cid_piece - part of a mapping that is converted in one go
 * @cpu: first CPU
 * @span: number of CPUs from @cpu to the last CPU of the piece, 1 to 64
 * @cpu_shift: log2 of the distance from one CPU of the piece to the next, 0 to 3
 * @cid_shift: log2 of the distance from one cid of the piece to the next, 0 to 3
 * @bit: bit of the first cid in its 64-cid word
 *
 * See ext_cid_map.c.
 */
struct scx_cid_piece {
	u32 cpu;
	u8 span;
	u8 cpu_shift;
	u8 cid_shift;
	u8 bit;
};

/**
 * struct scx_cid_map - a mapping of CPUs to cids
 * @rcu: for kvfree_rcu()
 * @nr_cids: number of cids, which is the number of CPUs that have one
 * @nr_cpus: number of CPU numbers, with or without a cid (nr_cpu_ids)
 * @nr_words: number of 64-cid words that the cids take
 * @identity: whether each cid is its CPU's number
 * @cpu_to_cid: cid of each of the @nr_cpus CPUs, -1 if it has none
 * @cid_to_cpu: CPU of each of the @nr_cids cids
 * @topo: place in the topology of each of the @nr_cids cids, for the caller to
 *	fill in; -1 throughout otherwise
 * @pieces: the pieces that the mapping is cut into, word by word
 * @word_pieces: for each word the index in @pieces of its first piece, and at
 *	index @nr_words the number of pieces. A word without pieces is converted
 *	cid by cid.
 *
 * Made by scx_cid_map_alloc(), one scx_cid_map_assign() for each CPU, and
 * scx_cid_map_finish(), in this order, by one thread. Constant afterwards, so
 * that it can be published and used without a lock. It is one piece of memory,
 * freed with kvfree() or kvfree_rcu().
 */
struct scx_cid_map {
	struct rcu_head rcu;
	u32 nr_cids;
	u32 nr_cpus;
	u32 nr_words;
	bool identity;
	s32 *cpu_to_cid;
	s32 *cid_to_cpu;
	struct scx_cid_topo *topo;
	struct scx_cid_piece *pieces;
	u32 *word_pieces;
};

struct scx_cid_map *scx_cid_map_alloc(u32 nr_cids, u32 nr_cpus, gfp_t gfp);
int scx_cid_map_assign(struct scx_cid_map *map, u32 cpu, s32 cid);
int scx_cid_map_finish(struct scx_cid_map *map);

void scx_cid_map_fill_bits(const struct scx_cid_map *map, const unsigned long *cpus,
			   u64 *words, u32 nr_words);
void scx_cid_map_fill(const struct scx_cid_map *map, const struct cpumask *cpus,
		      u64 *words, u32 nr_words);

#endif /* _KERNEL_SCHED_EXT_CID_MAP_H */
