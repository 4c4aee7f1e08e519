/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPU ids in topology order (cids), and bitmaps of them in a BPF arena (cmasks).
 *
 * See the chapter on cid-form schedulers in Documentation/scheduler/sched-ext.rst.
 */
#ifndef __SCX_CID_BPF_H
#define __SCX_CID_BPF_H

#include "bpf_arena_common.bpf.h"

/*
 * They come from vmlinux.h. That of a kernel without cids has none of them, and
 * is enough for who uses none: nothing below needs them to be complete.
 */
struct scx_cmask;
struct scx_cid_topo;

/* weak, so that bpf_ksym_exists() can ask for each */
s32 scx_bpf_cpu_to_cid(s32 cpu) __ksym __weak;
s32 scx_bpf_cid_to_cpu(s32 cid) __ksym __weak;
void scx_bpf_cid_topo(s32 cid, struct scx_cid_topo *out, size_t out__sz) __ksym __weak;
void scx_bpf_cid_override(const s32 *cpu_to_cid, u32 cpu_to_cid__sz) __ksym __weak;
void scx_bpf_kick_cid(s32 cid, u64 flags) __ksym __weak;
s32 scx_bpf_task_cid(const struct task_struct *p) __ksym __weak;
s32 scx_bpf_this_cid(void) __ksym __weak;
struct task_struct *scx_bpf_cid_curr(s32 cid) __ksym __weak;
u32 scx_bpf_nr_cids(void) __ksym __weak;
u32 scx_bpf_nr_online_cids(void) __ksym __weak;
u32 scx_bpf_cidperf_cap(s32 cid) __ksym __weak;
u32 scx_bpf_cidperf_cur(s32 cid) __ksym __weak;
void scx_bpf_cidperf_set(s32 cid, u32 perf) __ksym __weak;

/*
 * How many words and bytes a cmask of @nr_cids cids takes, wherever its range
 * starts: one word more than the bits fill, for a range that starts within a word.
 */
#ifndef SCX_CMASK_NR_WORDS
#define SCX_CMASK_NR_WORDS(nr_cids)	((u32)(((u64)(nr_cids) + 63) / 64 + 1))
#endif
#define SCX_CMASK_SIZE(nr_cids)							\
	(sizeof(struct __cmask) + SCX_CMASK_NR_WORDS(nr_cids) * sizeof(u64))

/*
 * struct scx_cmask by another name. The layout is fixed, since the kernel, BPF and
 * user space share it in memory, so unlike the type in vmlinux.h this one is not
 * relocated when a program is loaded.
 */
struct __cmask {
	u32	base;
	u32	nr_cids;
	u32	alloc_words;
	u64	bits[];
};

#if defined(__BPF_FEATURE_ADDR_SPACE_CAST) && !defined(BPF_ARENA_FORCE_ASM)

/*
 * cmasks in a BPF arena
 * =====================
 *
 * A cmask covers the cids [base, base + nr_cids). bits[0] covers the 64 cids from
 * base & ~63 on, so that all cmasks share one grid: word-wise operations on two of
 * them need no shifting, whatever their ranges are. Bits outside of the range are
 * zero; every function keeps them so.
 *
 * - A cid outside of a cmask's range is not in it. Tests for it return false,
 *   setting and clearing it does nothing. Negative cids are such.
 * - An operation that writes to @dst changes bits in the range of @dst only, and
 *   takes as zero what the other cmask does not cover.
 * - cmask_set() and others that change one bit do so atomically. The same with __
 *   in front is for cmasks that nobody else writes to. What works on whole cmasks
 *   reads and writes word by word, and is atomic in no way.
 * - A search that finds nothing returns cmask_end(), the first cid after the range.
 *
 * A cmask's header lies in the arena too, where every program and user space can
 * write to it. Nothing here trusts it further than to end: a broken header gives
 * wrong results, and at worst arena faults. That goes for every arena pointer.
 */

/*
 * Loops end here whatever a header says. No kernel has more CPUs.
 *
 * They are bpf_for() loops. With may_goto, the compiler's induction variables are
 * known and precise to the verifier, which then follows a loop round by round up
 * to this limit and finds the program too large.
 */
#define __CMASK_MAX_WORDS	SCX_CMASK_NR_WORDS(1 << 16)

#define __cmask_of(m)		((struct __cmask __arena *)(m))
/* READ_ONCE() and WRITE_ONCE() do not take arena pointers */
#define __cmask_read(ptr)	(*(volatile typeof(*(ptr)) *)(ptr))
#define __cmask_write(ptr, val)	(*(volatile typeof(*(ptr)) *)(ptr) = (val))

/**
 * cmask_end - The first cid after a cmask's range
 * @m: cmask
 */
static __always_inline u32 cmask_end(const struct scx_cmask __arena *m)
{
	return __cmask_of(m)->base + __cmask_of(m)->nr_cids;
}

/* How many words of @m its range touches. */
static __always_inline u32 __cmask_nr_words(const struct scx_cmask __arena *m)
{
	u32 base = __cmask_of(m)->base, nr_cids = __cmask_of(m)->nr_cids;
	u32 alloc_words = __cmask_of(m)->alloc_words;
	u64 nr = ((u64)(base & 63) + nr_cids + 63) / 64;

	if (nr > alloc_words)
		nr = alloc_words;
	return nr < __CMASK_MAX_WORDS ? nr : __CMASK_MAX_WORDS;
}

/* The word that has @cid, NULL if none has. */
static __always_inline u64 __arena *__cmask_word(const struct scx_cmask __arena *m, u32 cid)
{
	struct __cmask __arena *c = __cmask_of(m);
	u32 base = c->base, i = cid / 64 - base / 64;

	/* a cid below the base wraps to a large number */
	if (cid - base >= c->nr_cids || i >= c->alloc_words)
		return NULL;
	return &c->bits[i];
}

/* Word @i of the grid as @m has it, of which __cmask_nr_words() is @nr. */
static __always_inline u64 __cmask_grid(const struct scx_cmask __arena *m, u32 nr, u32 i)
{
	i -= __cmask_of(m)->base / 64;
	return i < nr ? __cmask_read(&__cmask_of(m)->bits[i]) : 0;
}

/* The bits of word @i of @m that are in its range. */
static __always_inline u64 __cmask_valid(const struct scx_cmask __arena *m, u32 i)
{
	u32 base = __cmask_of(m)->base;
	u64 end = (u64)(base & 63) + __cmask_of(m)->nr_cids;
	u64 start = (u64)i * 64, bits = ~0ULL;

	if (!i)
		bits <<= base & 63;
	if (end < start + 64)
		bits &= end > start ? ~0ULL >> (start + 64 - end) : 0;
	return bits;
}

/**
 * cmask_zero - Take all cids out of a cmask
 * @m: cmask
 */
static inline void cmask_zero(struct scx_cmask __arena *m)
{
	u32 i, nr = __cmask_nr_words(m);

	bpf_for(i, 0, nr)
		__cmask_write(&__cmask_of(m)->bits[i], 0);
}

/**
 * cmask_init - Make an empty cmask
 * @m: SCX_CMASK_SIZE(@nr_cids) bytes of arena memory
 * @base: first cid of the range
 * @nr_cids: length of the range
 */
static inline void cmask_init(struct scx_cmask __arena *m, u32 base, u32 nr_cids)
{
	u32 i, nr = SCX_CMASK_NR_WORDS(nr_cids);

	__cmask_of(m)->base = base;
	__cmask_of(m)->nr_cids = nr_cids;
	__cmask_of(m)->alloc_words = nr;
	/* those that the range does not touch as well: see cmask_reframe() */
	if (nr > __CMASK_MAX_WORDS)
		nr = __CMASK_MAX_WORDS;
	bpf_for(i, 0, nr)
		__cmask_write(&__cmask_of(m)->bits[i], 0);
}

/**
 * cmask_reframe - Make a cmask cover another range
 * @m: cmask that was initialised before, for @nr_cids cids or more
 * @base: first cid of the new range
 * @nr_cids: length of the new range
 *
 * The cmask keeps its memory and is empty afterwards.
 *
 * Return: 0, or -E2BIG with nothing changed if that memory is too small.
 */
static inline int cmask_reframe(struct scx_cmask __arena *m, u32 base, u32 nr_cids)
{
	u64 nr = ((u64)(base & 63) + nr_cids + 63) / 64;

	if (nr > __cmask_of(m)->alloc_words)
		return -E2BIG;
	cmask_zero(m);		/* as the old range has it, which leaves no bit anywhere */
	__cmask_of(m)->base = base;
	__cmask_of(m)->nr_cids = nr_cids;
	return 0;
}

/**
 * cmask_test - Is a cid in a cmask?
 * @m: cmask
 * @cid: cid
 */
static __always_inline bool cmask_test(const struct scx_cmask __arena *m, u32 cid)
{
	u64 __arena *word = __cmask_word(m, cid);

	return word && (__cmask_read(word) >> (cid & 63)) & 1;
}

/*
 * Set or clear the bits of @mask in *@word, and return what they were. This is a
 * compare-and-swap since not all JITs do fetching AND and OR on arena memory. It
 * gives up when the program's budget of loops is spent, by saying that there was
 * nothing to do.
 */
static __always_inline bool __cmask_change(u64 __arena *word, u64 mask, bool set)
{
	u64 old = __cmask_read(word), seen;

	while (can_loop) {
		if (!!(old & mask) == set)
			break;
		seen = __sync_val_compare_and_swap(word, old, set ? old | mask : old & ~mask);
		if (seen == old)
			return !set;
		old = seen;
	}
	return set;
}

/**
 * cmask_test_and_set - Put a cid into a cmask, atomically
 * @m: cmask
 * @cid: cid
 *
 * Return: true if it was there already; false if it was not, or if it is outside
 * of the range of @m.
 */
static __always_inline bool cmask_test_and_set(struct scx_cmask __arena *m, u32 cid)
{
	u64 __arena *word = __cmask_word(m, cid);

	return word && __cmask_change(word, 1ULL << (cid & 63), true);
}

/**
 * cmask_test_and_clear - Take a cid out of a cmask, atomically
 * @m: cmask
 * @cid: cid
 *
 * Of several callers one gets true, so this claims what the bit stands for.
 *
 * Return: true if it was there.
 */
static __always_inline bool cmask_test_and_clear(struct scx_cmask __arena *m, u32 cid)
{
	u64 __arena *word = __cmask_word(m, cid);

	return word && __cmask_change(word, 1ULL << (cid & 63), false);
}

/**
 * cmask_set - Put a cid into a cmask, atomically
 * @m: cmask
 * @cid: cid
 */
static __always_inline void cmask_set(struct scx_cmask __arena *m, u32 cid)
{
	cmask_test_and_set(m, cid);
}

/**
 * cmask_clear - Take a cid out of a cmask, atomically
 * @m: cmask
 * @cid: cid
 */
static __always_inline void cmask_clear(struct scx_cmask __arena *m, u32 cid)
{
	cmask_test_and_clear(m, cid);
}

/**
 * __cmask_test_and_set - Put a cid into a cmask that nobody else writes to
 * @m: cmask
 * @cid: cid
 *
 * Return: as cmask_test_and_set().
 */
static __always_inline bool __cmask_test_and_set(struct scx_cmask __arena *m, u32 cid)
{
	u64 __arena *word = __cmask_word(m, cid);
	u64 old;

	if (!word)
		return false;
	old = *word;
	*word = old | 1ULL << (cid & 63);
	return (old >> (cid & 63)) & 1;
}

/**
 * __cmask_test_and_clear - Take a cid out of a cmask that nobody else writes to
 * @m: cmask
 * @cid: cid
 *
 * Return: true if it was there.
 */
static __always_inline bool __cmask_test_and_clear(struct scx_cmask __arena *m, u32 cid)
{
	u64 __arena *word = __cmask_word(m, cid);
	u64 old;

	if (!word)
		return false;
	old = *word;
	*word = old & ~(1ULL << (cid & 63));
	return (old >> (cid & 63)) & 1;
}

/**
 * __cmask_set - Put a cid into a cmask that nobody else writes to
 * @m: cmask
 * @cid: cid
 */
static __always_inline void __cmask_set(struct scx_cmask __arena *m, u32 cid)
{
	__cmask_test_and_set(m, cid);
}

/**
 * __cmask_clear - Take a cid out of a cmask that nobody else writes to
 * @m: cmask
 * @cid: cid
 */
static __always_inline void __cmask_clear(struct scx_cmask __arena *m, u32 cid)
{
	__cmask_test_and_clear(m, cid);
}

/**
 * cmask_and - Keep what is in another cmask as well
 * @dst: cmask to change
 * @src: the other
 */
static inline void cmask_and(struct scx_cmask __arena *dst, const struct scx_cmask __arena *src)
{
	u32 i, nr = __cmask_nr_words(dst), nr_src = __cmask_nr_words(src);
	struct __cmask __arena *d = __cmask_of(dst);
	u64 other;

	bpf_for(i, 0, nr) {
		other = __cmask_grid(src, nr_src, d->base / 64 + i);
		__cmask_write(&d->bits[i], d->bits[i] & other);
	}
}

/**
 * cmask_or - Add what is in another cmask and in range
 * @dst: cmask to change
 * @src: the other
 */
static inline void cmask_or(struct scx_cmask __arena *dst, const struct scx_cmask __arena *src)
{
	u32 i, nr = __cmask_nr_words(dst), nr_src = __cmask_nr_words(src);
	struct __cmask __arena *d = __cmask_of(dst);
	u64 other;

	bpf_for(i, 0, nr) {
		other = __cmask_grid(src, nr_src, d->base / 64 + i) & __cmask_valid(dst, i);
		__cmask_write(&d->bits[i], d->bits[i] | other);
	}
}

/**
 * cmask_copy - Make a cmask have what is in another one and in range
 * @dst: cmask to change
 * @src: the other
 */
static inline void cmask_copy(struct scx_cmask __arena *dst, const struct scx_cmask __arena *src)
{
	u32 i, nr = __cmask_nr_words(dst), nr_src = __cmask_nr_words(src);
	struct __cmask __arena *d = __cmask_of(dst), *s = __cmask_of(src);
	u64 other;

	/* mostly the ranges are the same, and there is nothing to cut off */
	if (d->base == s->base && d->nr_cids == s->nr_cids && nr == nr_src) {
		bpf_for(i, 0, nr)
			__cmask_write(&d->bits[i], __cmask_read(&s->bits[i]));
		return;
	}

	bpf_for(i, 0, nr) {
		other = __cmask_grid(src, nr_src, d->base / 64 + i) & __cmask_valid(dst, i);
		__cmask_write(&d->bits[i], other);
	}
}

/**
 * cmask_andnot - Remove what is in another cmask
 * @dst: cmask to change
 * @src: the other
 */
static inline void cmask_andnot(struct scx_cmask __arena *dst,
				const struct scx_cmask __arena *src)
{
	u32 i, nr = __cmask_nr_words(dst), nr_src = __cmask_nr_words(src);
	struct __cmask __arena *d = __cmask_of(dst);
	u64 other;

	bpf_for(i, 0, nr) {
		other = __cmask_grid(src, nr_src, d->base / 64 + i);
		__cmask_write(&d->bits[i], d->bits[i] & ~other);
	}
}

/**
 * cmask_subset - Are all cids of a cmask in another one?
 * @a: cmask
 * @b: the other
 */
static inline bool cmask_subset(const struct scx_cmask __arena *a,
				const struct scx_cmask __arena *b)
{
	u32 i, nr_a = __cmask_nr_words(a), nr_b = __cmask_nr_words(b);
	struct __cmask __arena *ma = __cmask_of(a);

	bpf_for(i, 0, nr_a)
		if (__cmask_read(&ma->bits[i]) & ~__cmask_grid(b, nr_b, ma->base / 64 + i))
			return false;
	return true;
}

/**
 * cmask_equal - Do two cmasks have the same cids?
 * @a: cmask
 * @b: the other
 *
 * Their ranges may differ.
 */
static inline bool cmask_equal(const struct scx_cmask __arena *a,
			       const struct scx_cmask __arena *b)
{
	return cmask_subset(a, b) && cmask_subset(b, a);
}

/**
 * cmask_intersects - Do two cmasks have a cid in common?
 * @a: cmask
 * @b: the other
 */
static inline bool cmask_intersects(const struct scx_cmask __arena *a,
				    const struct scx_cmask __arena *b)
{
	u32 i, nr_a = __cmask_nr_words(a), nr_b = __cmask_nr_words(b);
	struct __cmask __arena *ma = __cmask_of(a);

	bpf_for(i, 0, nr_a)
		if (__cmask_read(&ma->bits[i]) & __cmask_grid(b, nr_b, ma->base / 64 + i))
			return true;
	return false;
}

static __always_inline u32 __cmask_hweight(u64 w)
{
	w -= (w >> 1) & 0x5555555555555555ULL;
	w = (w & 0x3333333333333333ULL) + ((w >> 2) & 0x3333333333333333ULL);
	w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (w * 0x0101010101010101ULL) >> 56;
}

/**
 * cmask_weight - How many cids are in a cmask?
 * @m: cmask
 */
static inline u32 cmask_weight(const struct scx_cmask __arena *m)
{
	u32 i, nr = __cmask_nr_words(m), weight = 0;

	bpf_for(i, 0, nr)
		weight += __cmask_hweight(__cmask_read(&__cmask_of(m)->bits[i]));
	return weight;
}

/**
 * cmask_next_and_set - Find the next cid that is in both of two cmasks
 * @a: cmask, whose range is searched
 * @b: the other; may be the same
 * @cid: where to begin, itself included; below the range is at its start
 *
 * Return: that cid, cmask_end(@a) if there is none.
 */
static inline u32 cmask_next_and_set(const struct scx_cmask __arena *a,
				     const struct scx_cmask __arena *b, u32 cid)
{
	u32 base = __cmask_of(a)->base, nr_cids = __cmask_of(a)->nr_cids;
	u32 nr_a = __cmask_nr_words(a), nr_b = __cmask_nr_words(b);
	u32 i, start, grid = base / 64;
	u64 word, skip;

	if (cid < base)
		cid = base;
	skip = ~0ULL << (cid & 63);
	start = cid / 64 - grid;
	bpf_for(i, start, nr_a) {
		word = __cmask_read(&__cmask_of(a)->bits[i]) & skip;
		word &= __cmask_grid(b, nr_b, grid + i);
		if (word) {
			cid = (grid + i) * 64 + ctzll(word);
			/* in the range unless somebody spoilt the padding */
			return cid - base < nr_cids ? cid : base + nr_cids;
		}
		skip = ~0ULL;
	}
	return base + nr_cids;
}

/**
 * cmask_next_and_set_wrap - Find the next cid that is in both, all the way round
 * @a: cmask, whose range is searched
 * @b: the other; may be the same
 * @cid: where to begin, itself included
 *
 * Return: that cid, which is below @cid if there is none from there to the end of
 * the range; cmask_end(@a) if there is none at all.
 */
static inline u32 cmask_next_and_set_wrap(const struct scx_cmask __arena *a,
					  const struct scx_cmask __arena *b, u32 cid)
{
	u32 next = cmask_next_and_set(a, b, cid);

	return next != cmask_end(a) ? next : cmask_next_and_set(a, b, 0);
}

/**
 * cmask_next_set - Find the next cid in a cmask
 * @m: cmask
 * @cid: where to begin, itself included; below the range is at its start
 *
 * Return: that cid, cmask_end(@m) if there is none.
 */
static inline u32 cmask_next_set(const struct scx_cmask __arena *m, u32 cid)
{
	return cmask_next_and_set(m, m, cid);
}

/**
 * cmask_next_set_wrap - Find the next cid in a cmask, all the way round
 * @m: cmask
 * @cid: where to begin, itself included
 *
 * Return: as cmask_next_and_set_wrap().
 */
static inline u32 cmask_next_set_wrap(const struct scx_cmask __arena *m, u32 cid)
{
	return cmask_next_and_set_wrap(m, m, cid);
}

/**
 * cmask_first_set - Find the first cid in a cmask
 * @m: cmask
 *
 * Return: that cid, cmask_end(@m) if it is empty.
 */
static inline u32 cmask_first_set(const struct scx_cmask __arena *m)
{
	return cmask_next_set(m, 0);
}

/**
 * cmask_for_each - Go through the cids in a cmask
 * @cid: u32 variable, each cid in turn; the end of the range after the loop
 * @m: cmask; may be changed in the loop
 */
#define cmask_for_each(cid, m)								\
	for ((cid) = cmask_first_set(m); (cid) - __cmask_of(m)->base < __cmask_of(m)->nr_cids && \
	     can_loop; (cid) = cmask_next_set((m), (cid) + 1))

/**
 * cmask_from_cpumask - Make a cmask have the CPUs of a cpumask that are in range
 * @m: cmask to change
 * @cpumask: trusted or RCU-protected cpumask, like p->cpus_ptr
 *
 * Two calls per cid. ops_cid.set_cmask() brings what this would give for a task's
 * affinity, so it is for cpumasks that come from elsewhere.
 */
static inline void cmask_from_cpumask(struct scx_cmask __arena *m, const struct cpumask *cpumask)
{
	u32 base = __cmask_of(m)->base, nr_cids = __cmask_of(m)->nr_cids;
	u32 cid, end = base + nr_cids, max = scx_bpf_nr_cids();
	s32 cpu;

	if (end > max)
		end = max;
	cmask_zero(m);
	bpf_for(cid, base, end) {
		cpu = scx_bpf_cid_to_cpu(cid);
		if (cpu >= 0 && bpf_cpumask_test_cpu(cpu, cpumask))
			__cmask_set(m, cid);
	}
}

#endif	/* __BPF_FEATURE_ADDR_SPACE_CAST */

#endif	/* __SCX_CID_BPF_H */
