// SPDX-License-Identifier: GPL-2.0
/*
 * Tables that map CPU numbers to cids and back, and the conversion of cpumasks.
 *
 * A scheduler in cid form is told of each change of a task's cpumask, with the
 * rq lock held. The bits have to be permuted for that, and a loop over all CPUs
 * would make it slow where it hurts most, on big machines. But a mapping that
 * follows the topology is regular. Typically, with N cores of two threads:
 *
 *	siblings are numbered in sequence	cid = cpu
 *	CPUs i and i + N are siblings		cid = 2i and 2i + 1
 *	two nodes take turns			cid = cpu / 2 and N + cpu / 2
 *
 * or two of these at once, or different ones for performance and efficiency
 * cores, or with gaps where CPUs are missing. What they have in common is that
 * most cids belong to long runs, in which the CPU number and the cid both
 * advance by a small power of two:
 *
 *	cpu = cpu0 + (i << cpu_shift)  <->  cid = cid0 + (i << cid_shift)
 *
 * So each 64-cid word of the result is cut into such runs once, when the mapping
 * is made. They are called pieces here. The CPUs of a piece are within 64
 * consecutive numbers, wherever these start, so that it is converted by
 * arithmetic on a u64: read the span of CPUs, bring those of the piece closer
 * together or apart until they have the distances of the cids, in at most five
 * steps, and shift them into place. Runs with both distances 1, as in the
 * identity, make one piece per word, runs with distances up to 2^n make 2^n
 * pieces per word, and a CPU that is in no run makes a piece of its own. A word
 * that would be cut into so many pieces that a loop over its cids is as fast is
 * converted by that loop. So any permutation works, at its price.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ext_cid_map.h"

#define CID_MAP_MAX_SHIFT	3

/*
 * The most pieces of a word. A piece can take as long as 8 cids in the loop, so
 * that with more of them it would be no gain.
 */
#define CID_MAP_MAX_PIECES	8

/*
 * group_masks[shift][k] has groups of 2^k ones, one group every 2^k << shift
 * bits. In the last one that is listed there is room for only one group.
 */
static const u64 group_masks[CID_MAP_MAX_SHIFT + 1][6] = {
	[0] = {
		0xffffffffffffffff,
	},
	[1] = {
		0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f,
		0x00ff00ff00ff00ff, 0x0000ffff0000ffff, 0x00000000ffffffff,
	},
	[2] = {
		0x1111111111111111, 0x0303030303030303, 0x000f000f000f000f,
		0x000000ff000000ff, 0x000000000000ffff,
	},
	[3] = {
		0x0101010101010101, 0x0003000300030003, 0x0000000f0000000f,
		0x00000000000000ff,
	},
};

/*
 * Bring groups of 2^@k bits closer together by a factor of 2^@n, or apart to where
 * they were before that: see move_bits().
 */
static __always_inline u64 gather_step(u64 val, unsigned int n, unsigned int k)
{
	return (val | val >> (((1 << n) - 1) << k)) & group_masks[n][k + 1];
}

static __always_inline u64 spread_step(u64 val, unsigned int n, unsigned int k)
{
	return (val | val << (((1 << n) - 1) << k)) & group_masks[n][k];
}

/*
 * Move bit i << @from to bit i << @to, for all i, and drop the other bits. There
 * are to be no more bits than have room.
 *
 * To bring the bits closer together by a factor of 2^n, they are taken to be in
 * groups, at first of 1 << @to bits, of which the lowest one counts. Each step
 * moves every other group down to where the one below ends, which makes groups
 * of twice the size, and half as many. To bring the bits apart, the steps are
 * undone one by one.
 *
 * The two moves that pairs of siblings and pairs of nodes need are written out:
 * with constants a step is an instruction or four, and more than ten without.
 */
static u64 move_bits(u64 val, unsigned int from, unsigned int to)
{
	unsigned int n, k;

	val &= group_masks[from][0];

	if (from == 0 && to == 1) {
		val = spread_step(val, 1, 4);
		val = spread_step(val, 1, 3);
		val = spread_step(val, 1, 2);
		val = spread_step(val, 1, 1);
		val = spread_step(val, 1, 0);
	} else if (from == 1 && to == 0) {
		val = gather_step(val, 1, 0);
		val = gather_step(val, 1, 1);
		val = gather_step(val, 1, 2);
		val = gather_step(val, 1, 3);
		val = gather_step(val, 1, 4);
	} else if (from > to) {
		n = from - to;
		for (k = to; k < 6 - n; k++)
			val = gather_step(val, n, k);
	} else if (from < to) {
		n = to - from;
		for (k = 6 - n; k-- > from;)
			val = spread_step(val, n, k);
	}
	return val;
}

static __always_inline u64 read_whole_word(const unsigned long *bits, u32 word)
{
	if (BITS_PER_LONG == 32)
		return bits[word * 2] | (u64)bits[word * 2 + 1] << 32;

	return bits[word];
}

/* Read @nr bits from @start on, 1 to 64, and nothing behind the last one's long. */
static __always_inline u64 read_bits(const unsigned long *bits, u32 start, u32 nr)
{
	if (BITS_PER_LONG == 32 && nr > 32)
		return bitmap_read(bits, start, 32) |
			(u64)bitmap_read(bits, start + 32, nr - 32) << 32;

	return bitmap_read(bits, start, nr);
}

/**
 * scx_cid_map_alloc - allocate a mapping
 * @nr_cids: number of cids
 * @nr_cpus: number of CPU numbers, nr_cpu_ids or less
 * @gfp: how to allocate
 *
 * No CPU has a cid yet, and nothing is known of the topology.
 *
 * Return: the mapping, to be freed with kvfree() or kvfree_rcu(); or NULL.
 */
struct scx_cid_map *scx_cid_map_alloc(u32 nr_cids, u32 nr_cpus, gfp_t gfp)
{
	u32 nr_words = DIV_ROUND_UP_ULL(nr_cids, 64);
	u32 nr_pieces = nr_words * CID_MAP_MAX_PIECES;
	struct scx_cid_map *map;
	size_t size = sizeof(*map);

	size = size_add(size, array_size(nr_cids, sizeof(map->topo[0])));
	size = size_add(size, array_size(nr_pieces, sizeof(map->pieces[0])));
	size = size_add(size, array_size(nr_cids, sizeof(map->cid_to_cpu[0])));
	size = size_add(size, array_size(nr_cpus, sizeof(map->cpu_to_cid[0])));
	size = size_add(size, array_size(nr_words + 1, sizeof(map->word_pieces[0])));

	map = kvzalloc(size, gfp);
	if (!map)
		return NULL;

	map->nr_cids = nr_cids;
	map->nr_cpus = nr_cpus;
	map->nr_words = nr_words;
	map->topo = (void *)(map + 1);
	map->pieces = (void *)(map->topo + nr_cids);
	map->cid_to_cpu = (void *)(map->pieces + nr_pieces);
	map->cpu_to_cid = (void *)(map->cid_to_cpu + nr_cids);
	map->word_pieces = (void *)(map->cpu_to_cid + nr_cpus);

	/* -1 throughout */
	memset(map->topo, 0xff, nr_cids * sizeof(map->topo[0]));
	memset(map->cid_to_cpu, 0xff, nr_cids * sizeof(map->cid_to_cpu[0]));
	memset(map->cpu_to_cid, 0xff, nr_cpus * sizeof(map->cpu_to_cid[0]));
	return map;
}

/**
 * scx_cid_map_assign - give a CPU its cid
 * @map: mapping that is not finished
 * @cpu: the CPU, any value
 * @cid: the cid, any value
 *
 * Return: 0; -ERANGE if there is no such CPU or cid; or -EEXIST if the CPU has a
 * cid already or the cid is another CPU's. @map is unchanged after an error.
 */
int scx_cid_map_assign(struct scx_cid_map *map, u32 cpu, s32 cid)
{
	if (cpu >= map->nr_cpus || cid < 0 || cid >= map->nr_cids)
		return -ERANGE;
	if (map->cpu_to_cid[cpu] >= 0 || map->cid_to_cpu[cid] >= 0)
		return -EEXIST;

	map->cpu_to_cid[cpu] = cid;
	map->cid_to_cpu[cid] = cpu;
	return 0;
}

/*
 * How many of the cids in @todo, a word's first cid being @first, would a piece
 * have that starts with the cid of @bit and has these distances?
 */
static u32 piece_len(const struct scx_cid_map *map, u32 first, u64 todo, u32 bit,
		     u32 cpu_shift, u32 cid_shift)
{
	u32 cpu = map->cid_to_cpu[first + bit];
	u32 max_len = min(DIV_ROUND_UP(64 - bit, 1 << cid_shift), 64 >> cpu_shift);
	u32 len;

	for (len = 1; len < max_len; len++) {
		u32 next = bit + (len << cid_shift);

		if (!(todo & BIT_ULL(next)) ||
		    map->cid_to_cpu[first + next] != cpu + (len << cpu_shift))
			break;
	}
	return len;
}

/*
 * Cut a word into pieces, and return their number, or 0 if they are too many.
 * Taking the longest piece for the lowest cid that is left, again and again, is
 * not always best, but it is for the runs that topologies have.
 */
static u32 cut_word(const struct scx_cid_map *map, u32 word, struct scx_cid_piece *pieces)
{
	u32 first = word * 64;
	u64 todo = ~0ULL >> (64 - min(map->nr_cids - first, 64));
	u32 nr_pieces = 0;

	while (todo) {
		u32 cpu_shift, cid_shift, len, max_len = 0;
		struct scx_cid_piece *piece;
		u32 bit = __ffs64(todo);

		if (nr_pieces == CID_MAP_MAX_PIECES)
			return 0;
		piece = &pieces[nr_pieces++];

		for (cid_shift = 0; cid_shift <= CID_MAP_MAX_SHIFT; cid_shift++) {
			for (cpu_shift = 0; cpu_shift <= CID_MAP_MAX_SHIFT; cpu_shift++) {
				len = piece_len(map, first, todo, bit, cpu_shift, cid_shift);
				if (len <= max_len)
					continue;
				max_len = len;
				*piece = (struct scx_cid_piece){
					.cpu = map->cid_to_cpu[first + bit],
					.span = ((len - 1) << cpu_shift) + 1,
					.cpu_shift = cpu_shift,
					.cid_shift = cid_shift,
					.bit = bit,
				};
			}
		}

		for (len = 0; len < max_len; len++)
			todo &= ~BIT_ULL(bit + (len << piece->cid_shift));
	}
	return nr_pieces;
}

/**
 * scx_cid_map_finish - make a mapping ready for use
 * @map: mapping in which all cids have been assigned
 *
 * Return: 0, or -EINVAL if a cid is nobody's.
 */
int scx_cid_map_finish(struct scx_cid_map *map)
{
	u32 cid, word, nr_pieces = 0;

	map->identity = true;
	for (cid = 0; cid < map->nr_cids; cid++) {
		if (map->cid_to_cpu[cid] < 0)
			return -EINVAL;
		if (map->cid_to_cpu[cid] != cid)
			map->identity = false;
	}

	for (word = 0; word < map->nr_words; word++) {
		map->word_pieces[word] = nr_pieces;
		nr_pieces += cut_word(map, word, map->pieces + nr_pieces);
	}
	map->word_pieces[word] = nr_pieces;
	return 0;
}

/* The 64-cid word number @word, below nr_words, for the CPUs in @cpus. */
static u64 convert_word(const struct scx_cid_map *map, const unsigned long *cpus, u32 word)
{
	const struct scx_cid_piece *piece = map->pieces + map->word_pieces[word];
	const struct scx_cid_piece *end = map->pieces + map->word_pieces[word + 1];
	const s32 *cid_to_cpu = map->cid_to_cpu + word * 64;
	u32 nr_cids = min(map->nr_cids - word * 64, 64);
	u64 val = 0;
	u32 i;

	if (piece == end)
		for (i = 0; i < nr_cids; i++)
			val |= (u64)test_bit(cid_to_cpu[i], cpus) << i;

	for (; piece < end; piece++) {
		u64 part = read_bits(cpus, piece->cpu, piece->span);

		val |= move_bits(part, piece->cpu_shift, piece->cid_shift) << piece->bit;
	}
	return val;
}

/* Any mapping. Not inlined, lest the identity pays for the registers that it takes. */
static noinline void fill_by_pieces(const struct scx_cid_map *map, const unsigned long *cpus,
				    u64 *words, u32 nr_words)
{
	u32 word;

	for (word = 0; word < nr_words; word++)
		WRITE_ONCE(words[word],
			   word < map->nr_words ? convert_word(map, cpus, word) : 0);
}

/* The bitmaps are the same but for how long they are. */
static __always_inline void fill_identical(const struct scx_cid_map *map,
					   const unsigned long *cpus, u64 *words, u32 nr_words)
{
	u32 nr_whole = min(map->nr_cids / 64, nr_words);
	u32 rest = map->nr_cids % 64;
	u32 word;

	for (word = 0; word < nr_whole; word++)
		WRITE_ONCE(words[word], read_whole_word(cpus, word));
	for (; word < nr_words; word++, rest = 0)
		WRITE_ONCE(words[word], rest ? read_bits(cpus, word * 64, rest) : 0);
}

/**
 * scx_cid_map_fill_bits - convert a bitmap over CPUs into one over cids
 * @map: finished mapping
 * @cpus: bitmap over the CPUs. Those without a cid are ignored.
 * @words: where to put the cids: bit i of word j stands for cid j * 64 + i
 * @nr_words: how many words to write. What is above the last cid is zero.
 *
 * @words may be in a BPF arena, where BPF programs and user space change them
 * meanwhile. So each word is composed in a register, written once with
 * WRITE_ONCE(), and never read, and nothing but @map says where it goes.
 *
 * The time it takes depends on the number of words and on how regular the
 * mapping is, and not on which CPUs are set.
 */
void scx_cid_map_fill_bits(const struct scx_cid_map *map, const unsigned long *cpus,
			   u64 *words, u32 nr_words)
{
	if (map->identity)
		fill_identical(map, cpus, words, nr_words);
	else
		fill_by_pieces(map, cpus, words, nr_words);
}

/**
 * scx_cid_map_fill - convert a cpumask into a bitmap over cids
 * @map: finished mapping, made for at most nr_cpu_ids CPU numbers
 * @cpus: the cpumask. CPUs without a cid are ignored.
 * @words: where to put the cids, see scx_cid_map_fill_bits()
 * @nr_words: how many words to write
 */
void scx_cid_map_fill(const struct scx_cid_map *map, const struct cpumask *cpus,
		      u64 *words, u32 nr_words)
{
	scx_cid_map_fill_bits(map, cpumask_bits(cpus), words, nr_words);
}
