/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the BPF and the user-space part of scx_ladder share. All of it lies in the
 * arena, so that both read and write it through plain pointers.
 */
#ifndef __SCX_LADDER_H
#define __SCX_LADDER_H

#ifndef __BPF__
struct scx_cmask {
	u32	base;
	u32	nr_cids;
	u32	alloc_words;
	u64	bits[];
};
#endif

enum ladder_consts {
	LADDER_NR_CHANGES	= 1024,	/* power of two */
	LADDER_CHANGE_WORDS	= 16,	/* of a cmask: 1024 cids, less for a skewed base */
	LADDER_COMM_LEN		= 16,
};

/* How far from where it last ran a task was placed. */
enum ladder_rung {
	LADDER_PREV,			/* nowhere: the same CPU was idle */
	LADDER_CORE,
	LADDER_LLC,
	LADDER_NODE,
	LADDER_FAR,
	LADDER_NR_RUNGS,
};

/* Each is counted by the CPU that does it, and added up by who reads them. */
struct ladder_stats {
	u64	placed[LADDER_NR_RUNGS];	/* on an idle CPU, when woken */
	u64	busy;				/* woken, and no allowed CPU idle */
	u64	queued;				/* put on the queue of an LLC */
	u64	kicked;				/* of these, an idle CPU called to fetch it */
	u64	fetched;			/* from the queue of the own LLC */
	u64	stolen;				/* from that of another one */
	u64	set_cmask;
	u64	copies;				/* of masks, out of kernel memory */
	u64	mismatches;			/* copies that are not what set_cmask() brought */
};

/* Per cid. Except for the statistics, fixed once ops.init() is through. */
struct ladder_cid {
	s32	cpu;
	u32	queue;			/* that of its LLC; also the id of the DSQ */
	u32	core, core_end;		/* the cids of its core: [core, core_end) */
	u32	llc, llc_end;
	u32	node, node_end;
	u32	node_queue, node_queue_end;	/* the queues of its node's LLCs */
	u32	nr_dispatches;		/* written by itself only, as are the statistics */
	u32	has_topo;
	struct scx_cmask __arena *scratch;
	struct ladder_stats stats;
};

/* What a task's cmask says. */
enum ladder_mask_from {
	LADDER_MASK_UNKNOWN,		/* nothing: it has not been brought yet */
	LADDER_MASK_INHERITED,		/* the affinity of its parent, from arena to arena */
	LADDER_MASK_SET,		/* what set_cmask() brought last */
};

/* Per task. */
struct ladder_task {
	struct ladder_task __arena *next_free;
	u64	vtime;
	u64	ran_at;
	u32	mask_from;
	struct scx_cmask cmask;		/* its affinity; words for all cids follow */
};

/* One call of set_cmask(), with the cmask as the program read it. */
struct ladder_change {
	u64	seq;			/* its number from 1 on; 0 while it is written */
	u64	addr;			/* where in the arena the cmask was */
	u32	pid;
	u32	base;
	u32	nr_cids;
	u32	nr_words;
	char	comm[LADDER_COMM_LEN];
	u64	words[LADDER_CHANGE_WORDS];
};

/* The root of it all, a variable in the arena. */
struct ladder {
	u64	vtime_now;
	u64	nr_changes;
	u32	nr_cids;
	u32	nr_queues;
	u32	ready;			/* ops.init() is through; attaching succeeds without */
	struct ladder_cid __arena *cids;
	struct ladder_change __arena *changes;
	struct scx_cmask __arena *online;
	struct scx_cmask __arena *idle;

	/* contexts of tasks: the lock in the BPF part protects the list */
	struct ladder_task __arena *free_tasks;
	u32	nr_free;
	u32	task_size;
	u64	nr_tasks;		/* that have a context */
	u64	nr_forks;
	u64	nr_inherited;		/* forks that inherited a mask */
	u64	nr_pages;		/* for contexts */
};

#endif	/* __SCX_LADDER_H */
