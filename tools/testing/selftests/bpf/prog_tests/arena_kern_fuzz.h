/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

/*
 * The fuzzer of kernel access to arena memory:
 *
 *	arena_kern_fuzz.c		runs sequences of steps, and shrinks those that fail
 *	arena_kern_fuzz_make.c		makes them from a seed, where they have
 *	arena_kern_fuzz_prog.c		programs made of steps
 *	arena_kern_fuzz_bpf.c		compiles and runs these
 *	arena_kern_fuzz_interp.c	interprets them
 *	arena_kern_fuzz_model.c		knows what an arena has to do
 */
#include "progs/arena_kern.h"

#define AKF_PART_STEPS 96
#define AKF_MAX_PARTS 16
#define AKF_MAX_STEPS (AKF_PART_STEPS * AKF_MAX_PARTS)

/* What the program that is attached to the hook reacts to */
#define AKF_WATCH 0xf022

/* Registers that programs compute with */
#define AKF_FIRST_REG BPF_REG_6
#define AKF_NR_REGS 4

/* Operations besides those of arena_kern.h */
enum akf_op_nr {
	/*
	 * Reads 8 bytes from where bpf_test_arena_set_cur() points: in a program of
	 * another arena that is nested in this one, or if .how, in this one
	 */
	AKF_TOUCH = 64,
	/* user space, through its mapping */
	AKF_USER_READ,
	AKF_USER_WRITE,
	AKF_POPULATE,
	AKF_DONTNEED,
	AKF_REMAP,
	/* in programs only */
	AKF_ALU,
	AKF_IF,		/* the body is skipped if the jump is taken */
	AKF_LOOP,	/* the body is run .cnt times */
	AKF_CALL,	/* the body is a subprogram */
	AKF_LOAD,
	AKF_STORE,
	AKF_RMW,	/* atomic instruction .how */
	AKF_CAST,	/* arithmetic on an arena pointer, and back to user space's form */
};

/* A step on its own is what it has in .a, done from a program that can sleep or not. */
struct akf_step {
	struct arena_kern_args a;
	__u8 sleepable;
	__u8 prog;	/* which program it is a part of, 0 for none */

	/* in programs; registers are BPF_REG_6 to 9, or 0 for none */
	__u8 code;	/* of the instruction */
	__u8 dst;	/* is given the result */
	__u8 src;	/* used for a.val */
	__u8 index;	/* added to a.ptr, after a bitwise and with .mask */
	__u8 cast;	/* make an arena pointer of it: of 32 bits */
	__u8 body;	/* how many of the next steps are inside of this */
	__s16 off;	/* of the instruction */
	__u32 mask;
};

struct akf_seq {
	__u64 seed;
	__u64 base;	/* where user space maps the arena */
	__u32 pages, flags;
	__u32 window, window_end;	/* pages that the current part uses most */
	int cnt;
	struct akf_step steps[AKF_MAX_STEPS];
};

/*
 * Addresses in the model are offsets from the start of the 4 GiB that the kernel
 * maps. They are negative in the lower guard.
 */
enum akf_state {
	AKF_FREE,	/* or outside of user space's range; nothing is mapped */
	AKF_RESERVED,
	AKF_LIVE,
	AKF_KERN,	/* owned by the kernel */
	AKF_DEAD,
};

struct akf_page {
	__s64 nr;
	enum akf_state state;
	__u64 pfn;	/* once known */
	__u8 *data;	/* of live pages */
};

#define AKF_READ 1
#define AKF_WRITE 2
#define AKF_FREES 4

struct akf_report {
	__u8 kinds;	/* any of these */
	bool seen;
	int step;	/* reports of one step come in any order */
	__s64 lo, hi;	/* the address is in [lo, hi) */
};

struct akf_model {
	__u64 base;
	__u32 pages, flags;
	int page;
	int step;

	__u8 *scratch;
	__u64 scratch_pfn;
	int nr_known, last;		/* the page that was looked for last */
	struct akf_page known[4096];	/* all others are free */

	int nr_reports;
	struct akf_report reports[256];
};

/* splitmix64, whose numbers are the same everywhere */
__u64 akf_rand(__u64 *state);

/* Make the sequence that belongs to @seed: of calls only, or of programs as well. */
void akf_make(struct akf_seq *seq, __u64 seed, bool programs, int parts);

extern const char * const akf_op_names[];
void akf_print_step(FILE *f, const struct akf_seq *of, int nr);

/* For what makes parts of it */
struct akf_weight {
	__u8 op, weight;
};

__u64 akf_any(void);
__u32 akf_below(__u32 n);	/* 0 to @n - 1 */
bool akf_one_in(__u32 n);
/* The table ends with a weight of 0. */
int akf_pick(const struct akf_weight *table);
struct akf_step *akf_new_step(void);
__u64 akf_make_page(void);
__u64 akf_make_ptr(int align);
/* Fill in what @s->a.op needs. */
void akf_make_op(struct akf_step *s);
void akf_make_prog(int nr, int cnt);

void akf_model_init(struct akf_model *m, const struct akf_seq *seq);
void akf_model_destroy(struct akf_model *m);
/*
 * Do what @a says, except that @a->ret is the arena's answer: where several are
 * right, it is taken over if it is one of them. Returns the right answer, where 1
 * stands for some address and ~0 for a page that nothing else has.
 */
__u64 akf_model_op(struct akf_model *m, const struct arena_kern_args *a);
struct akf_page *akf_model_page(struct akf_model *m, __s64 nr);
bool akf_model_is_free(struct akf_model *m, __u32 pgoff, __u32 cnt);
void akf_model_alloc(struct akf_model *m, __u32 pgoff, __u32 cnt, enum akf_state state);
/* An access by a program itself. False, and a report to come, if it faults. */
bool akf_model_access(struct akf_model *m, __s64 off, int size, __u8 kind);
__u64 akf_model_read(struct akf_model *m, __s64 off, int size);
void akf_model_write(struct akf_model *m, __s64 off, int size, __u64 val);
/* Compare a program's stream with the reports to come, and forget them. */
bool akf_model_reports(struct akf_model *m, int prog_fd);

/* Here a program leaves results of its steps, gets its registers and leaves them. */
struct akf_result {
	__u64 steps[AKF_MAX_STEPS];
	__u64 in[AKF_NR_REGS], out[AKF_NR_REGS];
};

/* The end of the block that the step at @nr begins, if it does */
int akf_block_end(const struct akf_seq *seq, int nr, int to);
/* Whether a call of a kfunc has a result */
bool akf_returns(const struct akf_step *s);
/*
 * Do what the steps that are not left out do, where @got has the arena's answers,
 * and fill in what results are right.
 */
void akf_interpret(struct akf_model *m, const struct akf_seq *seq, const bool *keep, int from,
		   int to, const struct akf_result *got, struct akf_result *want);

bool akf_prog_init(void);
void akf_prog_exit(void);
/* Run the program that begins at @from. Returns false if it did not what it has to. */
bool akf_prog_run(struct akf_model *m, const struct akf_seq *seq, int from, const bool *keep,
		  int arena_fd);
/* Programs that the verifier was given, and how many it rejected */
extern int akf_prog_loads, akf_prog_rejects;
/* Where programs that call kfuncs of the module find its BTF: at 1 */
extern int akf_fd_array[2];
/* Whether programs can have atomic instructions on arena memory */
extern bool akf_prog_atomics;

/* What is wrong; the first thing counts. Returns false. */
bool __printf(1, 2) akf_fail(const char *fmt, ...);
