// SPDX-License-Identifier: GPL-2.0
/*
 * Schedulers and user space that mistreat the memory in which the kernel hands
 * them cmasks. In each test the kernel survives, the scheduler goes on, and once
 * the mistreatment ends the next cmask is right again. Would catch: a kernel that
 * faults since BPF could free its page; that takes sizes or addresses from the
 * arena; that writes the header only once; that relies on what is in the arena
 * when it frees its memory.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cid_util.h"
#include "cid_hostile_test.h"
#include "cid_hostile.bpf.skel.h"

#define ROUNDS	30

struct test {
	struct cid_cpus cpus;
	struct cid_hostile *skel;
	struct cid_state *st;
	u8 *arena;
	size_t arena_size;
};

static void cleanup(void *ctx)
{
	struct test *t = ctx;

	cid_hostile__destroy(t->skel);
	free(t);
}

static enum scx_test_status setup(void **ctx)
{
	struct test *t = calloc(1, sizeof(*t));
	size_t dummy;

	SCX_FAIL_IF(!t, "out of memory");
	if (!cid_get_cpus(&t->cpus)) {
		free(t);
		return SCX_TEST_SKIP;
	}
	t->skel = CID_OPEN_LOAD(cid_hostile);
	if (!t->skel) {
		SCX_ERR("Failed to load skel");
		goto fail;
	}
	t->st = &t->skel->bss->st;
	t->arena = bpf_map__initial_value(t->skel->maps.arena, &dummy);
	t->arena_size = CID_ARENA_PAGES * sysconf(_SC_PAGESIZE);
	t->skel->bss->arena_start = (u64)t->arena;
	t->skel->bss->page_size = sysconf(_SC_PAGESIZE);
	t->st->check = 1;
	if (!cid_attach(t->skel->maps.cid_hostile_ops, &t->skel->links.cid_hostile_ops)) {
		SCX_ERR("Failed to attach scheduler");
		goto fail;
	}
	*ctx = t;
	return SCX_TEST_PASS;
fail:
	cleanup(t);
	return SCX_TEST_FAIL;
}

/* Change affinities; @exact if nobody writes to cmasks before they are read. */
static enum scx_test_status storm(struct test *t, bool exact)
{
	enum scx_test_status status;

	status = cid_storm(&t->st->map, t->skel->maps.cid_recs, &t->cpus, ROUNDS, exact);
	SCX_FAIL_IF(CID_EXIT_KIND(t->skel) != EXIT_KIND(SCX_EXIT_NONE),
		    "The scheduler exited: %s", t->skel->data->uei.msg);
	if (exact && status == SCX_TEST_PASS)
		status = cid_check_state(t->st);
	return status;
}

/* The hostilities are over; so is what went on when they ended. */
static enum scx_test_status storm_after(struct test *t)
{
	SCX_ASSERT(cid_visit_cpus(&t->cpus));
	t->st->check = 1;
	return storm(t, true);
}

/* The scheduler's arena is gone, another one gets right cmasks. */
static enum scx_test_status reload(struct test *t)
{
	enum scx_test_status status;
	void *next;

	cid_hostile__destroy(t->skel);
	t->skel = NULL;
	status = setup(&next);
	SCX_FAIL_IF(status != SCX_TEST_PASS, "Failed to load another scheduler");
	status = storm(next, true);
	cleanup(next);
	return status;
}

/* Was there a report of a free that covers the kernel's pages? */
static enum scx_test_status expect_report(struct bpf_program *prog)
{
	char buf[4096] = "";
	int len;

	len = bpf_prog_stream_read(bpf_program__fd(prog), 2, buf, sizeof(buf) - 1, NULL);
	SCX_FAIL_IF(len <= 0, "%s: nothing on the stderr stream (%d)", bpf_program__name(prog),
		    len);
	SCX_FAIL_IF(!strstr(buf, "kernel-owned page"), "%s: on the stderr stream: %s",
		    bpf_program__name(prog), buf);
	return SCX_TEST_PASS;
}

static enum scx_test_status run_free(struct test *t, enum cid_hostility hostility)
{
	enum scx_test_status status;
	int i;

	status = storm(t, true);
	for (i = 0; i < 2 && status == SCX_TEST_PASS; i++) {
		t->skel->bss->hostility = hostility;
		status = storm(t, true);
		if (status != SCX_TEST_PASS)
			break;
		if (CPU_COUNT(&t->cpus.usable) > 1)
			status = expect_report(t->skel->progs.cid_hostile_set_cmask);
		if (status != SCX_TEST_PASS)
			break;

		SCX_EQ(cid_run_prog(t->skel->progs.cid_hostile_free), 0);
		status = expect_report(t->skel->progs.cid_hostile_free);
		if (status == SCX_TEST_PASS)
			status = storm(t, true);
		if (status != SCX_TEST_PASS)
			break;

		/* Whoever gets what was freed, it is none of the kernel's. */
		t->skel->bss->hostility = CID_TAME;
		SCX_EQ(cid_run_prog(t->skel->progs.cid_hostile_alloc), 0);
		printf("  %lu of %d pages were free\n", t->skel->bss->nr_allocated,
		       CID_ARENA_PAGES);
		SCX_LT(t->skel->bss->nr_allocated, CID_ARENA_PAGES);
		status = storm(t, true);
	}
	return status == SCX_TEST_PASS ? reload(t) : status;
}

static enum scx_test_status run_free_page(void *ctx)
{
	return run_free(ctx, CID_FREE_PAGE);
}

static enum scx_test_status run_free_all(void *ctx)
{
	return run_free(ctx, CID_FREE_ALL);
}

static const u32 bad_values[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };

static enum scx_test_status run_header(void *ctx)
{
	enum scx_test_status status = SCX_TEST_PASS;
	struct test *t = ctx;
	u32 i;

	/* Within the call, and it stays so until the next one. */
	for (i = 0; i < ARRAY_SIZE(bad_values) && status == SCX_TEST_PASS; i++) {
		printf("  0x%x\n", bad_values[i]);
		t->skel->bss->header_value = bad_values[i];
		t->skel->bss->hostility = CID_HEADER;
		status = storm(t, true);
	}
	/* The scheduler goes with its cmasks in this state. */
	return status == SCX_TEST_PASS ? reload(t) : status;
}

static enum scx_test_status run_keep(void *ctx)
{
	enum scx_test_status status;
	struct test *t = ctx;
	pid_t napper, spinner;
	u64 old;

	status = storm(t, true);
	if (status != SCX_TEST_PASS)
		return status;

	napper = cid_worker_start(CID_NAPPER);
	spinner = cid_worker_start(CID_SPINNER);
	t->st->check = 0;
	t->skel->bss->late_writes = 1;
	old = READ_ONCE(t->skel->bss->nr_late_writes);
	status = storm(t, false);
	if (!CID_WAIT_FOR(READ_ONCE(t->skel->bss->nr_late_writes) > old + 100)) {
		SCX_ERR("The scheduler has not written to its cmasks");
		status = SCX_TEST_FAIL;
	}
	t->skel->bss->late_writes = 0;
	if (status == SCX_TEST_PASS)
		status = storm_after(t);
	cid_worker_stop(napper);
	cid_worker_stop(spinner);
	return status == SCX_TEST_PASS ? reload(t) : status;
}

struct scribbler {
	struct test *t;
	pthread_t thread;
	bool stop;
	u64 nr_passes;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	u64 *words = (u64 *)s->t->arena;
	size_t nr = s->t->arena_size / sizeof(u64), i;
	u64 x = 88172645463325252LLU, value;

	while (!READ_ONCE(s->stop)) {
		for (i = 0; i < nr && !READ_ONCE(s->stop); i++) {
			x ^= x << 13; /* xorshift */
			x ^= x >> 7;
			x ^= x << 17;
			value = x;
			if (s->nr_passes % 4 == 1)
				value = ~0LLU;
			else if (s->nr_passes % 4 == 2)
				value = 0x7fffffff7fffffff;
			WRITE_ONCE(words[i], value);
		}
		WRITE_ONCE(s->nr_passes, s->nr_passes + 1);
	}
	return NULL;
}

static enum scx_test_status run_scribble(void *ctx)
{
	struct test *t = ctx;
	struct scribbler s = { .t = t };
	enum scx_test_status status;
	bool enough;

	status = storm(t, true);
	if (status != SCX_TEST_PASS)
		return status;

	t->st->check = 0;
	SCX_FAIL_IF(pthread_create(&s.thread, NULL, scribble, &s), "No thread");
	do {
		u64 begun = READ_ONCE(s.nr_passes);

		status = storm(t, false);
		enough = CID_WAIT_FOR(READ_ONCE(s.nr_passes) > begun);
	} while (status == SCX_TEST_PASS && enough && READ_ONCE(s.nr_passes) < 8);
	WRITE_ONCE(s.stop, true);
	pthread_join(s.thread, NULL);
	SCX_FAIL_IF(!enough, "No pass over the arena in %d s", CID_PATIENCE_SECS);

	if (status == SCX_TEST_PASS)
		status = storm_after(t);
	return status == SCX_TEST_PASS ? reload(t) : status;
}

static struct scx_test tests[] = {
	{
		.name = "cid_hostile_free_page",
		.description = "Free the page behind the argument of ops.set_cmask()",
		.run = run_free_page,
	}, {
		.name = "cid_hostile_free_all",
		.description = "Free the whole arena",
		.run = run_free_all,
	}, {
		.name = "cid_hostile_header",
		.description = "Store bad values to the header of a cmask",
		.run = run_header,
	}, {
		.name = "cid_hostile_keep",
		.description = "Keep pointers to cmasks and write there later",
		.run = run_keep,
	}, {
		.name = "cid_hostile_scribble",
		.description = "Write to the whole arena from user space",
		.run = run_scribble,
	},
};

__attribute__((constructor))
static void cid_hostile_register(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		tests[i].setup = setup;
		tests[i].cleanup = cleanup;
		scx_test_register(&tests[i]);
	}
}
