// SPDX-License-Identifier: GPL-2.0
/* How the fuzzer makes programs: as steps */
#include <test_progs.h>
#include "arena_kern_fuzz.h"

/* The program that is being made */
static struct {
	int nr;
	bool sleepable;
	int branches, loops;	/* how many more are fine with the verifier */
	int reports;		/* how many more there is room for on the stream */
} prog;

static const struct akf_weight prog_ops[] = {
	{ AKF_ALU, 10 }, { AKF_IF, 5 }, { AKF_LOOP, 2 }, { AKF_CALL, 2 }, { AKF_LOAD, 8 },
	{ AKF_STORE, 6 }, { AKF_RMW, 5 }, { AKF_CAST, 2 }, { AK_READ, 4 }, { AK_WRITE, 4 },
	{ AK_SUM_SCALE, 2 }, { AK_WALK, 2 }, { AK_MEMCPY, 3 }, { AK_MEMSET, 2 },
	{ AK_COUNT_NONZERO, 2 }, { AK_ATOMIC, 2 }, { AK_READ_IN, 1 }, { AK_NOFAULT, 1 },
	{ AK_PFN, 1 }, { AKF_TOUCH, 2 }, { AK_ALLOC, 5 }, { AK_FREE, 3 }, { AK_RESERVE, 1 },
	{ AK_KALLOC, 2 }, { AK_KFREE, 1 }, { }
};

static int make_reg(void)
{
	return AKF_FIRST_REG + akf_below(AKF_NR_REGS);
}

/* The second operand is a register or fits into an instruction. */
static void make_operands(struct akf_step *s)
{
	s->dst = make_reg();
	if (akf_one_in(2)) {
		s->src = make_reg();
		s->code |= BPF_X;
	} else {
		s->a.val = (__s32)akf_any() >> akf_below(32);
	}
}

static void make_alu(struct akf_step *s)
{
	static const __u8 codes[] = {
		BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_XOR, BPF_MOV, BPF_LSH, BPF_RSH,
		BPF_ARSH, BPF_DIV, BPF_MOD, BPF_NEG,
	};
	__u8 op = codes[akf_below(ARRAY_SIZE(codes))];
	bool wide = akf_one_in(2);

	*s = (struct akf_step){ .a.op = AKF_ALU, .code = (wide ? BPF_ALU64 : BPF_ALU) | op };
	make_operands(s);
	if (op == BPF_NEG) {
		s->code &= ~BPF_X;
		s->src = 0;
		s->a.val = 0;
	} else if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) {
		s->a.val &= wide ? 63 : 31;
	} else if (!s->src && !s->a.val) {
		s->a.val = 1; /* the divisor */
	}
}

static void make_if(struct akf_step *s)
{
	static const __u8 codes[] = {
		BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT, BPF_JSGE,
		BPF_JSLT, BPF_JSLE, BPF_JSET,
	};

	s->code = (akf_one_in(2) ? BPF_JMP : BPF_JMP32) | codes[akf_below(ARRAY_SIZE(codes))];
	make_operands(s);
}

static void make_index(struct akf_step *s, __u32 mask)
{
	if (!mask || !akf_one_in(3))
		return;
	s->index = make_reg();
	s->mask = akf_below(8 * getpagesize()) & mask;
}

/* Stores are aligned: half of one may be done where the other half faults. */
static void make_access(struct akf_step *s)
{
	static const __u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	int i = akf_below(4), align = s->a.op == AKF_LOAD ? 1 : 1 << i;

	s->code = sizes[i];
	s->dst = make_reg();
	s->cast = true;
	if (!akf_one_in(3))
		s->off = ((__s16)akf_any() >> (akf_one_in(2) ? 0 : 8)) & ~(align - 1);
	s->a.ptr = akf_make_ptr(align) - s->off;
	make_index(s, ~(align - 1));
}

static void make_load(struct akf_step *s)
{
	make_access(s);
	s->code |= BPF_LDX | (s->code != BPF_DW && akf_one_in(4) ? BPF_MEMSX : BPF_MEM);
}

static void make_store(struct akf_step *s)
{
	make_access(s);
	if (akf_one_in(2)) {
		s->code |= BPF_STX | BPF_MEM;
		s->src = make_reg();
	} else {
		s->code |= BPF_ST | BPF_MEM;
		s->a.val = (__s32)akf_any();
	}
}

/* What the JITs of all architectures can do to arena memory */
static void make_rmw(struct akf_step *s)
{
	static const __u16 hows[] = {
		BPF_ADD, BPF_AND, BPF_OR, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG,
	};

	make_access(s);
	if (s->code == BPF_W || s->code == BPF_DW)
		s->a.how = hows[akf_below(ARRAY_SIZE(hows))];
	else
		s->a.how = BPF_STORE_REL;
	s->a.val = akf_below(2) * akf_below(256);
	s->src = make_reg();
	s->code |= BPF_STX | BPF_ATOMIC;
}

static void make_cast(struct akf_step *s)
{
	static const __u8 codes[] = { BPF_ADD, BPF_SUB, BPF_OR, BPF_AND, BPF_XOR, BPF_MUL };

	s->code = BPF_ALU64 | codes[akf_below(ARRAY_SIZE(codes))];
	make_operands(s);
	s->cast = true;
	s->a.ptr = akf_make_ptr(1);
}

static void make_kfunc(struct akf_step *s, int times)
{
	bool choose = false;
	__u32 mask = ~0;

	akf_make_op(s);
	switch (s->a.op) {
	case AK_ALLOC:
	case AK_KALLOC:
		/* of the addresses that an arena chooses only the last would be known */
		choose = times == 1 && !s->a.ptr;
		if (times > 1)
			s->a.ptr = akf_make_page();
		mask = times == 1 ? -getpagesize() : 0;
		break;
	case AK_FREE:
	case AK_KFREE:
		mask = 0;
		break;
	case AK_RESERVE:
	case AK_MEMCPY:
		mask = -getpagesize();
		break;
	case AK_ATOMIC:
		mask = ~7;
		break;
	}
	/* where there is an offset, their sum is known not to be behind the guard */
	if (!choose && !s->a.off)
		make_index(s, mask);
	if (s->a.op == AK_WRITE || s->a.op == AK_SUM_SCALE || s->a.op == AK_ATOMIC)
		s->src = akf_one_in(2) ? make_reg() : 0;
	if (s->a.op != AK_PFN && !akf_one_in(4))
		s->dst = make_reg();
	s->cast = akf_one_in(3);
}

/* How many reports a step can cause */
static int max_reports(const struct akf_step *s)
{
	switch (s->a.op) {
	case AK_WALK:
		return 2 * s->a.cnt;
	case AK_MEMCPY:
		return 4;
	case AK_MEMSET:
	case AK_COUNT_NONZERO:
		return 2 + s->a.size / getpagesize();
	default:
		return 2;
	}
}

static bool is_block(int op)
{
	return op == AKF_IF || op == AKF_LOOP || op == AKF_CALL;
}

static bool may_have(int op, int times, int room, int depth)
{
	switch (op) {
	case AKF_IF:
		return room && depth < 3 && prog.branches-- > 0;
	case AKF_LOOP:
		return room && depth < 3 && prog.loops-- > 0;
	case AKF_CALL:
		return room && depth < 3;
	case AKF_RMW:
		return akf_prog_atomics;
	case AK_PFN:
		return times == 1;
	case AK_FREE:
	case AK_KALLOC:
	case AK_KFREE:
		return prog.sleepable;
	default:
		return true;
	}
}

static void make_step(struct akf_step *s, int times, int room, int depth)
{
	s->prog = prog.nr;
	s->a.op = akf_pick(prog_ops);
	if (!may_have(s->a.op, times, room, depth))
		s->a.op = AKF_ALU;
	switch (s->a.op) {
	case AKF_ALU:
		make_alu(s);
		break;
	case AKF_IF:
		make_if(s);
		break;
	case AKF_LOOP:
		s->a.cnt = 2 + akf_below(3);
		break;
	case AKF_CALL:
		break;
	case AKF_LOAD:
		make_load(s);
		break;
	case AKF_STORE:
		make_store(s);
		break;
	case AKF_RMW:
		make_rmw(s);
		break;
	case AKF_CAST:
		make_cast(s);
		break;
	default:
		make_kfunc(s, times);
	}
	if (is_block(s->a.op))
		s->body = 1 + akf_below(MIN(room, 8));
	else if (prog.reports < times * max_reports(s))
		make_alu(s);
	else
		prog.reports -= times * max_reports(s);
	s->prog = prog.nr;
	s->sleepable = prog.sleepable;
}

/* @cnt steps that are done up to @times times */
static void make_block(int cnt, int times, int depth)
{
	struct akf_step *s;

	while (cnt--) {
		s = akf_new_step();
		make_step(s, times, cnt, depth);
		if (!s->body)
			continue;
		make_block(s->body, s->a.op == AKF_LOOP ? times * s->a.cnt : times, depth + 1);
		cnt -= s->body;
	}
}

void akf_make_prog(int nr, int cnt)
{
	struct akf_step *s;
	int frees;

	prog.nr = nr;
	prog.sleepable = akf_one_in(2);
	prog.branches = 6;
	prog.loops = 2;
	prog.reports = 40;
	/* Nobody knows when a deferred free is done: nothing else comes after them. */
	frees = prog.sleepable ? 0 : akf_below(MIN(cnt, 4));
	make_block(cnt - frees, 1, 0);
	while (frees--) {
		s = akf_new_step();
		s->a.op = AK_FREE;
		s->prog = nr;
		akf_make_op(s);
	}
}
