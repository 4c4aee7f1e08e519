// SPDX-License-Identifier: GPL-2.0
/* How the fuzzer makes sequences of steps from a seed */
#include <test_progs.h>
#include "arena_kern.h"
#include "arena_kern_fuzz.h"

static struct akf_seq *seq;	/* that is being made */
static __u64 rnd, last_page;
static __u32 page;

/* splitmix64, whose results are the same everywhere */
__u64 akf_rand(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

__u64 akf_any(void)
{
	return akf_rand(&rnd);
}

__u32 akf_below(__u32 n)
{
	return akf_any() % n;
}

bool akf_one_in(__u32 n)
{
	return !akf_below(n);
}

int akf_pick(const struct akf_weight *table)
{
	int sum = 0, i, n;

	for (i = 0; table[i].weight; i++)
		sum += table[i].weight;
	n = akf_below(sum);
	for (i = 0; n >= table[i].weight; i++)
		n -= table[i].weight;
	return table[i].op;
}

struct akf_step *akf_new_step(void)
{
	return &seq->steps[seq->cnt++];
}

static __u64 page_ptr(__s64 pgoff)
{
	return seq->base + pgoff * page;
}

/*
 * The lower half of the window is where most of what is allocated is. Often it is
 * the page of the last time, so that more than one thing happens to it.
 */
__u64 akf_make_page(void)
{
	__u32 cnt = seq->window_end - seq->window;

	if (!last_page || akf_one_in(2))
		last_page = page_ptr(seq->window + akf_below(akf_one_in(3) ? cnt : (cnt + 1) / 2));
	return last_page;
}

__u64 akf_make_ptr(int align)
{
	__u32 off = akf_below(page);
	__u64 ptr;

	if (akf_one_in(8)) /* behind the end, or before the start */
		ptr = page_ptr(seq->window_end + akf_below(2));
	else if (akf_one_in(16) && (__u32)seq->base)
		ptr = page_ptr(-1);
	else
		ptr = akf_make_page();
	if (akf_one_in(4))
		off = 0;
	else if (akf_one_in(3))
		off = page - 1 - akf_below(16);
	return (ptr + off) & ~(__u64)(align - 1);
}

static __u64 make_val(void)
{
	switch (akf_below(4)) {
	case 0:
		return akf_below(4);
	case 1:
		return akf_make_ptr(8);
	}
	return akf_any();
}

/* The kernel adds .off to .ptr: that may be anything up to the end of the guard. */
static void make_off(struct arena_kern_args *a)
{
	__s64 off = (__u32)a->ptr;

	if (akf_one_in(8))
		off = SZ_4G + akf_below(ak_guard() - a->size);
	else if (!akf_one_in(3))
		return;
	a->ptr = (__u32)akf_any();
	a->off = off - (__s64)a->ptr;
}

/*
 * All dead pages are one page. What memcpy() does must not depend on the order in
 * which it copies: at their offsets in the page, source and destination either do
 * not overlap or are equal.
 */
static void make_memcpy(struct arena_kern_args *a)
{
	__u32 off = a->ptr % page;

	a->src = akf_make_ptr(page);
	if (akf_one_in(4)) {
		a->size = 1 + akf_below(page);
		a->src += off;
	} else {
		a->size = 1 + akf_below(akf_one_in(2) ? 64 : page / 2);
		a->src += (off + a->size + akf_below(page - 2 * a->size + 1)) % page;
	}
}

static void make_range(struct arena_kern_args *a)
{
	a->ptr = akf_make_page();
	a->cnt = akf_one_in(4) ? akf_below(66) : 1 + akf_below(akf_one_in(2) ? 4 : 1);
}

static void make_alloc(struct arena_kern_args *a)
{
	make_range(a);
	if (a->op != AK_RESERVE && akf_one_in(3))
		a->ptr = 0;
	else if (akf_one_in(16))
		a->ptr += akf_one_in(2) ? 8 : -(__s64)page;
	if (a->op == AK_KALLOC && akf_one_in(4))
		a->how = akf_one_in(8) ? 4097 : 1;
}

static void make_free(const struct akf_step *s, struct arena_kern_args *a)
{
	make_range(a);
	if (akf_one_in(8))
		a->ptr += akf_below(page);
	else if (akf_one_in(16) && (__u32)seq->base && !s->prog)
		a->ptr = page_ptr(-1 - (int)akf_below(4));
	if (akf_one_in(32))
		a->cnt = akf_any() >> akf_below(20);
}

static __u32 make_size(void)
{
	return akf_one_in(2) ? akf_below(64) : akf_below(MIN(3 * page, (__u32)ak_guard()));
}

void akf_make_op(struct akf_step *s)
{
	struct arena_kern_args *a = &s->a;

	a->ptr = akf_make_ptr(1);
	if (akf_one_in(8))
		a->ptr |= akf_any() << 32;
	switch (a->op) {
	case AK_READ:
	case AK_WRITE:
		a->size = 1 << akf_below(4);
		a->val = make_val();
		make_off(a);
		break;
	case AK_NOFAULT:
		make_off(a);
		break;
	case AK_SUM_SCALE:
		a->cnt = 1 + akf_below(akf_one_in(4) ? page / 8 : 8);
		a->val = akf_below(4);
		break;
	case AK_WALK:
		a->cnt = akf_below(6);
		a->ptr &= ~7ULL;
		break;
	case AK_MEMCPY:
		make_memcpy(a);
		break;
	case AK_MEMSET:
		a->val = (__u8)akf_any();
		a->size = make_size();
		break;
	case AK_COUNT_NONZERO:
		a->size = make_size();
		break;
	case AK_ATOMIC:
	case AK_PROG_WRITE:
	case AK_WRITE_NOPROG:
		a->ptr &= ~7ULL;
		a->val = make_val();
		a->how = a->op == AK_ATOMIC ? akf_below(3) : 0;
		break;
	case AK_READ_IN:
		a->how = akf_below(4);
		break;
	case AK_ALLOC:
	case AK_KALLOC:
	case AK_RESERVE:
		make_alloc(a);
		break;
	case AK_FREE:
	case AK_KFREE:
		make_free(s, a);
		break;
	case AKF_TOUCH:
		a->how = s->prog ? akf_below(2) : 0;
		break;
	case AKF_USER_READ:
	case AKF_USER_WRITE:
		a->size = 4;
		a->val = (__u32)make_val();
		a->ptr = akf_make_page() + 4 * akf_below(page / 4);
		break;
	case AKF_POPULATE:
	case AKF_DONTNEED:
		make_range(a);
		a->cnt = MIN(a->cnt, seq->pages - (__u32)((a->ptr - seq->base) / page));
		break;
	}
}

static const struct akf_weight calls[] = {
	{ AK_READ, 8 }, { AK_WRITE, 8 }, { AK_SUM_SCALE, 3 }, { AK_WALK, 3 }, { AK_MEMCPY, 6 },
	{ AK_MEMSET, 3 }, { AK_COUNT_NONZERO, 3 }, { AK_ATOMIC, 3 }, { AK_READ_IN, 2 },
	{ AK_NOFAULT, 3 }, { AK_PFN, 4 }, { AK_PROG_READ, 4 }, { AK_PROG_WRITE, 4 },
	{ AK_ALLOC, 12 }, { AK_FREE, 10 }, { AK_RESERVE, 4 }, { AK_KALLOC, 6 }, { AK_KFREE, 4 },
	{ AK_WRITE_NOPROG, 4 }, { AKF_TOUCH, 2 }, { AKF_USER_READ, 5 }, { AKF_USER_WRITE, 5 },
	{ AKF_POPULATE, 2 }, { AKF_DONTNEED, 2 }, { AKF_REMAP, 1 }, { }
};

/* To begin with, so that there is something to work on */
static const struct akf_weight first_calls[] = {
	{ AK_ALLOC, 6 }, { AK_KALLOC, 2 }, { AK_RESERVE, 1 }, { AKF_USER_WRITE, 2 }, { }
};

static void make_call(int op)
{
	struct akf_step *s = akf_new_step();

	s->a.op = op;
	s->sleepable = op == AK_KALLOC || op == AK_KFREE || op == AK_WRITE_NOPROG || akf_one_in(2);
	akf_make_op(s);
}

/* Each part has a window of @cnt pages, the last one to the end. Page 0 is in none. */
static void make_arena(__u32 cnt, int parts)
{
	seq->flags = akf_one_in(3) ? BPF_F_SEGV_ON_FAULT : 0;
	seq->pages = 1 + cnt * parts;
	switch (akf_below(6)) {
	case 0: /* of full size */
		seq->pages = SZ_4G / page;
		seq->base = MAP_EXTRA_HI;
		break;
	case 1:
	case 2: /* behind it is the guard as well */
		seq->base = MAP_EXTRA_HI + SZ_4G - seq->pages * page;
		break;
	default:
		seq->base = MAP_EXTRA_HI + page * (8ULL + akf_below(SZ_4G / page - 2048));
	}
}

static void make_part(int part, bool programs)
{
	int end = seq->cnt + AKF_PART_STEPS, nr, cnt;

	for (cnt = 4 + akf_below(8); cnt; cnt--)
		make_call(akf_pick(first_calls));
	if (!programs) {
		for (cnt = 8 + akf_below(AKF_PART_STEPS - 20); cnt; cnt--)
			make_call(akf_pick(calls));
		return;
	}
	for (nr = 1; nr < 5; nr++) {
		cnt = 4 + akf_below(24);
		if (seq->cnt + cnt + 4 > end)
			return;
		akf_make_prog(4 * part + nr, cnt);
		for (cnt = akf_below(4); cnt; cnt--)
			make_call(akf_pick(calls));
	}
}

void akf_make(struct akf_seq *new, __u64 seed, bool programs, int parts)
{
	__u32 cnt;
	int part;

	seq = new;
	rnd = seed;
	page = getpagesize();
	memset(seq, 0, sizeof(*seq));
	seq->seed = seed;
	cnt = 7 + akf_below(57);
	make_arena(cnt, parts);
	for (part = 0; part < parts; part++) {
		seq->window_end = seq->pages - (parts - 1 - part) * cnt;
		seq->window = seq->window_end - cnt;
		last_page = 0;
		make_part(part, programs);
	}
}

const char * const akf_op_names[] = {
	[AK_READ] = "read", [AK_WRITE] = "write", [AK_SUM_SCALE] = "sum_scale",
	[AK_WALK] = "walk", [AK_MEMCPY] = "memcpy", [AK_MEMSET] = "memset",
	[AK_COUNT_NONZERO] = "count_nonzero", [AK_ATOMIC] = "atomic", [AK_READ_IN] = "read_in",
	[AK_NOFAULT] = "nofault", [AK_PFN] = "pfn", [AK_PROG_READ] = "prog_read",
	[AK_PROG_WRITE] = "prog_write", [AK_ALLOC] = "alloc", [AK_FREE] = "free",
	[AK_RESERVE] = "reserve", [AK_KALLOC] = "kalloc", [AK_KFREE] = "kfree",
	[AK_WRITE_NOPROG] = "write_noprog", [AKF_TOUCH] = "touch", [AKF_USER_READ] = "user_read",
	[AKF_USER_WRITE] = "user_write", [AKF_POPULATE] = "populate",
	[AKF_DONTNEED] = "dontneed", [AKF_REMAP] = "remap", [AKF_ALU] = "alu", [AKF_IF] = "if",
	[AKF_LOOP] = "loop", [AKF_CALL] = "call", [AKF_LOAD] = "load", [AKF_STORE] = "store",
	[AKF_RMW] = "rmw", [AKF_CAST] = "cast",
};

static void print_ptr(FILE *f, const struct akf_seq *of, const char *name, __u64 ptr)
{
	__u32 off = (__u32)ptr - (__u32)of->base, nr = off / getpagesize();

	if (!ptr)
		return;
	fprintf(f, " %s 0x%llx", name, ptr);
	if (nr < of->pages + 2)
		fprintf(f, " (page %u + 0x%x)", nr, off % getpagesize());
}

static void print_num(FILE *f, const char *name, __s64 val)
{
	if (val)
		fprintf(f, val < -9 || val > 9 ? " %s 0x%llx" : " %s %lld", name, val);
}

void akf_print_step(FILE *f, const struct akf_seq *of, int nr)
{
	const struct akf_step *s = &of->steps[nr];

	fprintf(f, "fuzz: %3d ", nr);
	if (s->prog)
		fprintf(f, "program %d ", s->prog);
	fprintf(f, "%s%s", akf_op_names[s->a.op], s->sleepable ? " (sleepable)" : "");
	print_num(f, "body", s->body);
	print_num(f, "code", s->code);
	print_num(f, "dst r", s->dst);
	print_num(f, "src r", s->src);
	print_ptr(f, of, s->cast ? "ptr32" : "ptr", s->a.ptr);
	print_num(f, "+ r", s->index);
	print_num(f, "&", s->mask);
	print_num(f, "insn off", s->off);
	print_num(f, "off", s->a.off);
	print_ptr(f, of, "src", s->a.src);
	print_num(f, "size", s->a.size);
	print_num(f, "cnt", s->a.cnt);
	print_num(f, "how", s->a.how);
	print_num(f, "val", s->a.val);
	fprintf(f, "\n");
}
