// SPDX-License-Identifier: GPL-2.0
/* Arena pages that belong to the kernel */
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#define AK_OPS
#include "arena_kern.h"

/* Where the kernel's pages are, what is in them, and who sees it */
static void alloc(void)
{
	struct ak ak;
	__u64 ptr;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	ptr = ak_kalloc(&ak, -1, 3);
	if (!ASSERT_NEQ(ptr, 0, "kalloc"))
		goto out;
	ASSERT_GE(ptr, ak.base, "in the user range");
	ASSERT_LE(ptr + 3 * ak.page, ak_page(&ak, 32), "in the user range");
	ASSERT_EQ(AK(&ak, .op = AK_COUNT_NONZERO, .ptr = ptr, .size = 3 * ak.page), 0, "zeroed");
	ak_check_live(&ak, ptr, 3, 0);
	AK(&ak, .op = AK_WRITE, .ptr = ptr + ak.page, .size = 8, .val = 0x1234);
	ASSERT_EQ(*(__u64 *)(ptr + ak.page), 0x1234, "user space reads");
	*(__u64 *)(ptr + 2 * ak.page) = 0x5678;
	ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ptr + 2 * ak.page, .size = 8), 0x5678,
		  "kernel reads");
	ak_expect_silence(ak.fd, "live pages");
out:
	ak_close(&ak);
}

static void alloc_fixed(void)
{
	struct ak ak;
	__u64 pfn;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	pfn = ak_kill(&ak, 20);
	ASSERT_EQ(ak_kalloc(&ak, 7, 2), ak_page(&ak, 7), "at an address");
	ASSERT_EQ(ak_kalloc(&ak, 8, 1), 0, "there again");
	ASSERT_EQ(ak_kalloc(&ak, 6, 4), 0, "over it");
	ASSERT_EQ(ak_kalloc(&ak, 20, 1), 0, "dead page");
	ASSERT_EQ(ak_kalloc(&ak, 19, 3), 0, "over a dead page");
	ASSERT_EQ(ak_kalloc(&ak, 31, 2), 0, "past the end");
	ASSERT_EQ(ak_kalloc(&ak, 32, 1), 0, "beyond the end");
	ASSERT_EQ(ak_kalloc(&ak, -1, 33), 0, "more than there is");
	ASSERT_EQ(ak_kalloc(&ak, -1, 0), 0, "none");
	ASSERT_EQ(AK(&ak, .op = AK_KALLOC, .ptr = ak_page(&ak, 3) + 8, .cnt = 1), 0, "misaligned");
	ASSERT_EQ(AK(&ak, .op = AK_KALLOC, .cnt = 1, .how = 1 + 4096), 0, "no such node");
	ASSERT_NEQ(AK(&ak, .op = AK_KALLOC, .cnt = 1, .how = 1 + 0), 0, "node 0");
	/* runs of 7, 11 and 11 pages less the one just taken */
	ASSERT_EQ(ak_kalloc(&ak, -1, 12), 0, "too large");
	ASSERT_NEQ(ak_kalloc(&ak, -1, 11), 0, "around");
	ASSERT_EQ(ak_pfn(&ak, 20), pfn, "still dead");
	ak_close(&ak);
}

/* BPF can neither allocate nor reserve what is the kernel's. */
static void exclusive(void)
{
	struct ak ak;
	int s;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	if (!ASSERT_NEQ(ak_kalloc(&ak, 4, 2), 0, "kalloc"))
		goto out;
	for (s = 0; s < 2; s++) {
		ASSERT_EQ(ak_alloc(&ak, s, 5, 1), 0, "alloc");
		ASSERT_EQ(ak_alloc(&ak, s, 3, 4), 0, "alloc over it");
		ASSERT_EQ((int)AK_FROM(&ak, s, .op = AK_RESERVE, .ptr = ak_page(&ak, 4), .cnt = 1),
			  -EBUSY, "reserve");
	}
	/* the run behind them is of 26 pages */
	ASSERT_NEQ(ak_alloc(&ak, true, -1, 26), 0, "alloc elsewhere");
	ASSERT_NEQ(ak_alloc(&ak, true, -1, 4), 0, "alloc elsewhere");
	ASSERT_EQ(ak_alloc(&ak, true, -1, 1), 0, "full");
out:
	ak_close(&ak);
}

/* A free by BPF skips the kernel's pages, and says which was the first. */
static void survives_free(bool s)
{
	int nr, fd, i, bad = 0;
	__u64 pfn[8];
	struct ak ak;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	fd = s ? ak.fd : ak.fd_nonsleepable;
	/* pages of BPF's, of the kernel's, of BPF's, of the kernel's, of BPF's */
	if (!ASSERT_NEQ(ak_alloc(&ak, true, 2, 2), 0, "alloc") ||
	    !ASSERT_NEQ(ak_kalloc(&ak, 4, 3), 0, "kalloc") ||
	    !ASSERT_NEQ(ak_alloc(&ak, true, 7, 1), 0, "alloc") ||
	    !ASSERT_NEQ(ak_kalloc(&ak, 8, 1), 0, "kalloc") ||
	    !ASSERT_NEQ(ak_alloc(&ak, true, 9, 1), 0, "alloc"))
		goto out;
	for (nr = 2; nr < 10; nr++) {
		pfn[nr - 2] = ak_pfn(&ak, nr);
		*(__u64 *)ak_page(&ak, nr) = nr;
	}

	ak_free(&ak, s, 5, 1);
	ak_expect_report(fd, AK_FREE_REPORT, ak_page(&ak, 5));
	ASSERT_HAS_SUBSTR(ak_buf, s ? "_sleepable+0x" : "_nonsleepable+0x", "program on the stack");
	ak_free(&ak, s, 0, 32);
	ak_expect_report(fd, AK_FREE_REPORT, ak_page(&ak, 4));
	ak_free(&ak, s, 7, 2);
	ak_expect_report(fd, AK_FREE_REPORT, ak_page(&ak, 8));
	ak_free(&ak, s, 9, 1);
	ak_free(&ak, s, 2, 2);
	ak_expect_silence(fd, "BPF's own");
	ak_expect_silence(s ? ak.fd_nonsleepable : ak.fd, "another program");

	ASSERT_TRUE(ak_wait(!ak_pfn(&ak, 2) && !ak_pfn(&ak, 3) && !ak_pfn(&ak, 7) &&
			    !ak_pfn(&ak, 9)), "BPF's own are freed");
	/*
	 * Deferred frees come in order. When page 20, which is in none that is left,
	 * is free again, so are all: none can hit what is allocated below.
	 */
	ASSERT_NEQ(ak_alloc(&ak, true, 20, 1), 0, "alloc of the last to be freed");
	ak_free(&ak, s, 20, 1);
	ASSERT_TRUE(ak_wait(!ak_pfn(&ak, 20)), "freed");
	for (i = 0; i < 4; i++) {
		nr = i < 3 ? 4 + i : 8;
		if (!ASSERT_EQ(ak_pfn(&ak, nr), pfn[nr - 2], "same page"))
			goto out;
		bad += AK(&ak, .op = AK_READ, .ptr = ak_page(&ak, nr), .size = 8) != nr;
		bad += *(__u64 *)ak_page(&ak, nr) != nr;
		/* and still are not to be had */
		bad += ak_alloc(&ak, s, nr, 1) != 0;
	}
	ASSERT_EQ(bad, 0, "the kernel's are untouched");
	ASSERT_EQ(ak_alloc_wait(&ak, true, 2, 2), ak_page(&ak, 2), "alloc of the rest");
	ASSERT_EQ(ak_alloc_wait(&ak, true, 7, 1), ak_page(&ak, 7), "alloc of the rest");
	ASSERT_EQ(ak_alloc_wait(&ak, true, 9, 23), ak_page(&ak, 9), "alloc of the rest");
	ASSERT_EQ(ak_alloc_wait(&ak, true, 0, 2), ak_page(&ak, 0), "alloc of the rest");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "full");
out:
	ak_close(&ak);
}

/* So kernel code can write them at any time, with no program on the stack. */
static void write_without_program(void)
{
	struct ak ak;
	__u64 ptr, val;
	int i;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	ptr = ak_kalloc(&ak, -1, 1);
	if (!ASSERT_NEQ(ptr, 0, "kalloc"))
		goto out;
	for (i = 0; i < 20; i++) {
		AK_FROM(&ak, i % 2, .op = AK_FREE, .ptr = ptr, .cnt = 1);
		ASSERT_OK((int)AK(&ak, .op = AK_WRITE_NOPROG, .ptr = ptr, .val = i + 1), "write");
		val = AK(&ak, .op = AK_PROG_READ, .ptr = ptr);
		if (!ASSERT_EQ(val, i + 1, "program reads"))
			goto out;
		ASSERT_EQ(*(__u64 *)ptr, i + 1, "user space reads");
	}
	ASSERT_EQ(ak_reports(ak.fd), 10, "reports");
	ASSERT_EQ(ak_reports(ak.fd_nonsleepable), 10, "reports");
out:
	ak_close(&ak);
}

/* The kernel's way to free them. */
static void kernel_frees(void)
{
	struct ak ak;
	__u64 pfn;
	int nr;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	pfn = ak_kill(&ak, 0);
	if (!ASSERT_NEQ(ak_kalloc(&ak, 4, 6), 0, "kalloc"))
		goto out;
	/* one that user space has mapped: it must not keep what was freed */
	*(char *)ak_page(&ak, 6) = 'x';
	ak_kfree(&ak, 5, 3);
	for (nr = 4; nr < 10; nr++)
		ASSERT_EQ(!ak_pfn(&ak, nr), nr >= 5 && nr < 8, "freed or not");
	ak_expect_silence(ak.fd, "no misuse");
	ASSERT_EQ(ak_alloc_wait(&ak, true, 5, 3), ak_page(&ak, 5), "alloc by BPF");
	ASSERT_EQ(*(char *)ak_page(&ak, 6), 0, "a new page");
	/* these are BPF's now */
	ak_free(&ak, true, 5, 3);
	ak_expect_silence(ak.fd, "BPF's own");
	ASSERT_EQ(ak_pfn(&ak, 6), 0, "freed");
	/* touched after that, they die like any other */
	ak_kfree(&ak, 9, 1);
	AK(&ak, .op = AK_WRITE, .ptr = ak_page(&ak, 9), .size = 1);
	ak_expect_report(ak.fd, AK_WRITE_REPORT, ak_page(&ak, 9));
	ASSERT_EQ(ak_pfn(&ak, 9), pfn, "dead");
	ASSERT_EQ(ak_kalloc(&ak, 9, 1), 0, "kalloc of a dead page");
	ak_kfree(&ak, 9, 1);
	ASSERT_EQ(ak_pfn(&ak, 9), pfn, "still dead");
out:
	ak_close(&ak);
}

/*
 * A deferred free by BPF of a range that was free may come after the range was
 * given to the kernel. It was not meant for the kernel's pages, and must not
 * make them available either.
 */
static void deferred_free_comes_late(void)
{
	struct ak ak;
	int i;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	for (i = 0; i < 200; i++) {
		ak_free(&ak, false, 8, 4);
		if (!ASSERT_EQ(ak_kalloc(&ak, 8, 4), ak_page(&ak, 8), "kalloc"))
			break;
		/* behind the first in the queue, so that both have been dealt with */
		if (!ASSERT_EQ(ak_alloc(&ak, true, 20, 1), ak_page(&ak, 20), "alloc"))
			break;
		ak_free(&ak, false, 20, 1);
		if (!ASSERT_TRUE(ak_wait(!ak_pfn(&ak, 20)), "deferred free") ||
		    !ASSERT_NEQ(ak_pfn(&ak, 8), 0, "first page") ||
		    !ASSERT_NEQ(ak_pfn(&ak, 11), 0, "last page") ||
		    !ASSERT_EQ(ak_alloc(&ak, true, 8, 1), 0, "alloc of the first page") ||
		    !ASSERT_EQ(ak_alloc(&ak, true, 11, 1), 0, "alloc of the last page"))
			break;
		ak_kfree(&ak, 8, 4);
		/* that the range of the marker is free again is the last thing done */
		if (!ASSERT_EQ(ak_alloc_wait(&ak, true, 20, 1), ak_page(&ak, 20), "alloc"))
			break;
		ak_free(&ak, true, 20, 1);
	}
	ASSERT_EQ(ak_reports(ak.fd_nonsleepable), 0, "reports");
	ak_close(&ak);
}

/* More than one batch, with and without a dead page in the way */
static void many_pages(void)
{
	int batch = ak_batch(), pages = 4 * batch, want = 3 * batch - 72;
	int dead = batch + 33, nr;
	__u64 pfn, ptr;
	struct ak ak;

	if (!ak_open(&ak, pages, 0, 0))
		return;
	pfn = ak_kill(&ak, dead);
	ASSERT_EQ(ak_kalloc(&ak, 0, want), 0, "over the dead page");
	ASSERT_EQ(ak_kalloc(&ak, -1, pages - dead), 0, "too large");
	for (nr = 0; nr < want; nr += 97)
		if (!ASSERT_EQ(ak_pfn(&ak, nr), 0, "nothing left mapped"))
			break;
	ASSERT_EQ(ak_pfn(&ak, dead), pfn, "still dead");
	ptr = ak_kalloc(&ak, -1, pages - dead - 1);
	ASSERT_EQ(ptr, ak_page(&ak, dead + 1), "all above");
	ASSERT_EQ(ak_kalloc(&ak, -1, dead), ak.base, "all below");
	ASSERT_EQ(ak_kalloc(&ak, -1, 1), 0, "full");
	ak_check_live(&ak, ak_page(&ak, dead - 1), 1, pfn);
	ak_check_live(&ak, ak_page(&ak, dead + 1), 1, pfn);

	/* BPF frees everything, and that is one report */
	ak_free(&ak, true, 0, pages);
	ak_expect_report(ak.fd, AK_FREE_REPORT, ak.base);
	ASSERT_NEQ(ak_pfn(&ak, pages - 1), 0, "last page");
	ak_kfree(&ak, 0, pages);
	ASSERT_EQ(ak_pfn(&ak, pages - 1), 0, "last page");
	ASSERT_EQ(ak_pfn(&ak, dead), pfn, "still dead");
	ASSERT_EQ(ak_alloc_wait(&ak, true, -1, pages - dead - 1), ak_page(&ak, dead + 1),
		  "alloc above");
	ASSERT_EQ(ak_alloc_wait(&ak, true, -1, dead), ak.base, "alloc below");
	ak_close(&ak);
}

void serial_test_arena_kern_owned(void)
{
	static const struct ak_subtest tests[] = {
		{ "alloc", alloc },
		{ "alloc_fixed", alloc_fixed },
		{ "exclusive", exclusive },
		{ "survives_free", .fn_both = survives_free },
		{ "write_without_program", write_without_program },
		{ "kernel_frees", kernel_frees },
		{ "deferred_free_comes_late", deferred_free_comes_late },
		{ "many_pages", many_pages },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
