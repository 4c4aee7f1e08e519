// SPDX-License-Identifier: GPL-2.0
/* The operations on an arena, and what is promised of them, when memory is short */
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "arena_kern_inject.skel.h"
#include "arena_kern_ops.skel.h"
#define AK_OPS
#include "arena_kern_inject.h"

/* The range tree keeps a node for when memory is short. Make it use that for page 1. */
static bool spend_spare(struct aki_step *s)
{
	__u64 ret;

	aki_arm(AKI_NOLOCK_REST, sys_gettid(), 1);
	ret = AK(&s->ak, .op = AK_RESERVE, .ptr = ak_page(&s->ak, 1), .cnt = 1);
	aki_disarm(AKI_NOLOCK_REST);
	return ASSERT_OK((int)ret, "reserve with the spare node");
}

static void regain_spare(struct aki_step *s)
{
	ak_free(&s->ak, true, 1, 1);
}

static int run_op(struct aki_step *s, __u32 op, int nr, int cnt)
{
	struct arena_kern_args args = {
		.op = op, .cnt = cnt, .ptr = nr < 0 ? 0 : ak_page(&s->ak, nr), .size = 1,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	if (s->sleepable) {
		opts.ctx_in = &args;
		opts.ctx_size_in = sizeof(args);
		err = bpf_prog_test_run_opts(s->ak.fd, &opts);
		s->ret = args.ret;
	} else {
		s->ak.skel->bss->args = args;
		err = bpf_prog_test_run_opts(s->ak.fd_nonsleepable, &opts);
		s->ret = s->ak.skel->bss->args.ret;
	}
	return err;
}

static int run_alloc(struct aki_step *s)
{
	return run_op(s, s->op, s->nr, s->cnt) ?: s->ret ? 0 : -ENOMEM;
}

/* As aki_survey_ok(), when all is free but the last page. That is faster than page by page. */
static bool all_free(struct aki_step *s)
{
	int cnt = s->survey >> 32;
	__u64 ptr = ak_alloc_wait(&s->ak, true, 0, cnt);

	if (!ASSERT_EQ(ptr, s->ak.base, "alloc of all") ||
	    !ASSERT_EQ(ak_alloc(&s->ak, true, -1, 1), 0, "one more"))
		return false;
	ak_free(&s->ak, true, 0, cnt);
	return true;
}

static bool check_alloc(struct aki_step *s, int err)
{
	/* The kernel's can do without what takes no lock, as long as there is memory. */
	if (s->op == AK_KALLOC && s->how == AKI_NOLOCK && !ASSERT_OK(err, "kalloc"))
		return false;
	if (!err) {
		if (!ak_check_live(&s->ak, s->ret, 1, s->scratch) ||
		    !ak_check_live(&s->ak, s->ret + (s->cnt - 1) * s->ak.page, 1, s->scratch))
			return false;
		AK(&s->ak, .op = s->undo, .ptr = s->ret, .cnt = s->cnt);
	}
	regain_spare(s);
	return s->cnt < AKI_NR_ALL ? aki_survey_ok(s) : all_free(s);
}

static void alloc_pages(const char *name, int op, bool sleepable, int pages, int cnt)
{
	struct aki_step s = {
		.name = name, .prepare = spend_spare, .run = run_alloc, .check = check_alloc,
		.sleepable = sleepable, .op = op, .undo = op == AK_KALLOC ? AK_KFREE : AK_FREE,
		.cnt = cnt,
	};
	/* the pages, and the array of them if there are several */
	int least = cnt < AKI_NR_ALL ? cnt + (cnt > 1) : AKI_NR_ALL;

	/* gigabytes, again and again */
	if (cnt >= AKI_NR_ALL && getpagesize() > 4096) {
		ak_skip("too much memory with pages of this size");
		return;
	}
	if (!aki_open(&s, pages))
		return;
	if (!aki_kill(&s, pages - 1))
		goto out;
	/* anywhere, and at an address */
	for (s.nr = -1; s.nr < 10; s.nr += 8)
		if (!aki_inject_all(&s, sleepable ? least : 0, sleepable ? 0 : least))
			break;
	s.nr = 7;
	if (cnt < AKI_NR_ALL)
		aki_squeeze(&s, cnt + 16);
out:
	aki_close(&s);
}

static void alloc_one(bool sleepable)
{
	alloc_pages(__func__, AK_ALLOC, sleepable, AKI_PAGES, 1);
}

static void alloc_some(bool sleepable)
{
	alloc_pages(__func__, AK_ALLOC, sleepable, AKI_PAGES, 5);
}

static void alloc_batches(bool sleepable)
{
	alloc_pages(__func__, AK_ALLOC, sleepable, 3 * ak_batch(), 2 * ak_batch() + 3);
}

static void kalloc_one(void)
{
	alloc_pages(__func__, AK_KALLOC, true, AKI_PAGES, 1);
}

static void kalloc_some(void)
{
	alloc_pages(__func__, AK_KALLOC, true, AKI_PAGES, 5);
}

static void kalloc_batches(void)
{
	alloc_pages(__func__, AK_KALLOC, true, 3 * ak_batch(), 2 * ak_batch() + 3);
}

/* A page dies before each allocation: the range tree may need a node for it. */
static bool prepare_around(struct aki_step *s)
{
	s->nr += 2;
	return spend_spare(s) && aki_kill(s, s->nr);
}

static int run_around(struct aki_step *s)
{
	return run_op(s, s->op, -1, s->cnt) ?: s->ret ? 0 : -ENOMEM;
}

static void around(const char *name, int op, bool sleepable)
{
	struct aki_step s = {
		.name = name, .prepare = prepare_around, .run = run_around, .check = check_alloc,
		.sleepable = sleepable, .op = op, .undo = op == AK_KALLOC ? AK_KFREE : AK_FREE,
		.nr = 2, .cnt = 3, .once = true,
	};

	if (!aki_open(&s, 4 * AKI_PAGES))
		return;
	/* the pages and the array */
	aki_inject_all(&s, sleepable ? 4 : 0, sleepable ? 0 : 4);
	/* so that there are as few nodes as at the start */
	AK(&s.ak, .op = AK_TOUCH, .ptr = s.ak.base, .size = s.ak.page, .cnt = s.nr);
	ak_stderr(s.ak.fd, ak_buf, sizeof(ak_buf));
	s.survey = aki_survey(&s);
	ASSERT_EQ(s.survey >> 32, 4 * AKI_PAGES - s.nr - 1, "free");
	aki_close(&s);
}

static void alloc_around(bool sleepable)
{
	around(__func__, AK_ALLOC, sleepable);
}

static void kalloc_around(void)
{
	around(__func__, AK_KALLOC, true);
}

/* Pages that have nothing free beside them: each range that is freed takes a node. */
static const int apart[] = { 5, 9, 13 };

static int run_apart(struct aki_step *s)
{
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(apart); i++)
		err = err ?: run_op(s, s->op, apart[i], 1) ?: s->ret;
	return err;
}

static bool check_reserve(struct aki_step *s, int err)
{
	int i, bad = 0;

	if (err && !ASSERT_EQ(err, -ENOMEM, "reserve"))
		return false;
	if (!err) {
		for (i = 0; i < ARRAY_SIZE(apart); i++)
			bad += ak_alloc(&s->ak, true, apart[i], 1) != 0;
		if (!ASSERT_EQ(bad, 0, "reserved"))
			return false;
	}
	for (i = 0; i < ARRAY_SIZE(apart); i++)
		ak_free(&s->ak, true, apart[i], 1);
	regain_spare(s);
	return aki_survey_ok(s);
}

static void reserve(bool sleepable)
{
	struct aki_step s = {
		.name = __func__, .prepare = spend_spare, .run = run_apart, .check = check_reserve,
		.sleepable = sleepable, .op = AK_RESERVE,
	};

	if (!aki_open(&s, AKI_PAGES))
		return;
	/* it may need a page of nodes, once in 64 times */
	aki_inject_all(&s, 0, 0);
	aki_close(&s);
}

static __u64 pattern(struct aki_step *s, int nr)
{
	return s->charges.kernel + nr;
}

static bool prepare_free(struct aki_step *s)
{
	int i;

	s->ret = AK(&s->ak, .op = s->op == AK_KFREE ? AK_KALLOC : AK_ALLOC, .cnt = s->cnt);
	if (!ASSERT_EQ(s->ret, s->ak.base, "alloc of all"))
		return false;
	for (i = 0; i < ARRAY_SIZE(apart); i++)
		*(__u64 *)ak_page(&s->ak, apart[i]) = pattern(s, apart[i]);
	return true;
}

/* Deferred frees come one batch after the other: wait for one that came later. */
static void wait_deferred(struct aki_step *s)
{
	int i;

	for (i = 0; i < 2; i++) {
		ak_free(&s->ak, false, i, 1);
		ASSERT_TRUE(ak_wait(!ak_pfn(&s->ak, i)), "deferred free");
	}
}

static int run_free(struct aki_step *s)
{
	int i, err = 0;

	for (i = 0; i < ARRAY_SIZE(apart); i++)
		err = run_op(s, s->op, apart[i], 1) ?: err;
	if (s->kworkers)
		wait_deferred(s);
	return err;
}

/*
 * What cannot be deferred is not freed: the pages stay, with what is in them. Of
 * what is freed the memory always goes, and the addresses are available again, or
 * after another free.
 */
static bool check_free(struct aki_step *s, int err)
{
	int i, left = 0, bad = 0, may_be_free = 0;
	__u64 now;

	if (s->op == AK_FREE && !s->sleepable && !s->kworkers)
		wait_deferred(s);
	for (i = 0; i < ARRAY_SIZE(apart); i++) {
		if (ak_pfn(&s->ak, apart[i])) {
			left++;
			bad += *(__u64 *)ak_page(&s->ak, apart[i]) != pattern(s, apart[i]);
		}
	}
	may_be_free = ARRAY_SIZE(apart) - left + (s->op == AK_FREE && !s->sleepable ? 2 : 0);
	/* when nothing has failed, all is free at once, or soon if it is deferred */
	(void)ak_wait((now = aki_survey(s) >> 32) >= may_be_free || s->hit);
	if (!ASSERT_EQ(bad, 0, "contents of pages that are left") ||
	    !ASSERT_LE(now, may_be_free, "free") ||
	    (!s->hit && !ASSERT_EQ(now, may_be_free, "free with no failure")) ||
	    (!err && (s->sleepable || s->kworkers) && !ASSERT_EQ(left, 0, "pages left")))
		return false;
	AK(&s->ak, .op = s->op, .ptr = s->ak.base, .cnt = s->cnt);
	return aki_survey_ok(s);
}

static void free_pages(const char *name, int op, bool sleepable, bool kworkers)
{
	struct aki_step s = {
		.name = name, .prepare = prepare_free, .run = run_free, .check = check_free,
		.sleepable = sleepable, .kworkers = kworkers, .op = op, .cnt = 16,
	};

	if (!aki_open(&s, s.cnt))
		return;
	/* a span for each, where it is the program that asks */
	aki_inject_all(&s, 0, sleepable || kworkers ? 0 : ARRAY_SIZE(apart));
	aki_close(&s);
}

static void free_bpf(bool sleepable)
{
	free_pages(__func__, AK_FREE, sleepable, false);
}

static void free_deferred(void)
{
	free_pages(__func__, AK_FREE, false, true);
}

static void free_kern(void)
{
	free_pages(__func__, AK_KFREE, true, false);
}

/* What happens when a page dies for want of memory? The same. */
static bool prepare_fault(struct aki_step *s)
{
	s->nr++;
	return true;
}

static int run_fault(struct aki_step *s)
{
	return run_op(s, s->op, s->nr, 0);
}

static bool check_fault(struct aki_step *s, int err)
{
	int fd = s->sleepable ? s->ak.fd : s->ak.fd_nonsleepable;
	__u64 ptr = ak_page(&s->ak, s->nr);
	char line[128];

	/* not a program's error, but of who is to run it */
	if (err) {
		s->nr--;
		return ASSERT_EQ(err, -ENOMEM, "run");
	}
	if (!ASSERT_EQ(s->ret, 0, "reads") ||
	    (s->op == AK_READ && !ASSERT_EQ(ak_pfn(&s->ak, s->nr), s->scratch, "dead")))
		return false;
	/* the report has what there was memory for; that of the kernel begins as usual */
	if (!ak_stderr(fd, ak_buf, sizeof(ak_buf)) || s->op != AK_READ)
		return true;
	snprintf(line, sizeof(line), AK_READ_REPORT, (unsigned long long)ptr);
	if (strncmp(ak_buf, line, strlen(line)))
		return AK_FAIL("no report: %s", ak_buf);
	return true;
}

static void fault(const char *name, int op, bool sleepable)
{
	struct aki_step s = {
		.name = name, .prepare = prepare_fault, .run = run_fault, .check = check_fault,
		.sleepable = sleepable, .op = op, .once = true,
	};

	if (!aki_open(&s, 4 * AKI_PAGES))
		return;
	/* a report has a line for each function on the stack */
	if (aki_kill(&s, 0))
		aki_inject_all(&s, 0, 5);
	s.survey = aki_survey(&s);
	ASSERT_EQ(s.survey >> 32, 4 * AKI_PAGES - 1 - (op == AK_READ ? s.nr : 0), "free");
	aki_close(&s);
}

static void fault_kernel(bool sleepable)
{
	fault(__func__, AK_READ, sleepable);
}

static void fault_program(bool sleepable)
{
	fault(__func__, AK_PROG_READ, sleepable);
}

void serial_test_arena_kern_inject(void)
{
	static const struct ak_subtest tests[] = {
		{ "alloc_one", .fn_both = alloc_one },
		{ "alloc_some", .fn_both = alloc_some },
		{ "alloc_batches", .fn_both = alloc_batches },
		{ "alloc_around", .fn_both = alloc_around },
		{ "kalloc_one", kalloc_one },
		{ "kalloc_some", kalloc_some },
		{ "kalloc_batches", kalloc_batches },
		{ "kalloc_around", kalloc_around },
		{ "reserve", .fn_both = reserve },
		{ "free_bpf", .fn_both = free_bpf },
		{ "free_deferred", free_deferred },
		{ "free_kern", free_kern },
		{ "fault_kernel", .fn_both = fault_kernel },
		{ "fault_program", .fn_both = fault_program },
	};

	aki_run_subtests(tests, ARRAY_SIZE(tests));
}
