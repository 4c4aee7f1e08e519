/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bitmaps over ranges of cids, for sched_ext schedulers in cid form.
 *
 * A cmask covers the cids [base, base + nr_cids). bits[0] covers the 64 cids
 * from base rounded down to a multiple of 64, bits[1] the next 64, and so on:
 * whatever their ranges are, all cmasks have their words on one grid, so that
 * an operation on two of them combines words and never shifts.
 *
 * The functions below keep two invariants, rely on them, and expect the cmasks
 * that they are given to satisfy them, which scx_cmask_init() brings about:
 *
 * - Geometry: all words of the range are within the alloc_words words of
 *   bits[], and base + nr_cids does not exceed U32_MAX. So the end of the range
 *   and the cid after any cid in it are u32 values, and nothing wraps.
 *
 * - Padding: a bit of bits[] that stands for no cid in the range is zero. That
 *   goes for the bits of the first word below base, those of the last word from
 *   base + nr_cids up, and all words behind it. So a whole word can be tested,
 *   counted and compared without masking.
 *
 * NOT FOR CMASKS IN AN ARENA. BPF programs and user space rewrite any byte of an
 * arena at any moment, and here the header of a cmask steers the kernel: base,
 * nr_cids and alloc_words say which words are read and written, and they are
 * loaded as often as the compiler likes, so that checking them first is of no
 * use. Because of __counted_by(), alloc_words steers the compiler's own bounds
 * checks, too, which in an arena would pass or fire as the program pleases. The
 * kernel writes a cmask into an arena one WRITE_ONCE() per field and word, with
 * a geometry that it keeps elsewhere, and never reads it back; see
 * scx_cid_map_fill().
 *
 * Nothing here is atomic. Whoever shares a cmask has to serialise its writers.
 */
#ifndef _KERNEL_SCHED_EXT_CMASK_H
#define _KERNEL_SCHED_EXT_CMASK_H

#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/types.h>

/**
 * struct scx_cmask - bitmap over a range of cids
 * @base: first cid of the range
 * @nr_cids: number of cids in the range
 * @alloc_words: number of words in @bits
 * @bits: one bit per cid. @bits[0] covers the cids from @base & ~63 on.
 *
 * BPF programs are compiled against this layout. Where there are arenas (on
 * 64-bit), @bits is at offset 16.
 */
struct scx_cmask {
	u32 base;
	u32 nr_cids;
	u32 alloc_words;
	u64 bits[] __counted_by(alloc_words);
};

/*
 * The words that a cmask of @nr_cids cids takes wherever its base is: one more
 * than the cids fill, because a range that starts and ends within a word
 * straddles one more boundary. The cast keeps the sum from wrapping.
 */
#define SCX_CMASK_NR_WORDS(nr_cids) ((u32)(((u64)(nr_cids) + 63) / 64 + 1))

/* The first cid behind the range. */
static inline u32 scx_cmask_end(const struct scx_cmask *m)
{
	return m->base + m->nr_cids;
}

/* The words that a range takes up, which depends on where it is on the grid. */
static inline u32 scx_cmask_range_words(u32 base, u32 nr_cids)
{
	return ((u64)(base % 64) + nr_cids + 63) / 64;
}

/* The words of @m that have cids of the range in them. */
static inline u32 scx_cmask_used_words(const struct scx_cmask *m)
{
	return scx_cmask_range_words(m->base, m->nr_cids);
}

/* Whether @cid is in the range of @m, that is, whether @m can hold it. */
static inline bool scx_cmask_covers(const struct scx_cmask *m, u32 cid)
{
	return cid >= m->base && cid - m->base < m->nr_cids;
}

/* The index in bits[] of the word for @cid, which is not below base & ~63. */
static inline u32 scx_cmask_word_idx(const struct scx_cmask *m, u32 cid)
{
	return cid / 64 - m->base / 64;
}

/*
 * The word of @m for the 64 cids that @cid is one of, wherever that is: what
 * @m does not cover reads as zero.
 */
static inline u64 scx_cmask_word(const struct scx_cmask *m, u32 cid)
{
	u32 i = cid / 64 - m->base / 64;	/* huge if below the base */

	return i < scx_cmask_used_words(m) ? m->bits[i] : 0;
}

/**
 * scx_cmask_reframe - give a cmask another range, and make it empty
 * @m: cmask that has been initialised
 * @base: first cid of the new range
 * @nr_cids: number of cids in the new range
 *
 * No cid is carried over from the old range: @m is empty afterwards.
 *
 * Return: 0; or -EINVAL, with @m unchanged, if the new range does not fit into
 * the words of @m or ends above U32_MAX.
 */
static inline int scx_cmask_reframe(struct scx_cmask *m, u32 base, u32 nr_cids)
{
	if (nr_cids > U32_MAX - base || scx_cmask_range_words(base, nr_cids) > m->alloc_words)
		return -EINVAL;

	m->base = base;
	m->nr_cids = nr_cids;
	memset(m->bits, 0, array_size(m->alloc_words, sizeof(m->bits[0])));
	return 0;
}

/**
 * scx_cmask_init - make an empty cmask
 * @m: memory for the cmask, whatever is in it
 * @alloc_words: number of words in bits[], SCX_CMASK_NR_WORDS(@nr_cids) being
 *	always enough
 * @base: first cid of the range
 * @nr_cids: number of cids in the range
 *
 * Return: 0; or -EINVAL if the range does not fit into @alloc_words words or
 * ends above U32_MAX. @m is then a valid cmask with the empty range [0, 0).
 */
static inline int scx_cmask_init(struct scx_cmask *m, u32 alloc_words, u32 base, u32 nr_cids)
{
	m->alloc_words = alloc_words;	/* first: it tells how long bits[] is */
	scx_cmask_reframe(m, 0, 0);
	return scx_cmask_reframe(m, base, nr_cids);
}

/**
 * scx_cmask_test - is a cid in a cmask?
 * @m: cmask
 * @cid: any value
 *
 * Return: whether @cid is set, which one outside of the range never is.
 */
static inline bool scx_cmask_test(const struct scx_cmask *m, u32 cid)
{
	return scx_cmask_word(m, cid) & BIT_ULL(cid % 64);
}

/**
 * __scx_cmask_set - add a cid to a cmask, not atomically
 * @m: cmask
 * @cid: any value. If it is outside of the range, nothing happens.
 */
static inline void __scx_cmask_set(struct scx_cmask *m, u32 cid)
{
	if (scx_cmask_covers(m, cid))
		m->bits[scx_cmask_word_idx(m, cid)] |= BIT_ULL(cid % 64);
}

/**
 * __scx_cmask_clear - remove a cid from a cmask, not atomically
 * @m: cmask
 * @cid: any value. If it is outside of the range, nothing happens.
 */
static inline void __scx_cmask_clear(struct scx_cmask *m, u32 cid)
{
	if (scx_cmask_covers(m, cid))
		m->bits[scx_cmask_word_idx(m, cid)] &= ~BIT_ULL(cid % 64);
}

enum scx_cmask_op {
	SCX_CMASK_OP_AND,
	SCX_CMASK_OP_OR,
	SCX_CMASK_OP_ANDNOT,
	SCX_CMASK_OP_COPY,
};

/*
 * Combine @src into @dst, each taken as the set of its cids: what @src does not
 * cover is not in it. The range of @dst does not change, and what @src has
 * outside of it is dropped, so that the padding stays zero.
 */
static __always_inline void __scx_cmask_combine(struct scx_cmask *dst, const struct scx_cmask *src,
						enum scx_cmask_op op)
{
	u32 nr_words = scx_cmask_used_words(dst);
	u32 cid = dst->base & ~63U;
	u32 i;

	for (i = 0; i < nr_words; i++, cid += 64) {
		u64 val = scx_cmask_word(src, cid);
		u64 range = ~0ULL;

		if (i == 0)
			range <<= dst->base % 64;
		if (i == nr_words - 1)
			range &= ~0ULL >> (63 - (scx_cmask_end(dst) - 1) % 64);

		switch (op) {
		case SCX_CMASK_OP_AND:
			dst->bits[i] &= val;
			break;
		case SCX_CMASK_OP_OR:
			dst->bits[i] |= val & range;
			break;
		case SCX_CMASK_OP_ANDNOT:
			dst->bits[i] &= ~val;
			break;
		case SCX_CMASK_OP_COPY:
			dst->bits[i] = val & range;
			break;
		}
	}
}

/**
 * scx_cmask_and - remove what is not in another cmask
 * @dst: cmask to change
 * @src: the other cmask, which may be @dst
 *
 * A cid of @dst outside of the range of @src is removed too: it is not in @src.
 */
static inline void scx_cmask_and(struct scx_cmask *dst, const struct scx_cmask *src)
{
	__scx_cmask_combine(dst, src, SCX_CMASK_OP_AND);
}

/**
 * scx_cmask_or - add what is in another cmask
 * @dst: cmask to change
 * @src: the other cmask, which may be @dst
 *
 * A cid of @src outside of the range of @dst is dropped: the range does not grow.
 */
static inline void scx_cmask_or(struct scx_cmask *dst, const struct scx_cmask *src)
{
	__scx_cmask_combine(dst, src, SCX_CMASK_OP_OR);
}

/**
 * scx_cmask_andnot - remove what is in another cmask
 * @dst: cmask to change
 * @src: the other cmask, which may be @dst
 */
static inline void scx_cmask_andnot(struct scx_cmask *dst, const struct scx_cmask *src)
{
	__scx_cmask_combine(dst, src, SCX_CMASK_OP_ANDNOT);
}

/**
 * scx_cmask_copy - make a cmask have what another one has
 * @dst: cmask to change
 * @src: cmask to copy from
 *
 * A cid of @dst outside of the range of @src is removed, and a cid of @src outside
 * of the range of @dst is dropped: the range does not change.
 */
static inline void scx_cmask_copy(struct scx_cmask *dst, const struct scx_cmask *src)
{
	__scx_cmask_combine(dst, src, SCX_CMASK_OP_COPY);
}

/**
 * scx_cmask_empty - is no cid set?
 * @m: cmask
 *
 * Return: whether no cid is set in @m.
 */
static inline bool scx_cmask_empty(const struct scx_cmask *m)
{
	u32 nr_words = scx_cmask_used_words(m);
	u32 i;

	for (i = 0; i < nr_words; i++)
		if (m->bits[i])
			return false;
	return true;
}

/**
 * scx_cmask_subset - is one cmask contained in another one?
 * @a: the one
 * @b: the other one
 *
 * The ranges do not matter, only which cids are set.
 *
 * Return: whether each cid that is set in @a is set in @b, too.
 */
static inline bool scx_cmask_subset(const struct scx_cmask *a, const struct scx_cmask *b)
{
	u32 nr_words = scx_cmask_used_words(a);
	u32 cid = a->base;
	u32 i;

	for (i = 0; i < nr_words; i++, cid += 64)
		if (a->bits[i] & ~scx_cmask_word(b, cid))
			return false;
	return true;
}

/**
 * scx_cmask_intersects - have two cmasks a cid in common?
 * @a: the one
 * @b: the other one
 *
 * Return: whether there is a cid that is set in @a and in @b.
 */
static inline bool scx_cmask_intersects(const struct scx_cmask *a, const struct scx_cmask *b)
{
	u32 nr_words = scx_cmask_used_words(a);
	u32 cid = a->base;
	u32 i;

	for (i = 0; i < nr_words; i++, cid += 64)
		if (a->bits[i] & scx_cmask_word(b, cid))
			return true;
	return false;
}

/**
 * scx_cmask_equal - are the same cids set in two cmasks?
 * @a: the one
 * @b: the other one
 *
 * The ranges do not matter, only which cids are set.
 *
 * Return: whether @a and @b have the same cids set.
 */
static inline bool scx_cmask_equal(const struct scx_cmask *a, const struct scx_cmask *b)
{
	return scx_cmask_subset(a, b) && scx_cmask_subset(b, a);
}

/**
 * scx_cmask_weight - how many cids are set?
 * @m: cmask
 *
 * Return: the number of cids that are set in @m.
 */
static inline u32 scx_cmask_weight(const struct scx_cmask *m)
{
	u32 nr_words = scx_cmask_used_words(m);
	u32 weight = 0;
	u32 i;

	for (i = 0; i < nr_words; i++)
		weight += hweight64(m->bits[i]);
	return weight;
}

/**
 * scx_cmask_next_set - find the first set cid from a given one on
 * @m: cmask
 * @cid: where to start, any value
 *
 * Return: the lowest cid >= @cid that is set; or, if there is none, the end of
 * the range, base + nr_cids, which is below @cid if @cid is beyond it.
 */
static inline u32 scx_cmask_next_set(const struct scx_cmask *m, u32 cid)
{
	u32 end = scx_cmask_end(m);
	u32 nr_words, i;
	u64 val;

	cid = max(cid, m->base);
	if (cid >= end)
		return end;

	nr_words = scx_cmask_used_words(m);
	i = scx_cmask_word_idx(m, cid);
	val = m->bits[i] & (~0ULL << cid % 64);
	while (!val) {
		if (++i == nr_words)
			return end;
		val = m->bits[i];
	}
	return (m->base / 64 + i) * 64 + __ffs64(val);
}

/**
 * scx_cmask_first_set - find the first set cid
 * @m: cmask
 *
 * Return: the lowest cid that is set; or, if there is none, the end of the
 * range, base + nr_cids.
 */
static inline u32 scx_cmask_first_set(const struct scx_cmask *m)
{
	return scx_cmask_next_set(m, m->base);
}

/**
 * scx_cmask_for_each - iterate over the cids that are set
 * @cid: u32 variable for the cid; base + nr_cids after the last iteration
 * @m: cmask. The cid at hand may be cleared meanwhile.
 */
#define scx_cmask_for_each(cid, m)				\
	for ((cid) = scx_cmask_first_set(m);			\
	     (cid) < scx_cmask_end(m);				\
	     (cid) = scx_cmask_next_set((m), (cid) + 1))

#endif /* _KERNEL_SCHED_EXT_CMASK_H */
