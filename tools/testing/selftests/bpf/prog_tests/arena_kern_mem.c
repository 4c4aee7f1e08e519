// SPDX-License-Identifier: GPL-2.0
/* The memory behind arenas: where it is charged, who frees it, and how it is had */
#include <sys/mman.h>
#include <test_progs.h>
#include "cgroup_helpers.h"
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#define AK_OPS
#include "arena_kern.h"

#define CGROUP "/arena_kern"

/* What may be charged and not used, or used and not yet uncharged */
static long slack(void)
{
	return 64L * sysconf(_SC_NPROCESSORS_CONF) + 256;
}

static long cgroup_pages(int cgroup)
{
	char buf[32] = {};
	int fd;

	fd = openat(cgroup, "memory.current", O_RDONLY);
	if (!ASSERT_OK_FD(fd, "open memory.current"))
		return -1;
	ASSERT_GT(read(fd, buf, sizeof(buf) - 1), 0, "read memory.current");
	close(fd);
	return atol(buf) / getpagesize();
}

static void leave_cgroup(int cgroup)
{
	close(cgroup);
	cleanup_cgroup_environment();
}

/* Pages are charged to the cgroup where the map was created, not the caller's. */
static void charged(void)
{
	const int pages = 4096;
	long before, cnt;
	struct ak ak;
	int cgroup;

	cgroup = cgroup_setup_and_join(CGROUP);
	if (!ASSERT_OK_FD(cgroup, "cgroup"))
		return;
	if (!ak_open(&ak, pages, 0, 0))
		goto out;
	if (!ASSERT_OK(join_root_cgroup(), "join_root_cgroup"))
		goto out_close;
	before = cgroup_pages(cgroup);
	/* the first page might be the one that NULL points to */
	if (!ASSERT_NEQ(ak_kalloc(&ak, 1, pages - 1), 0, "kalloc"))
		goto out_close;
	cnt = cgroup_pages(cgroup) - before;
	ASSERT_GT(cnt, pages - slack(), "charged");
	ASSERT_LT(cnt, pages + slack(), "charged");
	ak_kfree(&ak, 0, pages);
	cnt = cgroup_pages(cgroup) - before;
	ASSERT_LT(cnt, slack(), "uncharged");
out_close:
	ak_close(&ak);
out:
	leave_cgroup(cgroup);
}

/* A cgroup that is full but for some pages, of memory that can be reclaimed at once */
struct full {
	int cgroup;
	char *mem;
	size_t size;
	struct ak ak;	/* an arena that could hold it all */
	long base;	/* what is charged without mem */
};

#define LIMIT 16384	/* pages */

static void unfill(struct full *f)
{
	if (f->mem)
		munmap(f->mem, f->size);
	f->mem = NULL;
}

static void empty(struct full *f)
{
	unfill(f);
	if (f->ak.skel)
		ak_close(&f->ak);
	leave_cgroup(f->cgroup);
}

static bool fill(struct full *f, int keep, bool reclaimable)
{
	int page = getpagesize(), i;
	char buf[32];

	memset(f, 0, sizeof(*f));
	f->cgroup = cgroup_setup_and_join(CGROUP);
	if (!ASSERT_OK_FD(f->cgroup, "cgroup"))
		return false;
	f->size = (size_t)LIMIT * page;
	snprintf(buf, sizeof(buf), "%zu", f->size);
	f->mem = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->mem == MAP_FAILED)
		f->mem = NULL;
	if (!ASSERT_OK_PTR(f->mem, "mmap") || !ak_open(&f->ak, LIMIT, 0, 0) ||
	    !ASSERT_OK(write_cgroup_file(CGROUP, "memory.max", buf), "memory.max"))
		goto err;
	f->base = cgroup_pages(f->cgroup);
	madvise(f->mem, f->size, MADV_NOHUGEPAGE);
	for (i = 0; i < LIMIT; i++) {
		if (i % 32 == 0 && cgroup_pages(f->cgroup) >= LIMIT - keep)
			break;
		f->mem[(size_t)i * page] = 1;
	}
	if (ASSERT_LT(i, LIMIT, "filled") &&
	    (!reclaimable ||
	     ASSERT_OK(madvise(f->mem, (size_t)i * page, MADV_FREE), "MADV_FREE")))
		return true;
err:
	empty(f);
	return false;
}

/* Who cannot wait for reclaim gets nothing. The kernel can. */
static void pressure(void)
{
	const int keep = 512, rounds = 20, cnt = 32;
	struct full f;
	int i, n;

	if (!fill(&f, keep, true))
		return;
	for (i = 0; i < rounds; i++) {
		for (n = 0; n < 4 * keep && ak_alloc(&f.ak, false, -1, 1); n++)
			;
		if (!ASSERT_LT(n, 4 * keep, "non-sleepable allocation fails") ||
		    !ASSERT_NEQ(ak_kalloc(&f.ak, -1, cnt), 0, "allocation for the kernel") ||
		    !ASSERT_NEQ(ak_alloc(&f.ak, true, -1, cnt), 0, "sleepable allocation"))
			break;
	}
	empty(&f);
}

/* Allocations that run out of memory half-way give back all that they got. */
static void rollback(bool sleepable)
{
	const int keep = 2048, want = 3 * keep;
	struct full f;
	int i;

	/* one that can sleep fails if there is nothing to reclaim only */
	if (!fill(&f, keep, !sleepable))
		return;
	for (i = 0; i < 10; i++) {
		if (!ASSERT_EQ(ak_alloc(&f.ak, sleepable, 10, want), 0, "too much") ||
		    !ASSERT_TRUE(ak_wait(!ak_pfn(&f.ak, 10)), "first page unmapped") ||
		    !ASSERT_EQ(ak_pfn(&f.ak, 9 + want), 0, "last page"))
			break;
	}
	unfill(&f);
	ASSERT_TRUE(ak_wait(cgroup_pages(f.cgroup) < f.base + slack()), "memory");
	ASSERT_TRUE(ak_wait(ak_alloc(&f.ak, sleepable, 10, want)), "range");
	empty(&f);
}

/* Whether the references of ours are the only ones that are left */
static bool refs_are(const __u32 *want, int n)
{
	__u32 cnt[64];

	return ak_param_list("held", cnt, ARRAY_SIZE(cnt)) == n &&
	       !memcmp(cnt, want, n * sizeof(*want));
}

/*
 * When a map goes, each of its pages is freed exactly once: the scratch page,
 * however often it is mapped, those of BPF's and those that the kernel left.
 */
static void destroy(void)
{
	const int bpf = 8, kern = 5, n = 3 + bpf + kern;
	__u32 want[64], cnt[64];
	struct ak ak;
	int i, round;

	for (round = 0; round < 5; round++) {
		if (!ak_open(&ak, 600, 0, 0))
			return;
		if (!ASSERT_NEQ(ak_alloc(&ak, true, 0, bpf), 0, "alloc") ||
		    !ASSERT_NEQ(ak_kalloc(&ak, bpf, kern), 0, "kalloc"))
			goto out;
		/* dead: 500 pages, both ends of the range, and the guard */
		AK(&ak, .op = AK_MEMSET, .ptr = ak_page(&ak, 100), .size = 500 * ak.page);
		AK(&ak, .op = AK_READ, .ptr = 0, .size = 1);
		AK(&ak, .op = AK_READ, .ptr = 0xffffffff, .size = 1);
		AK(&ak, .op = AK_READ, .ptr = 0xffffffff, .off = 1, .size = 1);
		AK(&ak, .op = AK_READ, .ptr = 0xffffffff, .off = ak_guard(), .size = 1);
		/* live, and mapped by user space too */
		*(char *)ak_page(&ak, 0) = 1;
		*(char *)ak_page(&ak, bpf) = 1;

		for (i = 0; i < n; i++) {
			__u64 ptr = i < 3 ? ak_page(&ak, 100 * (i + 1)) : ak_page(&ak, i - 3);
			int err = AK(&ak, .op = AK_HOLD, .ptr = ptr);

			if (!ASSERT_OK(err, "hold"))
				goto out;
			want[i] = i < 3 ? 3 : 1;
		}
		if (!ASSERT_EQ(ak_param_list("held", cnt, ARRAY_SIZE(cnt)), n, "pages held"))
			goto out;
		for (i = 0; i < n; i++)
			ASSERT_GT(cnt[i], want[i], "in use");
		ak_close(&ak);
		if (!ASSERT_TRUE(ak_wait(refs_are(want, n)), "every page freed once")) {
			ak_param_list("held", cnt, ARRAY_SIZE(cnt));
			for (i = 0; i < n; i++)
				printf("page %d: %u references, %u are ours\n", i, cnt[i], want[i]);
			round = 100;
		}
		ASSERT_OK(ak_param_write("held", 0), "drop");
	}
	return;
out:
	ak_param_write("held", 0);
	ak_close(&ak);
}

/* As many pages are charged before as after, whatever @fn does in each round. */
static void steady(void (*fn)(struct ak *ak, int i), int rounds, bool map_per_round)
{
	long before = 0, after = 0;
	struct ak ak;
	int cgroup, i;

	cgroup = cgroup_setup_and_join(CGROUP);
	if (!ASSERT_OK_FD(cgroup, "cgroup"))
		return;
	if (!map_per_round && !ak_open(&ak, 4096, 0, 0))
		goto out;
	for (i = 0; i < rounds + 2; i++) {
		if (map_per_round && !ak_open(&ak, 4096, 0, 0))
			goto out;
		fn(&ak, i);
		if (map_per_round)
			ak_close(&ak);
		if (i == 1)
			before = cgroup_pages(cgroup);
	}
	/* what a round uses, leaked each time, is many times the slack */
	ASSERT_TRUE(ak_wait((after = cgroup_pages(cgroup)) - before < slack()), "steady");
	if (after - before >= slack())
		printf("%ld pages before, %ld after %d rounds\n", before, after, rounds);
	if (!map_per_round)
		ak_close(&ak);
out:
	leave_cgroup(cgroup);
}

static void steady_maps_fn(struct ak *ak, int i)
{
	ak_kill(ak, 5);
	ASSERT_NEQ(ak_alloc(ak, true, 100, 200), 0, "alloc");
	ASSERT_NEQ(ak_kalloc(ak, 1000, 200), 0, "kalloc");
}

static void steady_maps(void)
{
	steady(steady_maps_fn, 20, true);
}

static void steady_failures_fn(struct ak *ak, int i)
{
	if (!i)
		ak_kill(ak, 1100);
	ASSERT_EQ(ak_alloc(ak, i % 2, 0, 1200), 0, "alloc");
	ASSERT_EQ(ak_kalloc(ak, 0, 1200), 0, "kalloc");
	ASSERT_EQ(ak_kalloc(ak, -1, 3000), 0, "kalloc");
}

static void steady_failures(void)
{
	steady(steady_failures_fn, 100, false);
}

void serial_test_arena_kern_mem(void)
{
	static const struct ak_subtest tests[] = {
		{ "charged", charged },
		{ "pressure", pressure },
		{ "rollback", .fn_both = rollback },
		{ "destroy", destroy },
		{ "steady_maps", steady_maps },
		{ "steady_failures", steady_failures },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
