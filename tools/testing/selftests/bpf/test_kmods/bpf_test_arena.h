/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BPF_TEST_ARENA_H
#define _BPF_TEST_ARENA_H

/* What bpf_test_arena.ko, the BPF programs and the tests have to agree on. */

/* How bpf_test_arena_read_in() shields its access. */
enum bpf_test_arena_section {
	TEST_ARENA_IRQS_OFF,
	TEST_ARENA_BH_OFF,
	TEST_ARENA_PREEMPT_OFF,
	TEST_ARENA_RAW_SPINLOCK,
	TEST_ARENA_LAZY_MMU,
	TEST_ARENA_SECTIONS,	/* how many there are */
};

enum bpf_test_arena_atomic_op {
	TEST_ARENA_ADD,		/* returns the new value */
	TEST_ARENA_XCHG,	/* returns the old value */
	TEST_ARENA_CMPXCHG,	/* of 0, returns the old value */
};

/*
 * Written to the parameter "run" of the module: what it does, always from the
 * context of the writer, so that it is over when write() returns.
 *
 * The first group calls bpf_test_arena_hook() in some context, with no BPF
 * program on the stack but those attached to the hook.
 */
enum bpf_test_arena_run {
	TEST_ARENA_RUN_TASK,
	TEST_ARENA_RUN_KWORKER,
	TEST_ARENA_RUN_SOFTIRQ,		/* timer_list */
	TEST_ARENA_RUN_IRQ_WORK,
	TEST_ARENA_RUN_HRTIMER,		/* in hardirq */
	TEST_ARENA_RUN_IPI,		/* on another CPU, which is busy */
	TEST_ARENA_RUN_NMI,
	TEST_ARENA_RUN_LOCKED,		/* under a raw spinlock with interrupts off */
	TEST_ARENA_RUN_NMI_OTHERS,	/* on all other CPUs, many times */

	/* Members of the registered struct bpf_test_arena_ops. */
	TEST_ARENA_RUN_WALK = 100,	/* for_each_prog() over all programs */
	TEST_ARENA_RUN_WALK_STOP,	/* the callback returns 42 for the second one */
	TEST_ARENA_RUN_OBJ,		/* on_obj() with an object that the kernel wrote */
	TEST_ARENA_RUN_EVENT,		/* on_event() */

	/* Reads where bpf_test_arena_set_cur() points, with no program: fatal. */
	TEST_ARENA_RUN_TOUCH = 200,
};

/* State of the CPU at the hook, as the module saw it. */
enum bpf_test_arena_state {
	TEST_ARENA_IN_TASK	= 1 << 0,
	TEST_ARENA_IN_SOFTIRQ	= 1 << 1,
	TEST_ARENA_IN_HARDIRQ	= 1 << 2,
	TEST_ARENA_IN_NMI	= 1 << 3,
	TEST_ARENA_IRQS_ARE_OFF	= 1 << 4,
};

/* A list in arena memory. next is an arena pointer, 0 ends the list. */
struct bpf_test_arena_node {
	__u64 next;
	__u64 val;
};

#define TEST_ARENA_OBJ_WORDS 64
#define TEST_ARENA_WALK_MAX 8

struct bpf_test_arena_ops {
	/* obj is the arena pointer of words u64 that the kernel wrote */
	int (*on_obj)(__u64 obj, __u32 words);
	int (*on_event)(__u32 what);
	int (*unused)(void);
	/* allocate the object when the ops are registered */
	__u32 want_obj;
};

#endif /* _BPF_TEST_ARENA_H */
