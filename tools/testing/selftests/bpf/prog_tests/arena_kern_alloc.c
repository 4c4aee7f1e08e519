// SPDX-License-Identifier: GPL-2.0
/* The allocator of arena pages and pages that died of a kernel access */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#define AK_OPS
#include "arena_kern.h"

static bool within(struct ak *ak, __u64 ptr, int cnt, int first, int last)
{
	return ASSERT_GE(ptr, ak_page(ak, first), "start of the run") &&
	       ASSERT_LE(ptr + (__u64)cnt * ak->page, ak_page(ak, last + 1), "end of the run");
}

/* At a fixed address over a dead page: NULL, and nothing else is lost. */
static void fixed(bool s)
{
	struct ak ak;
	__u64 pfn;

	if (!ak_open(&ak, 64, 0, 0))
		return;
	pfn = ak_kill(&ak, 10);
	ASSERT_EQ(ak_alloc(&ak, s, 10, 1), 0, "the dead page");
	ASSERT_EQ(ak_alloc(&ak, s, 8, 4), 0, "dead page in the middle");
	ASSERT_EQ(ak_alloc(&ak, s, 8, 3), 0, "dead page at the end");
	ASSERT_EQ(ak_alloc(&ak, s, 10, 2), 0, "dead page at the start");
	ASSERT_EQ(ak_alloc(&ak, s, 0, 64), 0, "everything");
	ASSERT_EQ(ak_pfn(&ak, 10), pfn, "still dead");
	ASSERT_EQ(ak_alloc_wait(&ak, s, 0, 10), ak_page(&ak, 0), "all below");
	ASSERT_EQ(ak_alloc_wait(&ak, s, 11, 53), ak_page(&ak, 11), "all above");
	ak_check_live(&ak, ak_page(&ak, 0), 10, pfn);
	ak_check_live(&ak, ak_page(&ak, 11), 53, pfn);
	ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "full");
	ak_close(&ak);
}

/* Without an address: where a large enough run of live pages is */
static void around(bool s)
{
	struct ak ak;
	__u64 pfn, ptr;

	if (!ak_open(&ak, 64, 0, 0))
		return;
	/* runs of 10, 29 and 23 pages */
	pfn = ak_kill(&ak, 10);
	ak_kill(&ak, 40);
	ptr = ak_alloc(&ak, s, -1, 29);
	if (!ASSERT_EQ(ptr, ak_page(&ak, 11), "whole run"))
		goto out;
	ak_check_live(&ak, ptr, 29, pfn);
	ptr = ak_alloc(&ak, s, -1, 20);
	if (!ASSERT_NEQ(ptr, 0, "part of a run") || !within(&ak, ptr, 20, 41, 63))
		goto out;
	ak_check_live(&ak, ptr, 20, pfn);
	ASSERT_EQ(ak_alloc(&ak, s, -1, 11), 0, "too large");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 10), ak_page(&ak, 0), "first run");
	ASSERT_NEQ(ak_alloc(&ak, s, -1, 3), 0, "rest");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "full");
	ASSERT_EQ(ak_pfn(&ak, 10), pfn, "still dead");
	ASSERT_EQ(ak_pfn(&ak, 40), pfn, "still dead");
out:
	ak_close(&ak);
}

/* Every other page is dead but for one run, which is the last place to look. */
static void fragmented(bool s)
{
	const int pages = 200, run = 12;
	int i, got = 0, bad = 0;
	struct ak ak;
	__u64 pfn = 0, ptr;

	if (!ak_open(&ak, pages, 0, 0))
		return;
	for (i = 0; i < pages - run; i += 2)
		pfn = ak_kill(&ak, i);
	/* i: the first page behind the fragments, and one live page before it */
	ASSERT_EQ(ak_alloc(&ak, s, -1, run + 2), 0, "larger than any run");
	ASSERT_EQ(ak_alloc_wait(&ak, s, -1, run + 1), ak_page(&ak, i - 1), "the run");
	ak_check_live(&ak, ak_page(&ak, i - 1), run + 1, pfn);
	ASSERT_EQ(ak_alloc(&ak, s, -1, 2), 0, "fragments only");
	while ((ptr = ak_alloc(&ak, s, -1, 1))) {
		got++;
		bad += (ptr - ak.base) / ak.page % 2 != 1;
		bad += AK(&ak, .op = AK_PFN, .ptr = ptr) == pfn;
	}
	ASSERT_EQ(got, (pages - run) / 2 - 1, "each fragment");
	ASSERT_EQ(bad, 0, "live fragments");
	ak_close(&ak);
}

static void all_dead(bool s)
{
	struct ak ak;
	int i;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	for (i = 0; i < 32; i++)
		ak_kill(&ak, i);
	ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "anywhere");
	ASSERT_EQ(ak_alloc(&ak, s, 31, 1), 0, "somewhere");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 32), 0, "everywhere");
	ak_close(&ak);
}

static void reserve(bool s)
{
	struct ak ak;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	ak_kill(&ak, 10);
#define RESERVE(nr, n) \
	((int)AK_FROM(&ak, s, .op = AK_RESERVE, .ptr = ak_page(&ak, nr), .cnt = (n)))
	ASSERT_EQ(RESERVE(10, 1), -EBUSY, "the dead page");
	ASSERT_EQ(RESERVE(8, 5), -EBUSY, "dead page in the middle");
	ASSERT_OK(RESERVE(8, 2), "below");
	ASSERT_OK(RESERVE(11, 2), "above");
	ASSERT_EQ(RESERVE(12, 1), -EBUSY, "reserved before");
	ASSERT_EQ(ak_alloc(&ak, s, 8, 1), 0, "alloc of a reserved page");
	ASSERT_NEQ(ak_alloc(&ak, s, -1, 19), 0, "alloc beyond");
#undef RESERVE
	ak_close(&ak);
}

/* A free leaves dead pages dead, and frees the live ones beside them. */
static void free_over(bool s)
{
	struct ak ak;
	__u64 pfn;
	int i;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	pfn = ak_kill(&ak, 10);
	ak_kill(&ak, 20);
	if (!ASSERT_NEQ(ak_alloc(&ak, true, 8, 2), 0, "alloc below") ||
	    !ASSERT_NEQ(ak_alloc(&ak, true, 11, 2), 0, "alloc above"))
		goto out;
	/* many times: that would be the end of a page that is freed by mistake */
	for (i = 0; i < 50; i++)
		ak_free(&ak, s, 10, 1);
	ak_free(&ak, s, 8, 5);
	ASSERT_TRUE(ak_wait(!ak_pfn(&ak, 8) && !ak_pfn(&ak, 9) && !ak_pfn(&ak, 11) &&
			    !ak_pfn(&ak, 12)), "live pages freed");
	ASSERT_EQ(ak_pfn(&ak, 10), pfn, "still dead");
	ASSERT_EQ(ak_pfn(&ak, 20), pfn, "others too");
	/* page 30 tells when a deferred free has come: it must not hit what follows */
	ASSERT_NEQ(ak_alloc(&ak, true, 30, 1), 0, "alloc of the last to be freed");
	ak_free(&ak, s, 0, 32);
	ASSERT_TRUE(ak_wait(!ak_pfn(&ak, 30)), "freed");
	ASSERT_EQ(ak_alloc_wait(&ak, s, 11, 9), ak_page(&ak, 11), "alloc of what was freed");
	ASSERT_EQ(ak_alloc(&ak, s, 10, 1), 0, "alloc of the dead page");
	ASSERT_EQ(ak_alloc_wait(&ak, s, -1, 11), ak_page(&ak, 21), "alloc above");
	ASSERT_EQ(ak_alloc_wait(&ak, s, -1, 10), ak_page(&ak, 0), "alloc below");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "full");
	ak_expect_silence(s ? ak.fd : ak.fd_nonsleepable, "no kernel-owned page");
out:
	ak_close(&ak);
}

/* A page that was allocated and freed dies; so does one that was reserved. */
static void dies_later(bool s)
{
	struct ak ak;
	__u64 pfn;

	if (!ak_open(&ak, 32, 0, 0))
		return;
	if (!ASSERT_NEQ(ak_alloc(&ak, s, 0, 32), 0, "alloc"))
		goto out;
	ak_free(&ak, s, 0, 32);
	ASSERT_TRUE(ak_wait(!ak_pfn(&ak, 31)), "freed");
	pfn = ak_kill(&ak, 5);
	ASSERT_EQ(ak_alloc_wait(&ak, s, -1, 26), ak_page(&ak, 6), "alloc around it");
	ak_check_live(&ak, ak_page(&ak, 6), 26, pfn);
	ASSERT_OK((int)AK_FROM(&ak, s, .op = AK_RESERVE, .ptr = ak_page(&ak, 0), .cnt = 2),
		  "reserve");
	ak_kill(&ak, 1);
	ASSERT_EQ(ak_alloc(&ak, s, -1, 4), 0, "too large");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 3), ak_page(&ak, 2), "rest");
	/* an end to the reservation is no new life */
	ak_free(&ak, s, 0, 2);
	ASSERT_EQ(ak_alloc_wait(&ak, s, 0, 1), ak_page(&ak, 0), "alloc of the reserved page");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "full");
	ASSERT_EQ(ak_pfn(&ak, 1), pfn, "still dead");
out:
	ak_close(&ak);
}

/*
 * The pages of the arena before are given back in the background. With pages of 64K
 * they are half of a guest's memory.
 */
static bool open_when_free(struct ak *ak, int pages)
{
	return ASSERT_TRUE(ak_wait(sysconf(_SC_AVPHYS_PAGES) > pages + pages / 8),
			   "memory for all pages") &&
	       ak_open(ak, pages, 0, 0);
}

/* Dead pages in the first batch, at the border and later */
static void batches(bool s)
{
	int batch = ak_batch(), pages = 4 * batch, want = 3 * batch - 72;
	int dead[] = { 0, batch - 1, batch, batch + batch / 2, want - 1 };
	__u64 pfn, ptr;
	struct ak ak;
	int i;

	for (i = 0; i < ARRAY_SIZE(dead); i++) {
		if (!open_when_free(&ak, pages))
			return;
		pfn = ak_kill(&ak, dead[i]);
		ASSERT_EQ(ak_alloc(&ak, s, 0, want), 0, "over the dead page");
		ASSERT_EQ(ak_pfn(&ak, dead[i]), pfn, "still dead");
		/* nothing is left mapped, and all that is live can be had, to the page */
		ASSERT_EQ(ak_alloc(&ak, s, -1, pages), 0, "too large");
		if (dead[i])
			ASSERT_EQ(ak_alloc_wait(&ak, s, 0, dead[i]), ak.base, "all below");
		ASSERT_EQ(ak_alloc_wait(&ak, s, -1, pages - dead[i] - 1), ak_page(&ak, dead[i] + 1),
			  "all above");
		ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "full");
		if (dead[i])
			ak_check_live(&ak, ak_page(&ak, dead[i] - 1), 1, pfn);
		ak_check_live(&ak, ak_page(&ak, dead[i] + 1), 1, pfn);
		ASSERT_EQ(ak_pfn(&ak, dead[i]), pfn, "still dead");
		ak_close(&ak);
	}

	/* on its own way around them */
	if (!open_when_free(&ak, pages))
		return;
	pfn = ak_kill(&ak, batch / 2);
	ptr = ak_alloc(&ak, s, -1, want);
	if (ASSERT_NEQ(ptr, 0, "around") && within(&ak, ptr, want, batch / 2 + 1, pages - 1)) {
		ak_check_live(&ak, ptr, 4, pfn);
		ak_check_live(&ak, ptr + (__u64)(want - 4) * ak.page, 4, pfn);
	}
	ASSERT_EQ(ak_pfn(&ak, batch / 2), pfn, "still dead");
	ak_close(&ak);
}

/* Failed allocations, over and over: what they took, they gave back. */
static void fail_often(bool s)
{
	const int pages = 3000, dead = 1700;
	struct ak ak;
	int i;

	if (!ak_open(&ak, pages, 0, 0))
		return;
	ak_kill(&ak, dead);
	for (i = 0; i < 100; i++)
		if (!ASSERT_EQ(ak_alloc(&ak, s, 0, pages), 0, "fixed") ||
		    !ASSERT_EQ(ak_alloc(&ak, s, -1, dead + 1), 0, "anywhere"))
			break;
	ASSERT_EQ(ak_alloc_wait(&ak, s, -1, dead), ak.base, "all below");
	ASSERT_EQ(ak_alloc_wait(&ak, s, -1, pages - dead - 1), ak_page(&ak, dead + 1), "all above");
	ASSERT_EQ(ak_alloc(&ak, s, -1, 1), 0, "full");
	ak_close(&ak);
}

/*
 * Races: another thread touches page @turn from the kernel at the same moment
 * that this one does something to it. Who comes first is left to chance, but
 * there are only so many ways in which it can end.
 */
#define RACES 1000

static struct ak race_ak;
static int race_turn;	/* 1 + the page to touch, or -1: the end */
static int race_done;

static void *race_toucher(void *arg)
{
	int turn, last = 0;

	for (;;) {
		do {
			turn = __atomic_load_n(&race_turn, __ATOMIC_ACQUIRE);
		} while (turn == last);
		if (turn < 0)
			return NULL;
		AK(&race_ak, .op = AK_WRITE, .ptr = ak_page(&race_ak, turn - 1), .size = 1);
		last = turn;
		__atomic_store_n(&race_done, turn, __ATOMIC_RELEASE);
	}
}

/* @act meets the touch of page @nr, then @check sees how it ended. */
static void race(int pages, bool (*setup)(void), void (*act)(int nr), bool (*check)(int nr))
{
	pthread_t thread;
	int nr;

	if (!ak_open(&race_ak, pages, 0, 0))
		return;
	race_turn = 0;
	race_done = 0;
	if (setup && !setup())
		goto out;
	if (!ASSERT_OK(pthread_create(&thread, NULL, race_toucher, NULL), "pthread_create"))
		goto out;
	for (nr = 0; nr < RACES; nr++) {
		__atomic_store_n(&race_turn, nr + 1, __ATOMIC_RELEASE);
		act(nr);
		while (__atomic_load_n(&race_done, __ATOMIC_ACQUIRE) != nr + 1)
			sched_yield();
		if (!check(nr))
			break;
	}
	__atomic_store_n(&race_turn, -1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
out:
	ak_close(&race_ak);
}

static __u64 race_scratch, race_ptr;

/* The last page is dead from the start, so that its number is known. */
static bool race_setup(void)
{
	race_scratch = ak_kill(&race_ak, RACES);
	return race_scratch;
}

/* Either the page is allocated, private and was never dead, or dead and not allocated. */
static void alloc_act(int nr)
{
	race_ptr = ak_alloc(&race_ak, nr % 2, nr, 1);
}

static void kalloc_act(int nr)
{
	race_ptr = ak_kalloc(&race_ak, nr, 1);
}

static bool alloc_check(int nr)
{
	__u64 pfn = ak_pfn(&race_ak, nr);
	int reports = ak_reports(race_ak.fd);
	bool ok;

	if (race_ptr) {
		AK(&race_ak, .op = AK_WRITE, .ptr = race_ptr, .size = 8, .val = race_ptr);
		ok = !reports && pfn && pfn != race_scratch && *(__u64 *)race_ptr == race_ptr;
	} else {
		ok = pfn == race_scratch;
	}
	return ok || AK_FAIL("page %d: alloc %llx, pfn %llx, scratch %llx, %d reports", nr,
			     race_ptr, pfn, race_scratch, reports);
}

static void race_alloc(void)
{
	race(RACES + 1, race_setup, alloc_act, alloc_check);
}

static void race_kalloc(void)
{
	race(RACES + 1, race_setup, kalloc_act, alloc_check);
}

/* Without an address: the allocation goes elsewhere, and succeeds. */
static void anon_act(int nr)
{
	race_ptr = ak_alloc(&race_ak, nr % 2, -1, 2);
}

static bool anon_check(int nr)
{
	__u64 pfn1, pfn2;

	ak_stderr(race_ak.fd, ak_buf, sizeof(ak_buf));
	if (!race_ptr)
		return ASSERT_NEQ(race_ptr, 0, "alloc");
	pfn1 = AK(&race_ak, .op = AK_PFN, .ptr = race_ptr);
	pfn2 = AK(&race_ak, .op = AK_PFN, .ptr = race_ptr + race_ak.page);
	if (!pfn1 || !pfn2 || pfn1 == pfn2 || pfn1 == race_scratch || pfn2 == race_scratch)
		return AK_FAIL("pages %llx %llx, scratch %llx", pfn1, pfn2, race_scratch);
	return true;
}

/* Every turn kills at most one page and takes two. */
static void race_alloc_anywhere(void)
{
	race(4 * RACES, race_setup, anon_act, anon_check);
}

/* A page is freed while it is touched: it is gone, or dead. */
static bool free_setup(void)
{
	return race_setup() && ASSERT_NEQ(ak_alloc(&race_ak, true, 0, RACES), 0, "alloc");
}

static void free_act(int nr)
{
	ak_free(&race_ak, true, nr, 1);
}

static bool free_check(int nr)
{
	__u64 pfn = ak_pfn(&race_ak, nr);
	int reports = ak_reports(race_ak.fd);

	return (!pfn && !reports) || pfn == race_scratch ||
	       AK_FAIL("page %d: pfn %llx, scratch %llx, %d reports", nr, pfn, race_scratch,
		       reports);
}

static void race_free(void)
{
	race(RACES + 1, free_setup, free_act, free_check);
}

/* Two touches: both succeed, one of them is the first. */
static void touch_act(int nr)
{
	AK(&race_ak, .op = AK_WRITE, .ptr = ak_page(&race_ak, nr), .size = 1);
}

static bool touch_check(int nr)
{
	int reports = ak_reports(race_ak.fd);
	__u64 pfn = ak_pfn(&race_ak, nr);

	return (reports == 1 && pfn == race_scratch) ||
	       (ASSERT_EQ(reports, 1, "reports") && ASSERT_EQ(pfn, race_scratch, "dead"));
}

static void race_touch(void)
{
	race(RACES + 1, race_setup, touch_act, touch_check);
}

/* User space faults the page in: it gets it, and the kernel finds it, or SIGSEGV. */
static sigjmp_buf race_jmp;
static bool race_segv;

static void race_on_segv(int sig)
{
	siglongjmp(race_jmp, 1);
}

static void user_act(int nr)
{
	race_segv = true;
	if (!sigsetjmp(race_jmp, 1)) {
		WRITE_ONCE(*(char *)(ak_page(&race_ak, nr) + 8), 'u');
		race_segv = false;
	}
}

static bool user_check(int nr)
{
	__u64 pfn = ak_pfn(&race_ak, nr);
	int reports = ak_reports(race_ak.fd);

	if (race_segv)
		return pfn == race_scratch || ASSERT_EQ(pfn, race_scratch, "dead");
	if (!pfn || pfn == race_scratch || reports)
		return AK_FAIL("page %d: user space has written to %llx, %d reports", nr, pfn,
			       reports);
	return AK(&race_ak, .op = AK_READ, .ptr = ak_page(&race_ak, nr) + 8, .size = 1) == 'u' ||
	       AK_FAIL("page %d: not what user space wrote", nr);
}

static void race_user_fault(void)
{
	struct sigaction sa = { .sa_handler = race_on_segv }, old;

	if (!ASSERT_OK(sigaction(SIGSEGV, &sa, &old), "sigaction"))
		return;
	race(RACES + 1, race_setup, user_act, user_check);
	sigaction(SIGSEGV, &old, NULL);
}

void serial_test_arena_kern_alloc(void)
{
	static const struct ak_subtest tests[] = {
		{ "fixed", .fn_both = fixed },
		{ "around", .fn_both = around },
		{ "fragmented", .fn_both = fragmented },
		{ "all_dead", .fn_both = all_dead },
		{ "reserve", .fn_both = reserve },
		{ "free_over", .fn_both = free_over },
		{ "dies_later", .fn_both = dies_later },
		{ "batches", .fn_both = batches },
		{ "fail_often", .fn_both = fail_often },
		{ "race_touch", race_touch },
		{ "race_alloc", race_alloc },
		{ "race_alloc_anywhere", race_alloc_anywhere },
		{ "race_kalloc", race_kalloc },
		{ "race_free", race_free },
		{ "race_user_fault", race_user_fault },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
