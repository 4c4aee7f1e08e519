// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of cmasks in kernel memory and of the conversion of cpumasks to
 * cids: both are compared with naive models over random and regular input.
 *
 * All randomness is from fixed seeds, and each round has its own, which failure
 * messages name: the same round always does the same.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "ext_cid_map.h"
#include "ext_cmask.h"

#define SEED		0x5c8e7cb1dULL
#define GUARD		0xa5a5a5a5a5a5a5a5ULL	/* the same at any alignment */
#define NR_GUARDS	4	/* words before and after what is tested */

static void seed_round(struct rnd_state *rnd, u32 round)
{
	int i;

	prandom_seed_state(rnd, SEED + round);
	/* Near seeds give near values at first. */
	for (i = 0; i < 8; i++)
		prandom_u32_state(rnd);
}

/* Uniform enough in [0, @ceil). */
static u32 rnd_below(struct rnd_state *rnd, u32 ceil)
{
	return prandom_u32_state(rnd) % ceil;
}

static u64 rnd_u64(struct rnd_state *rnd)
{
	return (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
}

/*
 * What each word of a random bitmap is like: a bit is set with a probability of
 * 0, 1/8, 1/2, 7/8 or 1; or this changes from word to word.
 */
enum density { NONE, FEW, HALF, MOST, ALL, NR_DENSITIES, MIXED = NR_DENSITIES };

static u64 rnd_word(struct rnd_state *rnd, enum density density)
{
	if (density == MIXED)
		density = rnd_below(rnd, NR_DENSITIES);

	switch (density) {
	case NONE:
		return 0;
	case FEW:
		return rnd_u64(rnd) & rnd_u64(rnd) & rnd_u64(rnd);
	case HALF:
		return rnd_u64(rnd);
	case MOST:
		return rnd_u64(rnd) | rnd_u64(rnd) | rnd_u64(rnd);
	default:
		return ~0ULL;
	}
}

/*
 * cmasks
 *
 * A model keeps one byte for each cid of a window of the u32 range that has the
 * ranges of all cmasks of a round in it. Every operation on it is a loop over
 * the whole window, and what is outside of a range is just never set.
 */
#define MAX_CIDS	4096
#define MAX_WINDOW	(2 * MAX_CIDS + 256)

struct subject {
	const char *what;	/* for messages */
	u32 round;
	u32 origin;		/* the window: [origin, origin + size) */
	u32 size;
	u32 base;
	u32 nr_cids;
	u32 alloc_words;
	u8 *model;		/* indexed by cid - origin */
	u64 *mem;		/* guards, the cmask, guards */
	struct scx_cmask *m;
};

/* sizeof(struct scx_cmask) is a multiple of 4 only, where u64 is aligned to 4. */
#define HEADER_WORDS	DIV_ROUND_UP(sizeof(struct scx_cmask), sizeof(u64))
#define MEM_WORDS	(NR_GUARDS + HEADER_WORDS + SCX_CMASK_NR_WORDS(MAX_CIDS) + 2 + NR_GUARDS)

static struct subject *alloc_subject(struct kunit *test, const char *what)
{
	struct subject *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->what = what;
	s->model = kunit_kzalloc(test, MAX_WINDOW, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->model);
	s->mem = kunit_kzalloc(test, MEM_WORDS * sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->mem);
	s->m = (struct scx_cmask *)(s->mem + NR_GUARDS);
	return s;
}

static bool covered(const struct subject *s, u32 cid)
{
	return cid >= s->base && (u64)cid < (u64)s->base + s->nr_cids;
}

/*
 * Whether cmask and model agree, all padding is zero, the header is what it was
 * set to, and nothing around it has changed. This looks at the bare words.
 */
static void check_subject(struct kunit *test, const struct subject *s, const char *op)
{
	const u64 *after = s->m->bits + s->alloc_words;
	const u64 *end = s->mem + MEM_WORDS;
	const u64 *word;
	u32 i;

	for (i = 0; i < NR_GUARDS; i++)
		if (s->mem[i] != GUARD)
			KUNIT_FAIL_AND_ABORT(test, "round %u: %s: wrote in front of %s",
					     s->round, op, s->what);
	for (word = after; word + 1 <= end; word++)
		if (*word != GUARD)
			KUNIT_FAIL_AND_ABORT(test, "round %u: %s: wrote behind %s",
					     s->round, op, s->what);

	KUNIT_ASSERT_EQ_MSG(test, s->m->base, s->base, "round %u: %s", s->round, op);
	KUNIT_ASSERT_EQ_MSG(test, s->m->nr_cids, s->nr_cids, "round %u: %s", s->round, op);
	KUNIT_ASSERT_EQ_MSG(test, s->m->alloc_words, s->alloc_words, "round %u: %s", s->round, op);

	for (i = 0; i < s->alloc_words * 64; i++) {
		u64 cid = (u64)(s->base & ~63U) + i;
		bool is = s->m->bits[i / 64] & BIT_ULL(i % 64);
		bool should = cid <= U32_MAX && covered(s, cid) && s->model[cid - s->origin];

		if (is != should)
			KUNIT_FAIL_AND_ABORT(test,
					     "round %u: %s: %s [%u, +%u): %s %llu is %d, not %d",
					     s->round, op, s->what, s->base, s->nr_cids,
					     cid <= U32_MAX && covered(s, cid) ? "cid" : "padding",
					     cid, is, should);
	}
}

/* The lengths at which something may change, or any. */
static u32 rnd_nr_cids(struct rnd_state *rnd, u32 max)
{
	static const u32 edges[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, 4095, 4096 };
	u32 nr = edges[rnd_below(rnd, ARRAY_SIZE(edges))];

	if (nr > max || rnd_below(rnd, 3) == 0)
		nr = rnd_below(rnd, max + 1);
	return nr;
}

/* Where a round takes place. The window ends at U32_MAX - 1 in every third round. */
static void rnd_window(struct rnd_state *rnd, u32 round, u32 *origin, u32 *size)
{
	*size = round % 8 ? 400 : MAX_WINDOW;

	switch (round % 3) {
	case 0:
		*origin = rnd_below(rnd, 130);
		break;
	case 1:
		*origin = U32_MAX - *size;
		break;
	default:
		*origin = rnd_below(rnd, U32_MAX - *size);
		break;
	}
}

/* Dirty the memory of @s, make a new empty cmask in it, and an empty model. */
static void init_subject(struct kunit *test, struct subject *s, struct rnd_state *rnd, u32 round,
			 u32 origin, u32 size)
{
	u32 words;

	s->round = round;
	s->origin = origin;
	s->size = size;
	s->nr_cids = rnd_nr_cids(rnd, min(MAX_CIDS, size));
	s->base = origin + rnd_below(rnd, size - s->nr_cids + 1);
	if (rnd_below(rnd, 4) == 0)	/* at the very end */
		s->base = origin + size - s->nr_cids;

	/* Just enough words; as many as always do; or more. */
	words = ((s->base & 63) + s->nr_cids + 63) / 64;
	if (rnd_below(rnd, 2))
		words = SCX_CMASK_NR_WORDS(s->nr_cids) + rnd_below(rnd, 3);
	s->alloc_words = words;

	memset64(s->mem, GUARD, MEM_WORDS);
	memset(s->m, rnd_below(rnd, 256), offsetof(struct scx_cmask, bits));
	s->m->alloc_words = words;
	for (words = 0; words < s->alloc_words; words++)
		s->m->bits[words] = rnd_u64(rnd);
	memset(s->model, 0, size);

	KUNIT_ASSERT_EQ_MSG(test, scx_cmask_init(s->m, s->alloc_words, s->base, s->nr_cids), 0,
			    "round %u: [%u, +%u) in %u words",
			    round, s->base, s->nr_cids, s->alloc_words);
	check_subject(test, s, "init");
}

/* Put random cids into an empty cmask, not by the functions that are tested. */
static void randomise_subject(struct subject *s, struct rnd_state *rnd)
{
	enum density density = rnd_below(rnd, MIXED + 1);
	u64 word = 0;
	u32 cid;

	for (cid = s->base; cid != s->base + s->nr_cids; cid++) {
		if (cid == s->base || cid % 64 == 0)
			word = rnd_word(rnd, density);
		if (word & BIT_ULL(cid % 64)) {
			s->model[cid - s->origin] = 1;
			s->m->bits[cid / 64 - s->base / 64] |= BIT_ULL(cid % 64);
		}
	}
}

/* Set the cids of @s that are in the model of @other, or clear the others. */
static void copy_model(struct subject *s, const struct subject *other)
{
	u32 i;

	memset(s->m->bits, 0, s->alloc_words * sizeof(u64));
	for (i = 0; i < s->size; i++) {
		u32 cid = s->origin + i;

		s->model[i] = other->model[i] && covered(s, cid);
		if (s->model[i])
			s->m->bits[cid / 64 - s->base / 64] |= BIT_ULL(cid % 64);
	}
}

/* What is known of geometry without any model. */
static void cmask_geometry(struct kunit *test)
{
	static const struct {
		u32 alloc_words, base, nr_cids;
		int ret;
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ 0, 64, 0, 0 },
		{ 0, 0, 1, -EINVAL },
		{ 1, 0, 1, 0 },
		{ 1, 0, 64, 0 },
		{ 1, 0, 65, -EINVAL },
		{ 1, 63, 1, 0 },
		{ 1, 63, 2, -EINVAL },
		{ 2, 63, 2, 0 },
		{ 2, 63, 65, 0 },
		{ 2, 63, 66, -EINVAL },
		{ 2, U32_MAX, 0, 0 },
		{ 2, U32_MAX, 1, -EINVAL },
		{ 2, U32_MAX - 1, 1, 0 },
		{ 2, U32_MAX - 1, 2, -EINVAL },
		{ 2, U32_MAX - 64, 64, 0 },
		{ 1, U32_MAX - 64, 64, -EINVAL },
		{ 2, U32_MAX - 64, 65, -EINVAL },
		/* sums that wrap */
		{ 2, 1, U32_MAX, -EINVAL },
		{ 2, 64, U32_MAX - 62, -EINVAL },
		{ 2, U32_MAX, U32_MAX, -EINVAL },
		{ 2, 0, U32_MAX, -EINVAL },
		{ 2, 63, U32_MAX - 63, -EINVAL },
	};
	struct subject *s = alloc_subject(test, "cmask");
	u32 i, nr, base;

	KUNIT_EXPECT_EQ(test, SCX_CMASK_NR_WORDS(0), 1);
	KUNIT_EXPECT_EQ(test, SCX_CMASK_NR_WORDS(1), 2);
	KUNIT_EXPECT_EQ(test, SCX_CMASK_NR_WORDS(64), 2);
	KUNIT_EXPECT_EQ(test, SCX_CMASK_NR_WORDS(65), 3);
	KUNIT_EXPECT_EQ(test, SCX_CMASK_NR_WORDS(U32_MAX), (1U << 26) + 1);
	if (IS_ENABLED(CONFIG_64BIT))
		KUNIT_EXPECT_EQ(test, offsetof(struct scx_cmask, bits), 16);

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int ret = scx_cmask_init(s->m, cases[i].alloc_words, cases[i].base,
					 cases[i].nr_cids);

		KUNIT_EXPECT_EQ_MSG(test, ret, cases[i].ret, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, s->m->base, ret ? 0 : cases[i].base, "case %u", i);
		KUNIT_EXPECT_EQ_MSG(test, s->m->nr_cids, ret ? 0 : cases[i].nr_cids, "case %u", i);
	}

	/* SCX_CMASK_NR_WORDS() is enough for all bases. */
	for (nr = 0; nr <= 200; nr++)
		for (base = 0; base < 64; base++)
			KUNIT_ASSERT_EQ_MSG(test, scx_cmask_init(s->m, SCX_CMASK_NR_WORDS(nr),
								 base, nr),
					    0, "[%u, +%u)", base, nr);
}

static void cmask_reframe(struct kunit *test)
{
	struct subject *s = alloc_subject(test, "cmask");
	struct rnd_state rnd;
	u32 round, origin, size, words;
	int ret;

	for (round = 0; round < 300; round++) {
		seed_round(&rnd, round);
		rnd_window(&rnd, round, &origin, &size);
		init_subject(test, s, &rnd, round, origin, size);
		randomise_subject(s, &rnd);

		/* What does not fit changes nothing. */
		KUNIT_ASSERT_EQ(test, scx_cmask_reframe(s->m, s->base, s->alloc_words * 64 + 1),
				-EINVAL);
		check_subject(test, s, "refused reframe");
		KUNIT_ASSERT_EQ(test, scx_cmask_reframe(s->m, U32_MAX, 1), -EINVAL);
		check_subject(test, s, "refused reframe");

		s->nr_cids = rnd_nr_cids(&rnd, min(MAX_CIDS, size));
		s->base = origin + rnd_below(&rnd, size - s->nr_cids + 1);
		words = ((s->base & 63) + s->nr_cids + 63) / 64;
		ret = scx_cmask_reframe(s->m, s->base, s->nr_cids);
		if (words > s->alloc_words) {
			KUNIT_ASSERT_EQ_MSG(test, ret, -EINVAL, "round %u", round);
			continue;
		}
		KUNIT_ASSERT_EQ_MSG(test, ret, 0, "round %u", round);
		memset(s->model, 0, size);
		check_subject(test, s, "reframe");
	}
}

/* One cid at a time, near and far outside of the range as well. */
static void cmask_set_clear_test(struct kunit *test)
{
	static const u32 far[] = { 0, 1, 63, 64, S32_MAX, 1U << 31, U32_MAX - 64, U32_MAX };
	struct subject *s = alloc_subject(test, "cmask");
	struct rnd_state rnd;
	u32 round, origin, size, cid, i;

	for (round = 0; round < 100; round++) {
		seed_round(&rnd, round);
		rnd_window(&rnd, round, &origin, &size);
		init_subject(test, s, &rnd, round, origin, size);
		randomise_subject(s, &rnd);

		for (i = 0; i < size; i++) {
			cid = origin + i;
			if (scx_cmask_test(s->m, cid) != s->model[i])
				KUNIT_FAIL_AND_ABORT(test, "round %u: test(%u) is not %d",
						     round, cid, s->model[i]);
		}

		for (i = 0; i < 40; i++) {
			cid = origin + rnd_below(&rnd, size);
			if (rnd_below(&rnd, 2)) {
				__scx_cmask_set(s->m, cid);
				s->model[cid - origin] = covered(s, cid);
			} else {
				__scx_cmask_clear(s->m, cid);
				s->model[cid - origin] = 0;
			}
		}
		check_subject(test, s, "set and clear");

		for (i = 0; i < ARRAY_SIZE(far); i++) {
			cid = far[i];
			if (covered(s, cid))
				continue;
			KUNIT_ASSERT_FALSE_MSG(test, scx_cmask_test(s->m, cid), "round %u: %u",
					       round, cid);
			__scx_cmask_set(s->m, cid);
			KUNIT_ASSERT_FALSE_MSG(test, scx_cmask_test(s->m, cid), "round %u: %u",
					       round, cid);
			__scx_cmask_clear(s->m, cid);
		}
		check_subject(test, s, "set and clear far off");
	}
}

static void naive_combine(struct subject *dst, const struct subject *src, enum scx_cmask_op op)
{
	u32 i;

	for (i = 0; i < dst->size; i++) {
		u32 cid = dst->origin + i;

		if (!covered(dst, cid))
			continue;

		switch (op) {
		case SCX_CMASK_OP_AND:
			dst->model[i] = dst->model[i] && src->model[i];
			break;
		case SCX_CMASK_OP_OR:
			dst->model[i] = dst->model[i] || src->model[i];
			break;
		case SCX_CMASK_OP_ANDNOT:
			dst->model[i] = dst->model[i] && !src->model[i];
			break;
		case SCX_CMASK_OP_COPY:
			dst->model[i] = src->model[i];
			break;
		}
	}
}

static void cmask_combine(struct kunit *test)
{
	static const struct {
		const char *name;
		enum scx_cmask_op op;
		void (*fn)(struct scx_cmask *dst, const struct scx_cmask *src);
	} ops[] = {
		{ "and", SCX_CMASK_OP_AND, scx_cmask_and },
		{ "or", SCX_CMASK_OP_OR, scx_cmask_or },
		{ "andnot", SCX_CMASK_OP_ANDNOT, scx_cmask_andnot },
		{ "copy", SCX_CMASK_OP_COPY, scx_cmask_copy },
	};
	struct subject *dst = alloc_subject(test, "dst"), *src = alloc_subject(test, "src");
	struct rnd_state rnd;
	u32 round, origin, size, i;

	for (round = 0; round < 800; round++) {
		seed_round(&rnd, round);
		i = rnd_below(&rnd, ARRAY_SIZE(ops));
		rnd_window(&rnd, round, &origin, &size);
		init_subject(test, dst, &rnd, round, origin, size);
		randomise_subject(dst, &rnd);
		init_subject(test, src, &rnd, round, origin, size);
		randomise_subject(src, &rnd);

		ops[i].fn(dst->m, src->m);
		naive_combine(dst, src, ops[i].op);
		check_subject(test, dst, ops[i].name);
		check_subject(test, src, ops[i].name);
	}

	/* with itself */
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		seed_round(&rnd, i);
		init_subject(test, dst, &rnd, i, 10, 400);
		randomise_subject(dst, &rnd);
		ops[i].fn(dst->m, dst->m);
		naive_combine(dst, dst, ops[i].op);
		check_subject(test, dst, ops[i].name);
	}
}

static void cmask_relations(struct kunit *test)
{
	struct subject *a = alloc_subject(test, "a"), *b = alloc_subject(test, "b");
	u32 nr_subset = 0, nr_intersects = 0, nr_equal = 0, nr_empty = 0;
	struct rnd_state rnd;
	u32 round, origin, size, i;

	for (round = 0; round < 600; round++) {
		bool subset = true, intersects = false, equal = true, empty = true;
		u32 weight = 0;

		seed_round(&rnd, round);
		rnd_window(&rnd, round, &origin, &size);
		init_subject(test, a, &rnd, round, origin, size);
		randomise_subject(a, &rnd);
		init_subject(test, b, &rnd, round, origin, size);

		/* Two random sets are hardly ever related. */
		switch (rnd_below(&rnd, 4)) {
		case 0:
			randomise_subject(b, &rnd);
			break;
		case 1:	/* equal, or nearly so */
			copy_model(b, a);
			break;
		case 2:	/* a is a subset of b, or nearly so */
			randomise_subject(b, &rnd);
			copy_model(a, b);
			break;
		case 3:	/* disjoint, or nearly so */
			randomise_subject(b, &rnd);
			for (i = 0; i < size; i++) {
				if (a->model[i] && b->model[i]) {
					b->model[i] = 0;
					__scx_cmask_clear(b->m, origin + i);
				}
			}
			break;
		}
		if (a->nr_cids && rnd_below(&rnd, 2)) {
			u32 cid = a->base + rnd_below(&rnd, a->nr_cids);

			__scx_cmask_set(a->m, cid);
			a->model[cid - origin] = 1;
		}

		for (i = 0; i < size; i++) {
			if (a->model[i]) {
				weight++;
				empty = false;
				if (b->model[i])
					intersects = true;
				else
					subset = false;
			}
			if (a->model[i] != b->model[i])
				equal = false;
		}

		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_subset(a->m, b->m), subset, "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_intersects(a->m, b->m), intersects,
				    "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_intersects(b->m, a->m), intersects,
				    "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_equal(a->m, b->m), equal, "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_equal(b->m, a->m), equal, "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_empty(a->m), empty, "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_weight(a->m), weight, "round %u", round);
		KUNIT_ASSERT_TRUE(test, scx_cmask_subset(a->m, a->m));
		KUNIT_ASSERT_TRUE(test, scx_cmask_equal(a->m, a->m));
		check_subject(test, a, "relations");
		check_subject(test, b, "relations");

		nr_subset += subset && !empty;
		nr_intersects += intersects;
		nr_equal += equal && !empty;
		nr_empty += empty;
	}

	/* All answers have been asked for. */
	KUNIT_EXPECT_TRUE(test, nr_subset > nr_equal && nr_subset < round);
	KUNIT_EXPECT_TRUE(test, nr_intersects && nr_intersects < round);
	KUNIT_EXPECT_TRUE(test, nr_equal && nr_empty && nr_empty < round);
}

static void cmask_iterate(struct kunit *test)
{
	struct subject *s = alloc_subject(test, "cmask");
	struct rnd_state rnd;
	u32 round, origin, size, end, next, cid, i;

	for (round = 0; round < 100; round++) {
		seed_round(&rnd, round);
		rnd_window(&rnd, round, &origin, &size);
		init_subject(test, s, &rnd, round, origin, size);
		randomise_subject(s, &rnd);
		end = s->base + s->nr_cids;

		/* from each cid of the window, backwards: next is what there is above */
		next = end;
		for (i = size; i-- > 0;) {
			cid = origin + i;
			if (s->model[i])
				next = cid;
			if (scx_cmask_next_set(s->m, cid) != next)
				KUNIT_FAIL_AND_ABORT(test, "round %u: next_set(%u) is %u, not %u",
						     round, cid, scx_cmask_next_set(s->m, cid),
						     next);
		}
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_first_set(s->m), next, "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_next_set(s->m, 0), next, "round %u", round);
		KUNIT_ASSERT_EQ_MSG(test, scx_cmask_next_set(s->m, U32_MAX), end, "round %u",
				    round);

		i = 0;
		scx_cmask_for_each(cid, s->m) {
			while (i < size && !s->model[i])
				i++;
			if (i == size || cid != origin + i)
				KUNIT_FAIL_AND_ABORT(test, "round %u: for_each gave %u", round,
						     cid);
			s->model[i] = 0;
			__scx_cmask_clear(s->m, cid);
		}
		KUNIT_ASSERT_EQ_MSG(test, cid, end, "round %u", round);
		KUNIT_ASSERT_NULL_MSG(test, memchr(s->model, 1, size), "round %u", round);
		check_subject(test, s, "clear in for_each");
	}
}

static struct kunit_case scx_cmask_test_cases[] = {
	KUNIT_CASE(cmask_geometry),
	KUNIT_CASE(cmask_reframe),
	KUNIT_CASE(cmask_set_clear_test),
	KUNIT_CASE(cmask_combine),
	KUNIT_CASE(cmask_relations),
	KUNIT_CASE(cmask_iterate),
	{}
};

static struct kunit_suite scx_cmask_test_suite = {
	.name = "scx_cmask",
	.test_cases = scx_cmask_test_cases,
};

/*
 * Mappings
 *
 * A shape gives each CPU a sort key, and the CPUs get their cids in the order of
 * the keys, as a walk over the topology would number them.
 */
#define MAX_CPUS	4096
#define NO_CID		U64_MAX			/* key of a CPU that is not possible */
#define AT_THE_TAIL	BIT_ULL(32)		/* added to the key of one that is offline */

struct shape {
	const char *name;
	u64 (*key)(u32 cpu, u32 nr_cpus, struct rnd_state *rnd);
	/*
	 * How many pieces per word there may be on average, of at least 8 words;
	 * 0 if the shape is not regular.
	 */
	u32 pieces_per_word;
};

static u64 key_identity(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return cpu;
}

static u64 key_reverse(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return nr_cpus - cpu;
}

static u64 key_random(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return prandom_u32_state(rnd);
}

/* Each core has @nr_threads threads, all first ones being numbered first. */
static u64 key_far_siblings(u32 cpu, u32 nr_cpus, u32 nr_threads)
{
	u32 nr_cores = DIV_ROUND_UP(nr_cpus, nr_threads);

	return cpu % nr_cores * nr_threads + cpu / nr_cores;
}

static u64 key_smt2(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return key_far_siblings(cpu, nr_cpus, 2);
}

static u64 key_smt4(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return key_far_siblings(cpu, nr_cpus, 4);
}

static u64 key_smt8(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return key_far_siblings(cpu, nr_cpus, 8);
}

/* Consecutive CPUs are on different nodes. */
static u64 key_nodes2(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return cpu % 2 * nr_cpus + cpu / 2;
}

static u64 key_nodes4(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return cpu % 4 * nr_cpus + cpu / 4;
}

static u64 key_nodes8(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return cpu % 8 * nr_cpus + cpu / 8;
}

/* Likewise, and the first threads of all cores come before the second ones. */
static u64 key_nodes2_smt2(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	u32 nr_cores = DIV_ROUND_UP(nr_cpus, 2);
	u32 core = cpu % nr_cores;

	return core % 2 * nr_cpus * 2 + core * 2 + cpu / nr_cores;
}

static u64 key_nodes4_smt2(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	u32 nr_cores = DIV_ROUND_UP(nr_cpus, 2);
	u32 core = cpu % nr_cores;

	return core % 4 * nr_cpus * 2 + core * 2 + cpu / nr_cores;
}

/* Siblings are adjacent, but the LLCs of a core complex take turns by pairs. */
static u64 key_pairs_llcs4(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return cpu / 2 % 4 * nr_cpus + cpu;
}

/*
 * A third of the numbers are performance cores, then efficiency cores, then the
 * second threads of the performance cores.
 */
static u64 key_hybrid(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	u32 nr_p = nr_cpus / 3;

	if (cpu < nr_cpus - nr_p)
		return cpu * 2;
	return (cpu - (nr_cpus - nr_p)) * 2 + 1;
}

/* Two holes in the possible mask, and what follows them moves down. */
static u64 key_holes(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	if (cpu == nr_cpus / 5 || (cpu >= nr_cpus / 2 && cpu < nr_cpus / 2 + nr_cpus / 10))
		return NO_CID;
	return cpu;
}

static u64 key_many_holes(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	return rnd_below(rnd, 3) ? cpu : NO_CID;
}

/* Some CPUs are offline, on top of which the others have far siblings. */
static u64 key_offline(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	if (cpu >= nr_cpus / 4 && cpu < nr_cpus / 4 + nr_cpus / 8)
		return cpu + AT_THE_TAIL;
	return key_far_siblings(cpu, nr_cpus, 2);
}

/* Each stretch of CPUs is ordered in another way. */
static u64 key_patchwork(u32 cpu, u32 nr_cpus, struct rnd_state *rnd)
{
	u32 stretch = cpu / 48, i = cpu % 48;

	switch (stretch % 6) {
	case 0:
		i = key_far_siblings(i, 48, 2);
		break;
	case 1:
		i = i % 4 * 12 + i / 4;
		break;
	case 2:
		i = 47 - i;
		break;
	case 3:
		i = i % 3 * 16 + i / 3;		/* not a power of two */
		break;
	case 4:
		i = i % 8 * 6 + i / 8;
		break;
	}
	return stretch * 48 + i;
}

static const struct shape shapes[] = {
	{ "identity", key_identity, 1 },
	{ "2 threads", key_smt2, 2 },
	{ "4 threads", key_smt4, 4 },
	{ "8 threads", key_smt8, 8 },
	{ "2 nodes", key_nodes2, 2 },
	{ "4 nodes", key_nodes4, 4 },
	{ "8 nodes", key_nodes8, 8 },
	{ "2 nodes, 2 threads", key_nodes2_smt2, 3 },
	{ "4 nodes, 2 threads", key_nodes4_smt2, 5 },
	{ "4 LLCs by pairs", key_pairs_llcs4, 8 },
	{ "hybrid", key_hybrid, 2 },
	{ "holes", key_holes, 2 },
	{ "offline CPUs", key_offline, 3 },
	{ "many holes", key_many_holes, 0 },
	{ "reverse", key_reverse, 0 },
	{ "random", key_random, 0 },
	{ "patchwork", key_patchwork, 0 },
};

static const u32 map_sizes[] = {
	1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 500, 512, 1000, 4095, 4096,
};

struct sort_entry {
	u64 key;
	u32 cpu;
};

static int cmp_entries(const void *a, const void *b)
{
	const struct sort_entry *x = a, *y = b;

	return cmp_int(x->key, y->key) ?: cmp_int(x->cpu, y->cpu);
}

static void free_map(void *map)
{
	kvfree(map);
}

static struct scx_cid_map *alloc_map(struct kunit *test, u32 nr_cids, u32 nr_cpus)
{
	struct scx_cid_map *map = scx_cid_map_alloc(nr_cids, nr_cpus, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, map);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_map, map), 0);
	return map;
}

/* @entries has room for @nr_cpus. */
static struct scx_cid_map *make_map(struct kunit *test, const struct shape *shape, u32 nr_cpus,
				    struct sort_entry *entries)
{
	struct scx_cid_map *map;
	struct rnd_state rnd;
	u32 nr_cids = 0, cpu, cid;

	seed_round(&rnd, nr_cpus);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		entries[cpu].cpu = cpu;
		entries[cpu].key = shape->key(cpu, nr_cpus, &rnd);
		nr_cids += entries[cpu].key != NO_CID;
	}
	sort(entries, nr_cpus, sizeof(*entries), cmp_entries, NULL);

	map = alloc_map(test, nr_cids, nr_cpus);
	for (cid = 0; cid < nr_cids; cid++)
		KUNIT_ASSERT_EQ(test, scx_cid_map_assign(map, entries[cid].cpu, cid), 0);
	KUNIT_ASSERT_EQ(test, scx_cid_map_finish(map), 0);
	return map;
}

/*
 * The pieces of a word, if it has any, have each of its cids once, each with its
 * CPU, and are within the limits that converting them relies on.
 */
static void check_pieces(struct kunit *test, const struct scx_cid_map *map, const char *name)
{
	u32 word, i, p;

	KUNIT_ASSERT_EQ(test, map->nr_words, DIV_ROUND_UP(map->nr_cids, 64));
	KUNIT_ASSERT_EQ(test, map->word_pieces[0], 0);
	KUNIT_ASSERT_LE(test, map->word_pieces[map->nr_words], map->nr_words * 8);

	for (word = 0; word < map->nr_words; word++) {
		u32 nr_cids = min(map->nr_cids - word * 64, 64U);
		u64 seen = 0;

		if (map->word_pieces[word] == map->word_pieces[word + 1])
			continue;

		for (p = map->word_pieces[word]; p < map->word_pieces[word + 1]; p++) {
			struct scx_cid_piece *piece = &map->pieces[p];

			KUNIT_ASSERT_LE(test, piece->cpu_shift, 3);
			KUNIT_ASSERT_LE(test, piece->cid_shift, 3);
			KUNIT_ASSERT_GE(test, piece->span, 1);
			KUNIT_ASSERT_LE(test, piece->span, 64);
			KUNIT_ASSERT_LE(test, piece->cpu + piece->span, map->nr_cpus);
			for (i = 0; i << piece->cpu_shift < piece->span; i++) {
				u32 bit = piece->bit + (i << piece->cid_shift);
				u32 cpu = piece->cpu + (i << piece->cpu_shift);

				if (bit >= nr_cids || seen & BIT_ULL(bit) ||
				    map->cid_to_cpu[word * 64 + bit] != cpu)
					KUNIT_FAIL_AND_ABORT(test,
							     "%s, %u CPUs: word %u piece %u is wrong",
							     name, map->nr_cpus, word, p);
				seen |= BIT_ULL(bit);
			}
		}
		KUNIT_ASSERT_EQ_MSG(test, hweight64(seen), nr_cids, "%s, %u CPUs: word %u",
				    name, map->nr_cpus, word);
	}
}

static void check_tables(struct kunit *test, const struct scx_cid_map *map, const char *name)
{
	bool identity = true;
	u32 nr = 0, cpu, cid;

	for (cpu = 0; cpu < map->nr_cpus; cpu++) {
		s32 c = map->cpu_to_cid[cpu];

		if (c == -1)
			continue;
		if (c < 0 || c >= map->nr_cids || map->cid_to_cpu[c] != cpu)
			KUNIT_FAIL_AND_ABORT(test, "%s, %u CPUs: CPU %u has cid %d", name,
					     map->nr_cpus, cpu, c);
		identity &= c == cpu;
		nr++;
	}
	KUNIT_ASSERT_EQ(test, nr, map->nr_cids);
	KUNIT_ASSERT_EQ(test, map->identity, identity);

	for (cid = 0; cid < map->nr_cids; cid++) {
		static const struct scx_cid_topo none = { -1, -1, -1, -1, -1, -1 };

		KUNIT_ASSERT_MEMEQ(test, &map->topo[cid], &none, sizeof(none));
	}
}

struct buffers {
	u64 *out;		/* NR_GUARDS, the words, NR_GUARDS */
	u64 *want;
	struct sort_entry *entries;
};

#define MAX_OUT_WORDS	(MAX_CPUS / 64 + 3)

static struct buffers *alloc_buffers(struct kunit *test)
{
	struct buffers *buf = kunit_kzalloc(test, sizeof(*buf), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	buf->out = kunit_kcalloc(test, MAX_OUT_WORDS + 2 * NR_GUARDS, sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf->out);
	buf->want = kunit_kcalloc(test, MAX_OUT_WORDS, sizeof(u64), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf->want);
	buf->entries = kunit_kcalloc(test, MAX_CPUS, sizeof(*buf->entries), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf->entries);
	return buf;
}

/* Convert @cpus, into @nr_words words, and compare with a loop over the CPUs. */
static void check_fill(struct kunit *test, const struct scx_cid_map *map, const char *name,
		       const unsigned long *cpus, u32 nr_words, struct buffers *buf)
{
	u64 *words = buf->out + NR_GUARDS;
	u32 pass, i;

	memset(buf->want, 0, MAX_OUT_WORDS * sizeof(u64));
	for (i = 0; i < map->nr_cpus; i++) {
		s32 cid = map->cpu_to_cid[i];

		if (cid >= 0 && test_bit(i, cpus))
			buf->want[cid / 64] |= BIT_ULL(cid % 64);
	}

	/*
	 * Each word is written, and what was in it does not matter: the result is
	 * the same where all bits were clear, all set, or all wrong.
	 */
	for (pass = 0; pass < 3; pass++) {
		memset64(buf->out, GUARD, MAX_OUT_WORDS + 2 * NR_GUARDS);
		for (i = 0; i < nr_words; i++)
			words[i] = pass == 2 ? ~buf->want[i] : pass ? ~0ULL : 0;

		scx_cid_map_fill_bits(map, cpus, words, nr_words);

		for (i = 0; i < MAX_OUT_WORDS + 2 * NR_GUARDS; i++) {
			bool guard = i < NR_GUARDS || i >= NR_GUARDS + nr_words;
			u64 want = guard ? GUARD : buf->want[i - NR_GUARDS];

			if (buf->out[i] != want)
				KUNIT_FAIL_AND_ABORT(test,
						     "%s, %u CPUs: word %d of %u is %#llx, not %#llx",
						     name, map->nr_cpus, (int)i - NR_GUARDS,
						     nr_words, buf->out[i], want);
		}
	}
}

/* Just as long as the bitmap has to be, so that KASAN sees what reads behind it. */
static unsigned long *alloc_cpus(struct kunit *test, u32 nr_cpus)
{
	unsigned long *cpus = kunit_kcalloc(test, BITS_TO_LONGS(nr_cpus), sizeof(long),
					    GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, cpus);
	return cpus;
}

/* The bits behind the last CPU are set: they are to be ignored. */
static void rnd_cpus(struct rnd_state *rnd, unsigned long *cpus, u32 nr_cpus, enum density density)
{
	u32 i;

	for (i = 0; i < BITS_TO_LONGS(nr_cpus); i++)
		cpus[i] = rnd_word(rnd, density);
	if (nr_cpus % BITS_PER_LONG)
		cpus[i - 1] |= ~BITMAP_LAST_WORD_MASK(nr_cpus);
}

static void check_map(struct kunit *test, const struct scx_cid_map *map, const char *name,
		      struct buffers *buf)
{
	unsigned long *cpus = alloc_cpus(test, map->nr_cpus);
	struct rnd_state rnd;
	u32 i;

	check_tables(test, map, name);
	check_pieces(test, map, name);

	seed_round(&rnd, map->nr_cpus);
	for (i = 0; i < 2 * (MIXED + 1); i++) {
		rnd_cpus(&rnd, cpus, map->nr_cpus, i % (MIXED + 1));
		check_fill(test, map, name, cpus, map->nr_words, buf);
	}

	/* too few words, the one more that a cmask has, too many, none */
	check_fill(test, map, name, cpus, map->nr_words / 2, buf);
	check_fill(test, map, name, cpus, map->nr_words + 1, buf);
	check_fill(test, map, name, cpus, map->nr_words + 3, buf);
	check_fill(test, map, name, cpus, 0, buf);

	kunit_kfree(test, cpus);
}

static void map_shapes(struct kunit *test)
{
	struct buffers *buf = alloc_buffers(test);
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		for (j = 0; j < ARRAY_SIZE(map_sizes); j++) {
			struct scx_cid_map *map;

			map = make_map(test, &shapes[i], map_sizes[j], buf->entries);
			check_map(test, map, shapes[i].name, buf);
			kunit_release_action(test, free_map, map);
		}
	}
}

/* One CPU at a time: each bit takes its own way. */
static void map_single_cpus(struct kunit *test)
{
	struct buffers *buf = alloc_buffers(test);
	const u32 nr_cpus = 200;
	unsigned long *cpus = alloc_cpus(test, nr_cpus);
	u32 i, cpu;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct scx_cid_map *map = make_map(test, &shapes[i], nr_cpus, buf->entries);

		for (cpu = 0; cpu < nr_cpus; cpu++) {
			bitmap_zero(cpus, nr_cpus);
			__set_bit(cpu, cpus);
			check_fill(test, map, shapes[i].name, cpus, map->nr_words, buf);
		}
		kunit_release_action(test, free_map, map);
	}
}

/* The time to convert grows with the words, for the mappings that machines have. */
static void map_piece_count(struct kunit *test)
{
	struct buffers *buf = alloc_buffers(test);
	u32 nr_cpus, i, word;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		for (nr_cpus = 512; nr_cpus <= MAX_CPUS; nr_cpus *= 2) {
			struct scx_cid_map *map;
			u32 nr_pieces, nr_by_cid = 0;

			map = make_map(test, &shapes[i], nr_cpus, buf->entries);
			nr_pieces = map->word_pieces[map->nr_words];
			for (word = 0; word < map->nr_words; word++)
				nr_by_cid += map->word_pieces[word] == map->word_pieces[word + 1];

			if (shapes[i].pieces_per_word) {
				KUNIT_EXPECT_LE_MSG(test, nr_pieces,
						    map->nr_words * shapes[i].pieces_per_word,
						    "%s, %u CPUs", shapes[i].name, nr_cpus);
				KUNIT_EXPECT_EQ_MSG(test, nr_by_cid, 0, "%s, %u CPUs",
						    shapes[i].name, nr_cpus);
			}
			if (nr_cpus == MAX_CPUS)
				kunit_info(test, "%s: %u words in %u pieces, %u words cid by cid\n",
					   shapes[i].name, map->nr_words - nr_by_cid, nr_pieces,
					   nr_by_cid);
			kunit_release_action(test, free_map, map);
		}
	}
}

/*
 * Mappings that are put together from runs with random distances, and so have
 * pieces that start and end anywhere and interleave in odd ways.
 */
static void map_random_runs(struct kunit *test)
{
	struct buffers *buf = alloc_buffers(test);
	struct rnd_state rnd;
	u32 round;

	for (round = 0; round < 200; round++) {
		struct scx_cid_map *map;
		u32 nr_cpus, nr_cids, i;

		seed_round(&rnd, round);
		nr_cpus = 1 + rnd_below(&rnd, 320);
		nr_cids = nr_cpus - rnd_below(&rnd, 1 + nr_cpus / 4);
		map = alloc_map(test, nr_cids, nr_cpus);

		for (i = 0; i < 40; i++) {
			u32 cpu = rnd_below(&rnd, nr_cpus), cid = rnd_below(&rnd, nr_cids);
			u32 cpu_step = 1 << rnd_below(&rnd, 5), cid_step = 1 << rnd_below(&rnd, 5);
			u32 len = 1 + rnd_below(&rnd, 80);

			/* until it hits one that has been assigned, or an end */
			while (len-- && !scx_cid_map_assign(map, cpu, cid)) {
				cpu += cpu_step;
				cid += cid_step;
			}
		}
		for (i = 0; i < nr_cids; i++) {
			u32 cpu = 0;

			while (map->cid_to_cpu[i] < 0)
				scx_cid_map_assign(map, cpu++, i);
		}

		KUNIT_ASSERT_EQ(test, scx_cid_map_finish(map), 0);
		check_map(test, map, "random runs", buf);
		kunit_release_action(test, free_map, map);
	}
}

static void map_assign(struct kunit *test)
{
	struct scx_cid_map *map = alloc_map(test, 4, 6);

	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 6, 0), -ERANGE);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, U32_MAX, 0), -ERANGE);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 0, 4), -ERANGE);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 0, -1), -ERANGE);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 0, S32_MIN), -ERANGE);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 0, S32_MAX), -ERANGE);

	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 5, 0), 0);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 5, 1), -EEXIST);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 4, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 5, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 4, 3), 0);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, scx_cid_map_finish(map), -EINVAL);
	KUNIT_EXPECT_EQ(test, scx_cid_map_assign(map, 1, 2), 0);
	KUNIT_EXPECT_EQ(test, scx_cid_map_finish(map), 0);

	KUNIT_EXPECT_FALSE(test, map->identity);
	KUNIT_EXPECT_EQ(test, map->cpu_to_cid[5], 0);
	KUNIT_EXPECT_EQ(test, map->cpu_to_cid[4], 3);
	KUNIT_EXPECT_EQ(test, map->cpu_to_cid[3], -1);
	KUNIT_EXPECT_EQ(test, map->cid_to_cpu[2], 1);
	check_pieces(test, map, "by hand");
}

/* This machine's CPUs and cpumasks. */
static void map_cpumasks(struct kunit *test)
{
	const struct cpumask *masks[] = {
		cpu_possible_mask, cpu_online_mask, cpu_present_mask, cpu_all_mask, cpu_none_mask,
		cpumask_of(0), cpumask_of(nr_cpu_ids - 1),
	};
	struct buffers *buf = alloc_buffers(test);
	u64 *words = buf->out;
	u32 i, j;

	if (nr_cpu_ids > MAX_CPUS)
		kunit_skip(test, "there are more than %u CPUs", MAX_CPUS);

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct scx_cid_map *map = make_map(test, &shapes[i], nr_cpu_ids, buf->entries);

		for (j = 0; j < ARRAY_SIZE(masks); j++) {
			u32 cid;

			memset64(words, GUARD, MAX_OUT_WORDS);
			scx_cid_map_fill(map, masks[j], words, map->nr_words + 1);
			for (cid = 0; cid < (map->nr_words + 1) * 64; cid++) {
				bool is = words[cid / 64] & BIT_ULL(cid % 64);
				bool should = cid < map->nr_cids &&
					cpumask_test_cpu(map->cid_to_cpu[cid], masks[j]);

				KUNIT_ASSERT_EQ_MSG(test, is, should, "%s: mask %u, cid %u",
						    shapes[i].name, j, cid);
			}
			KUNIT_ASSERT_EQ(test, words[map->nr_words + 1], GUARD);
		}
		kunit_release_action(test, free_map, map);
	}
}

static struct kunit_case scx_cid_map_test_cases[] = {
	KUNIT_CASE(map_assign),
	KUNIT_CASE(map_shapes),
	KUNIT_CASE(map_single_cpus),
	KUNIT_CASE(map_piece_count),
	KUNIT_CASE(map_random_runs),
	KUNIT_CASE(map_cpumasks),
	{}
};

static struct kunit_suite scx_cid_map_test_suite = {
	.name = "scx_cid_map",
	.test_cases = scx_cid_map_test_cases,
};

kunit_test_suites(&scx_cmask_test_suite, &scx_cid_map_test_suite);
