// SPDX-License-Identifier: GPL-2.0
/* What a program of the fuzzer has to do: its steps, interpreted */
#include <test_progs.h>
#include "arena_kern_fuzz.h"

struct interp {
	struct akf_model *m;
	const struct akf_seq *seq;
	const bool *keep;
	const struct akf_result *got;
	struct akf_result *want;
};

#define R(regs, nr) ((regs)[(nr) - AKF_FIRST_REG])

static __u64 operand(const struct akf_step *s, const __u64 *regs)
{
	return s->src ? R(regs, s->src) : s->a.val;
}

static __u64 ptr_of(const struct akf_step *s, const __u64 *regs)
{
	__u64 ptr = s->a.ptr + (s->index ? R(regs, s->index) & s->mask : 0);

	return s->cast ? (__u32)ptr : ptr;
}

static __u64 alu(__u8 code, __u64 dst, __u64 src)
{
	bool wide = BPF_CLASS(code) == BPF_ALU64;
	__u32 bits = wide ? 64 : 32;

	if (!wide) {
		dst = (__u32)dst;
		src = (__u32)src;
	}
	switch (BPF_OP(code)) {
	case BPF_ADD:
		dst += src;
		break;
	case BPF_SUB:
		dst -= src;
		break;
	case BPF_MUL:
		dst *= src;
		break;
	case BPF_OR:
		dst |= src;
		break;
	case BPF_AND:
		dst &= src;
		break;
	case BPF_XOR:
		dst ^= src;
		break;
	case BPF_MOV:
		dst = src;
		break;
	case BPF_LSH:
		dst <<= src % bits;
		break;
	case BPF_RSH:
		dst >>= src % bits;
		break;
	case BPF_ARSH:
		dst = wide ? (__s64)dst >> src % bits : (__s32)dst >> src % bits;
		break;
	case BPF_DIV:
		dst = src ? dst / src : 0;
		break;
	case BPF_MOD:
		dst = src ? dst % src : dst;
		break;
	case BPF_NEG:
		dst = -dst;
		break;
	}
	return wide ? dst : (__u32)dst;
}

static bool jumps(__u8 code, __u64 dst, __u64 src)
{
	bool wide = BPF_CLASS(code) == BPF_JMP;
	__s64 sdst = wide ? (__s64)dst : (__s32)dst, ssrc = wide ? (__s64)src : (__s32)src;

	if (!wide) {
		dst = (__u32)dst;
		src = (__u32)src;
	}
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return dst == src;
	case BPF_JNE:
		return dst != src;
	case BPF_JGT:
		return dst > src;
	case BPF_JGE:
		return dst >= src;
	case BPF_JLT:
		return dst < src;
	case BPF_JLE:
		return dst <= src;
	case BPF_JSGT:
		return sdst > ssrc;
	case BPF_JSGE:
		return sdst >= ssrc;
	case BPF_JSLT:
		return sdst < ssrc;
	case BPF_JSLE:
		return sdst <= ssrc;
	default: /* BPF_JSET */
		return dst & src;
	}
}

static int bytes(__u8 code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

static __u64 load(struct akf_model *m, const struct akf_step *s, __s64 off)
{
	int size = bytes(s->code), shift = 64 - 8 * size;
	__u64 val;

	if (!akf_model_access(m, off, size, AKF_READ))
		return 0;
	val = akf_model_read(m, off, size);
	return BPF_MODE(s->code) == BPF_MEMSX ? (__s64)(val << shift) >> shift : val;
}

/* Where it faults, what it loads is 0. */
static void rmw(struct akf_model *m, const struct akf_step *s, __s64 off, __u64 *regs)
{
	int size = bytes(s->code);
	bool ok = akf_model_access(m, off, size, AKF_WRITE);
	__u64 old = ok ? akf_model_read(m, off, size) : 0, src, new;

	if (size == 4)
		R(regs, s->src) = (__u32)R(regs, s->src);
	src = R(regs, s->src);
	new = src;
	switch (s->a.how) {
	case BPF_ADD:
	case BPF_ADD | BPF_FETCH:
		new = old + src;
		break;
	case BPF_AND:
		new = old & src;
		break;
	case BPF_OR:
		new = old | src;
		break;
	case BPF_XOR:
		new = old ^ src;
		break;
	case BPF_CMPXCHG:
		new = old == s->a.val ? src : old;
		break;
	}
	if (ok)
		akf_model_write(m, off, size, new);
	if (s->a.how == BPF_CMPXCHG)
		R(regs, s->dst) = old;
	else if (s->a.how & BPF_FETCH)
		R(regs, s->src) = old;
}

static void run_kfunc(struct interp *x, int nr, const struct akf_step *s, __u64 *regs)
{
	struct arena_kern_args a = s->a;

	a.ptr = ptr_of(s, regs);
	a.val = operand(s, regs);
	a.ret = x->got->steps[nr];
	a.ret = akf_model_op(x->m, &a);
	if (!akf_returns(s))
		return;
	x->want->steps[nr] = a.ret;
	if (s->dst)
		R(regs, s->dst) = a.ret;
}

static void run_step(struct interp *x, int nr, const struct akf_step *s, __u64 *regs)
{
	__s64 off = (__s64)(__u32)ptr_of(s, regs) + s->off;
	__u32 ptr;

	switch (s->a.op) {
	case AKF_ALU:
		R(regs, s->dst) = alu(s->code, R(regs, s->dst), operand(s, regs));
		break;
	case AKF_LOAD:
		R(regs, s->dst) = load(x->m, s, off);
		break;
	case AKF_STORE:
		if (akf_model_access(x->m, off, bytes(s->code), AKF_WRITE))
			akf_model_write(x->m, off, bytes(s->code), operand(s, regs));
		break;
	case AKF_RMW:
		rmw(x->m, s, off, regs);
		break;
	case AKF_CAST:
		ptr = alu(BPF_ALU | BPF_OP(s->code), ptr_of(s, regs), operand(s, regs));
		R(regs, s->dst) = ptr ? (x->m->base & ~0xffffffffULL) | ptr : 0;
		break;
	default:
		run_kfunc(x, nr, s, regs);
	}
}

static void run_block(struct interp *x, int from, int to, __u64 *regs)
{
	__u64 copy[AKF_NR_REGS];
	const struct akf_step *s;
	int nr, end;
	__u32 i;

	for (nr = from; nr < to; nr = end) {
		s = &x->seq->steps[nr];
		end = x->keep[nr] ? akf_block_end(x->seq, nr, to) : nr + 1;
		if (!x->keep[nr])
			continue;
		switch (s->a.op) {
		case AKF_IF:
			if (!jumps(s->code, R(regs, s->dst), operand(s, regs)))
				run_block(x, nr + 1, end, regs);
			break;
		case AKF_LOOP:
			for (i = 0; i < s->a.cnt; i++)
				run_block(x, nr + 1, end, regs);
			break;
		case AKF_CALL:
			memcpy(copy, regs, sizeof(copy));
			run_block(x, nr + 1, end, copy);
			regs[0] = copy[0];
			break;
		default:
			run_step(x, nr, s, regs);
		}
	}
}

void akf_interpret(struct akf_model *m, const struct akf_seq *seq, const bool *keep, int from,
		   int to, const struct akf_result *got, struct akf_result *want)
{
	struct interp x = { .m = m, .seq = seq, .keep = keep, .got = got, .want = want };

	memcpy(want->out, want->in, sizeof(want->out));
	run_block(&x, from, to, want->out);
}
