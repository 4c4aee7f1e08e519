// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel access to arena memory under load
 *
 * Each subtest runs for its share of ARENA_KERN_STRESS_SECS seconds, by default
 * for one, and compares a model of what must be in the arena with what is there.
 * What its threads do is drawn from ARENA_KERN_STRESS_SEED, which is printed;
 * in which order they come to do it is the machine's affair.
 */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/perf_event.h>
#include <test_progs.h>
#include "cgroup_helpers.h"
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#include "arena_kern_stress.skel.h"
#define AK_OPS
#include "arena_kern.h"

#define NR_PAGES	65536	/* the most that there can be with pages of 64K */
#define NR_VICTIMS	16384	/* for the programs of arena_kern_stress.c alone */
#define MAX_DEAD	(NR_PAGES / 4)
#define MAX_WORKERS	16
#define MAX_EXTENTS	24
#define NR_RECENT	256

/* Who gets the slot of a page that is for visitors */
#define ID_CHILD	(MAX_WORKERS + 1)

static unsigned int stress_seed;
static int stress_secs;		/* 0: the short form */
static double secs_left;	/* of the subtest's share */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static __u64 mix(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static __u32 draw(__u64 *state, __u32 n)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return mix(*state) % n;
}

/*
 * The model. The state of a page is changed by compare-and-set, and by its owner
 * only; a page without an owner is free or dead. It has to be given up before it
 * is freed and claimed after it was allocated, so whoever finds it claimed by
 * another has been given what is not free.
 */
enum kind { FREE, BUSY, RESERVED, LIVE, KERN };

#define STATE(kind, id)	((kind) | (id) << 8)
#define KIND(state)	((state) & 0xff)
#define OWNER(state)	((state) >> 8 & 0xff)
#define PIN		0x10000		/* by who reads it: the owner cannot give it up */

struct page_model {
	__u32 state;
	__u32 gen;
	__u32 reports;	/* of its death */
};

/* Shared with a child process */
struct model {
	bool stop, failed;
	__u32 dead;
	__u32 recent[NR_RECENT], nr_recent;
	__u64 child_wrong[3];	/* page, read, expected */
	__u64 child_visits;
	struct page_model pages[NR_PAGES];
};

static struct model *m;

/* The same arena for all, programs and thus streams of its own for each */
struct extent {
	int first, cnt;
	enum kind kind;
	bool freed_over;	/* a free by BPF of the kernel's pages may be to come */
};

struct worker {
	struct ak ak;
	pthread_t thread;
	int id;
	__u64 rnd;
	char *buf;
	int nr_extents, owned, last_dead;
	struct extent extents[MAX_EXTENTS];
	__u64 steps, allocs, failures, deaths;
	int free_report;	/* page that the last FREE report was about */
};

static struct {
	struct worker main, workers[MAX_WORKERS];
	int nr_workers;
	struct arena_kern_stress *in_the_way;
	struct bpf_link *links[64];
	int nr_links;
	__u64 scratch;
	pid_t child;
	bool lossy;		/* memory is so short that frees may be lost */
} world;

static void stop(void)
{
	WRITE_ONCE(m->stop, true);
}

#define WRONG(fmt, args...) ({						\
	WRITE_ONCE(m->failed, true);					\
	stop();								\
	AK_FAIL(fmt, ##args);						\
})

static __u64 pattern(int page, __u32 gen, int word)
{
	return mix(((__u64)page << 32 | gen << 1 | word) ^ stress_seed);
}

/* Half of a page is its owner's, in the other half each visitor has a slot. */
static __u64 slot(struct worker *w, int page)
{
	return ak_page(&w->ak, page) + w->ak.page / 2 + w->id * 8;
}

static __thread sigjmp_buf segv_jmp;
static __thread volatile bool segv_expected;
static struct sigaction segv_old;

static void on_segv(int sig)
{
	if (segv_expected)
		siglongjmp(segv_jmp, 1);
	sigaction(SIGSEGV, &segv_old, NULL);
	raise(sig);
}

/* Accesses of user space. False: SIGSEGV */
static bool user_read(__u64 ptr, __u64 *val)
{
	bool ok = false;

	if (!sigsetjmp(segv_jmp, 0)) {
		segv_expected = true;
		*val = READ_ONCE(*(__u64 *)ptr);
		WRITE_ONCE(ok, true);
	}
	segv_expected = false;
	return READ_ONCE(ok);
}

static bool user_write(__u64 ptr, __u64 val)
{
	bool ok = false;

	if (!sigsetjmp(segv_jmp, 0)) {
		segv_expected = true;
		WRITE_ONCE(*(__u64 *)ptr, val);
		WRITE_ONCE(ok, true);
	}
	segv_expected = false;
	return READ_ONCE(ok);
}

/* Reports */

struct report {
	bool free;
	unsigned long long addr;
};

/*
 * Take the next one off a text. Returns 0 at its end, -1 if that is no whole report.
 * One of a leaf function may be followed by a paragraph on its caller.
 */
static int next_report(char **text, struct report *r)
{
	char *s = *text, *end, what[8];
	int len = 0;

	end = strstr(s, "\n\n");
	if (end && !strncmp(s, "Called from ", 12)) {
		*text = s = end + 2;
		end = strstr(s, "\n\n");
	}
	if (!*s)
		return 0;
	if (!end)
		return -1;
	end[1] = '\0';
	r->free = sscanf(s, "ERROR: Arena FREE of kernel-owned page at address 0x%llx\n%n",
			 &r->addr, &len) == 1;
	if (!r->free &&
	    sscanf(s, "ERROR: Arena %7s access at unmapped address 0x%llx\n%n", what,
		   &r->addr, &len) != 2)
		return -1;
	/* one for which there was too little room or memory ends early */
	if (!len || strstr(s + len, "ERROR:") ||
	    (s[len] && (strncmp(s + len, "CPU: ", 5) ||
			(strstr(s + len, "+0x") && !strstr(s + len, "\nCall trace:\n")))))
		return -1;
	*text = end + 2;
	return 1;
}

static int page_of(struct worker *w, __u64 addr)
{
	return addr - w->ak.base < (__u64)NR_PAGES * w->ak.page ?
	       (addr - w->ak.base) / w->ak.page : -1;
}

/* A report says that a page has died. That happens once, and not to an owned page. */
static bool died(struct worker *w, int page)
{
	__u32 state;
	__u64 pfn;

	if (__sync_fetch_and_add(&m->pages[page].reports, 1))
		return WRONG("page %d: a second report", page);
	state = READ_ONCE(m->pages[page].state);
	if (KIND(state) != FREE && KIND(state) != RESERVED)
		return WRONG("page %d is dead and %d of thread %d", page, KIND(state),
			     OWNER(state));
	pfn = ak_pfn(&w->ak, page);
	if (pfn != world.scratch)
		return WRONG("page %d: pfn %llx after the report, scratch %llx", page, pfn,
			     world.scratch);
	__sync_fetch_and_add(&m->dead, 1);
	w->last_dead = page;
	w->deaths++;
	return true;
}

/*
 * Everything on a stream has to be about a page of the range that was touched.
 * Accesses by the program itself are reported too and kill nothing. Returns the
 * number of reports, or -1.
 */
static int account(struct worker *w, int fd, int first, int cnt, bool kills)
{
	int page, ret, n = 0;
	struct report r;
	char *text;

	if (!ak_stderr(fd, w->buf, AK_STREAM_MAX))
		return 0;
	for (text = w->buf; (ret = next_report(&text, &r)) > 0; n++) {
		page = page_of(w, r.addr);
		if (page < first || page >= first + cnt) {
			WRONG("pages %d+%d were touched, report for %d", first, cnt, page);
			return -1;
		}
		if (r.free)
			w->free_report = page;
		else if (kills && !died(w, page))
			return -1;
	}
	if (ret < 0) {
		WRONG("no report: %.300s", text);
		return -1;
	}
	return n;
}

static bool silent(struct worker *w, int fd, int page)
{
	int n = account(w, fd, 0, NR_PAGES, false);

	return !n || WRONG("page %d: %d reports for an access to a live page", page, n);
}

static int prog_fd(struct worker *w, bool sleepable)
{
	return sleepable ? w->ak.fd : w->ak.fd_nonsleepable;
}

/* Read a word of the owner's in one of the ways that there are. */
static bool check_page(struct worker *w, int page, __u32 gen)
{
	int word = draw(&w->rnd, 2), how = draw(&w->rnd, 3);
	bool sleepable = draw(&w->rnd, 2);
	__u64 ptr = ak_page(&w->ak, page) + word * 8, val = 0;

	if (how == 0) {
		if (!user_read(ptr, &val))
			return WRONG("page %d: SIGSEGV at a live page", page);
	} else {
		val = AK_FROM(&w->ak, sleepable, .op = how == 1 ? AK_READ : AK_PROG_READ,
			      .ptr = ptr, .size = 8);
		if (!silent(w, prog_fd(w, sleepable), page))
			return false;
	}
	return val == pattern(page, gen, word) ||
	       WRONG("page %d: %s reads %llx, not %llx", page,
		     how == 0 ? "user space" : how == 1 ? "the kernel" : "the program", val,
		     pattern(page, gen, word));
}

static bool check_extent(struct worker *w, struct extent *e, int page)
{
	return e->kind == RESERVED || check_page(w, page, m->pages[page].gen);
}

static struct extent *any_extent(struct worker *w)
{
	return w->nr_extents ? &w->extents[draw(&w->rnd, w->nr_extents)] : NULL;
}

/* Somewhere, more often where something has been going on */
static int any_page(struct worker *w)
{
	__u32 n = min(READ_ONCE(m->nr_recent), NR_RECENT);

	if (n && draw(&w->rnd, 8))
		return READ_ONCE(m->recent[draw(&w->rnd, n)]);
	return NR_VICTIMS + draw(&w->rnd, NR_PAGES - NR_VICTIMS);
}

static int max_owned(struct worker *w)
{
	return (2 << 20) / w->ak.page;
}

static bool claim(struct worker *w, int page, enum kind kind)
{
	__u32 old = __sync_val_compare_and_swap(&m->pages[page].state, FREE, STATE(kind, w->id));

	return !old || WRONG("page %d was given to thread %d and is %d of thread %d", page,
			     w->id, KIND(old), OWNER(old));
}

/* False if somebody is just looking at it */
static bool give_up(struct worker *w, struct extent *e, int first, int cnt)
{
	int i;

	for (i = first; i < first + cnt; i++)
		if (!__sync_bool_compare_and_swap(&m->pages[i].state, STATE(e->kind, w->id), FREE))
			break;
	if (i == first + cnt)
		return true;
	while (--i >= first)
		__sync_bool_compare_and_swap(&m->pages[i].state, FREE, STATE(e->kind, w->id));
	return false;
}

/* Make a page that is new to the worker its own. */
static bool take_page(struct worker *w, int page, enum kind kind)
{
	struct page_model *p = &m->pages[page];
	__u64 ptr = ak_page(&w->ak, page), val[2] = {};
	int how = draw(&w->rnd, 3), i;

	if (READ_ONCE(p->reports))
		return WRONG("page %d was given to thread %d and is dead", page, w->id);
	p->gen++;
	for (i = 0; i < 2; i++) {
		if (!user_read(ptr + i * 8, &val[i]))
			return WRONG("page %d: SIGSEGV at a new page", page);
		if (val[i])
			return WRONG("page %d: has %llx, and is new", page, val[i]);
	}
	for (i = 0; i < 2; i++) {
		__u64 word = pattern(page, p->gen, i);

		if (how == 0 && !user_write(ptr + i * 8, word))
			return WRONG("page %d: SIGSEGV at a new page", page);
		if (how)
			AK(&w->ak, .op = how == 1 ? AK_WRITE : AK_PROG_WRITE, .ptr = ptr + i * 8,
			   .size = 8, .val = word);
	}
	if (how && !silent(w, w->ak.fd, page))
		return false;
	/* from here on others may look at it */
	__sync_bool_compare_and_swap(&p->state, STATE(BUSY, w->id), STATE(kind, w->id));
	m->recent[__sync_fetch_and_add(&m->nr_recent, 1) % NR_RECENT] = page;
	return true;
}

static bool add_extent(struct worker *w, int first, int cnt, enum kind kind)
{
	struct extent *e = &w->extents[w->nr_extents++];

	*e = (struct extent){ first, cnt, kind };
	w->owned += cnt;
	return true;
}

static bool take(struct worker *w, __u64 ptr, int cnt, enum kind kind)
{
	int first = page_of(w, ptr), i;
	__u32 bad;

	if (ptr % w->ak.page || first < NR_VICTIMS || first + cnt > NR_PAGES)
		return WRONG("thread %d: %d pages at %llx", w->id, cnt, ptr);
	for (i = 0; i < cnt; i++)
		if (!claim(w, first + i, BUSY))
			return false;
	bad = AK(&w->ak, .op = AK_COUNT_PFN, .ptr = ptr, .cnt = cnt, .val = world.scratch);
	bad += AK(&w->ak, .op = AK_COUNT_PFN, .ptr = ptr, .cnt = cnt, .val = 0);
	if (bad)
		return WRONG("pages %d+%d: %u of them are not live", first, cnt, bad);
	for (i = 0; i < cnt; i++)
		if (!take_page(w, first + i, kind))
			return false;
	w->allocs++;
	return add_extent(w, first, cnt, kind);
}

/*
 * Wait until all frees that were deferred so far have been carried out. The first
 * of two pages, freed one after the other, may go with what was queued before, and
 * its range is returned last; the second goes after that.
 */
static bool frees_settled(struct worker *w)
{
	__u64 ptr, pfn;
	int i, page;

	for (i = 0; i < 2; i++) {
		ptr = ak_alloc_wait(&w->ak, true, -1, 1);
		if (!ptr)
			return world.lossy || WRONG("not a single page can be had");
		page = page_of(w, ptr);
		pfn = ak_pfn(&w->ak, page);
		ak_free(&w->ak, false, page, 1);
		/* somebody may be given it at once */
		if (!ak_wait(ak_pfn(&w->ak, page) != pfn || READ_ONCE(m->pages[page].state)))
			return world.lossy || WRONG("page %d: a free was lost", page);
	}
	return true;
}

/* Free a part of what the worker has. */
static bool step_free(struct worker *w)
{
	struct extent *e = any_extent(w);
	bool sleepable = draw(&w->rnd, 2), front = draw(&w->rnd, 2);
	int cnt, first;

	if (!e)
		return true;
	cnt = draw(&w->rnd, 2) ? e->cnt : 1 + draw(&w->rnd, e->cnt);
	first = front ? e->first : e->first + e->cnt - cnt;
	if (!check_extent(w, e, first + draw(&w->rnd, cnt)))
		return false;
	/* all of it has to be there then */
	if (e->kind == KERN && e->freed_over) {
		if (!frees_settled(w))
			return !READ_ONCE(m->stop);
		e->freed_over = false;
	}
	if (!give_up(w, e, first, cnt))
		return true;
	if (e->kind == KERN)
		ak_kfree(&w->ak, first, cnt);
	else
		ak_free(&w->ak, sleepable, first, cnt);
	if (!silent(w, prog_fd(w, sleepable || e->kind == KERN), first))
		return false;
	w->owned -= cnt;
	e->cnt -= cnt;
	if (front)
		e->first += cnt;
	if (!e->cnt)
		*e = w->extents[--w->nr_extents];
	return true;
}

static bool step_alloc(struct worker *w)
{
	bool fixed = draw(&w->rnd, 2), kern = !draw(&w->rnd, 4), sleepable = draw(&w->rnd, 2);
	int page = fixed ? any_page(w) : -1, cnt = 1 + draw(&w->rnd, 16);
	__u64 ptr;

	/* more than a batch, now and then */
	if (!draw(&w->rnd, 256))
		cnt = min(ak_batch() * 3 / 2, (6 << 20) / w->ak.page);
	else if (w->nr_extents == MAX_EXTENTS || w->owned + cnt > max_owned(w))
		return step_free(w);
	if (w->nr_extents == MAX_EXTENTS || page + cnt > NR_PAGES)
		return true;
	if (fixed && world.in_the_way)
		WRITE_ONCE(world.in_the_way->bss->aim, page);
	if (kern)
		ptr = ak_kalloc(&w->ak, page, cnt);
	else
		ptr = ak_alloc(&w->ak, sleepable, page, cnt);
	if (!ptr) {
		w->failures++;
		/* there is memory, and most of the arena is free */
		return !kern || fixed || cnt > 16 || WRONG("no %d pages for the kernel", cnt);
	}
	if (fixed && ptr != ak_page(&w->ak, page))
		return WRONG("%llx instead of page %d", ptr, page);
	return take(w, ptr, cnt, kern ? KERN : LIVE);
}

static bool step_reserve(struct worker *w)
{
	bool sleepable = draw(&w->rnd, 2);
	int page = any_page(w), cnt = 1 + draw(&w->rnd, 8), i, ret;
	bool dead = false;

	if (w->nr_extents == MAX_EXTENTS || page + cnt > NR_PAGES)
		return true;
	for (i = 0; i < cnt; i++)
		dead |= READ_ONCE(m->pages[page + i].reports);
	ret = AK_FROM(&w->ak, sleepable, .op = AK_RESERVE, .ptr = ak_page(&w->ak, page),
		      .cnt = cnt);
	if (ret == -EBUSY || ret == -ENOMEM)
		return true;
	if (ret || dead)
		return WRONG("reserve pages %d+%d: %d, dead %d", page, cnt, ret, dead);
	for (i = 0; i < cnt; i++)
		if (!claim(w, page + i, RESERVED))
			return false;
	return add_extent(w, page, cnt, RESERVED);
}

/* User space faults in the first of the reserved pages, unless it has died meanwhile. */
static bool step_fault_in(struct worker *w)
{
	struct extent *e = any_extent(w);
	int page, tries;
	__u64 val, pfn;

	if (!e || e->kind != RESERVED || w->nr_extents == MAX_EXTENTS)
		return true;
	page = e->first;
	for (tries = 0; !user_read(ak_page(&w->ak, page), &val); tries++) {
		pfn = ak_pfn(&w->ak, page);
		if (pfn == world.scratch)
			break;
		/* it takes memory, for which nobody waits */
		if (pfn || (tries == 1000 && !world.lossy))
			return WRONG("page %d: SIGSEGV, pfn %llx, scratch %llx", page, pfn,
				     world.scratch);
		if (tries == 1000)
			return true;
	}
	pfn = ak_pfn(&w->ak, page);
	__sync_bool_compare_and_swap(&m->pages[page].state, STATE(RESERVED, w->id),
				     pfn == world.scratch ? FREE : STATE(BUSY, w->id));
	w->owned--;
	e->first++;
	if (!--e->cnt)
		*e = w->extents[--w->nr_extents];
	return pfn == world.scratch ||
	       (take_page(w, page, LIVE) && add_extent(w, page, 1, LIVE));
}

/* Kernel code touches some pages: those that are free die. */
static bool step_touch(struct worker *w)
{
	int page = any_page(w), cnt = 1 + draw(&w->rnd, 4), how = draw(&w->rnd, 4);
	bool sleepable = draw(&w->rnd, 2);

	if (page + cnt > NR_PAGES)
		return true;
	if (how == 0) {
		AK_FROM(&w->ak, sleepable, .op = AK_TOUCH, .ptr = ak_page(&w->ak, page),
			.size = w->ak.page, .cnt = cnt);
	} else {
		cnt = 1;
		AK_FROM(&w->ak, sleepable, .op = how == 1 ? AK_READ : how == 2 ? AK_WRITE :
			AK_ATOMIC, .ptr = slot(w, page), .size = 8, .val = w->rnd, .how =
			TEST_ARENA_ADD);
	}
	return account(w, prog_fd(w, sleepable), page, cnt, true) >= 0;
}

/* So does the program. They do not die of that. */
static bool step_prog(struct worker *w)
{
	bool sleepable = draw(&w->rnd, 2);
	int page = any_page(w);

	AK_FROM(&w->ak, sleepable, .op = draw(&w->rnd, 2) ? AK_PROG_READ : AK_PROG_WRITE,
		.ptr = slot(w, page), .val = w->rnd);
	return account(w, prog_fd(w, sleepable), page, 1, false) >= 0;
}

static bool pin(int page)
{
	__u32 state = READ_ONCE(m->pages[page].state);

	return (KIND(state) == LIVE || KIND(state) == KERN) &&
	       __sync_bool_compare_and_swap(&m->pages[page].state, state, state + PIN);
}

static void unpin(int page)
{
	__sync_fetch_and_sub(&m->pages[page].state, PIN);
}

/* A live page looks the same to all. */
static bool step_visit(struct worker *w)
{
	int page = any_page(w);
	bool ok;

	if (!pin(page))
		return true;
	ok = check_page(w, page, READ_ONCE(m->pages[page].gen));
	unpin(page);
	return ok;
}

/* Nothing brings a dead page back. */
static bool step_dead(struct worker *w)
{
	bool sleepable = draw(&w->rnd, 2);
	int page = w->last_dead, n;
	__u64 val;

	if (!page)
		return true;
	switch (draw(&w->rnd, 5)) {
	case 0:
		/* a free that is under way has not come to user space yet */
		if (!ak_wait(!user_read(ak_page(&w->ak, page), &val)))
			return WRONG("page %d: user space reads a dead page", page);
		break;
	case 1:
		if (ak_alloc(&w->ak, sleepable, page, 1) || ak_kalloc(&w->ak, page, 1))
			return WRONG("page %d: alloc of a dead page", page);
		break;
	case 2:
		ak_free(&w->ak, sleepable, page, 1);
		break;
	case 3:
		ak_kfree(&w->ak, page, 1);
		break;
	case 4:
		AK_FROM(&w->ak, sleepable, .op = AK_WRITE, .ptr = slot(w, page), .size = 8);
		break;
	}
	n = account(w, prog_fd(w, sleepable), page, 1, false);
	val = ak_pfn(&w->ak, page);
	return (!n && val == world.scratch) ||
	       WRONG("page %d was dead: %d reports, pfn %llx", page, n, val);
}

/* A free by BPF goes around the kernel's pages, and says so. */
static bool step_free_over(struct worker *w)
{
	struct extent *e = any_extent(w);
	bool sleepable = draw(&w->rnd, 2);
	int n;

	if (!e || e->kind != KERN)
		return true;
	e->freed_over = true;
	w->free_report = -1;
	ak_free(&w->ak, sleepable, e->first, e->cnt);
	n = account(w, prog_fd(w, sleepable), e->first, e->cnt, false);
	/* a report may be lost when memory is short */
	if (n > 1 || (n == 1 && w->free_report != e->first))
		return WRONG("pages %d+%d are the kernel's: %d reports of a free, the last for %d",
			     e->first, e->cnt, n, w->free_report);
	return check_extent(w, e, e->first + draw(&w->rnd, e->cnt));
}

static bool check_all(struct worker *w)
{
	int i, page;

	for (i = 0; i < w->nr_extents; i++)
		for (page = w->extents[i].first; page < w->extents[i].first + w->extents[i].cnt;
		     page++)
			if (!check_extent(w, &w->extents[i], page))
				return false;
	return true;
}

static void *work(void *arg)
{
	static bool (*const steps[])(struct worker *w) = {
		step_alloc, step_alloc, step_free, step_free, step_reserve, step_fault_in,
		step_fault_in, step_touch, step_prog, step_visit, step_dead, step_free_over,
	};
	struct worker *w = arg;
	struct extent *e;

	while (!READ_ONCE(m->stop)) {
		if (!steps[draw(&w->rnd, ARRAY_SIZE(steps))](w))
			break;
		e = any_extent(w);
		if (e && !check_extent(w, e, e->first + draw(&w->rnd, e->cnt)))
			break;
		w->steps++;
		if (w->steps % 256 == 0 && !check_all(w))
			break;
	}
	return NULL;
}

/* Another process maps the arena, looks at pages and unmaps it, over and over. */
static void child_main(void)
{
	struct worker *w = &world.main;
	size_t size = (size_t)NR_PAGES * w->ak.page;
	int fd = bpf_map__fd(w->ak.skel->maps.arena), page, n;
	__u64 val, want;
	void *mem;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	w->id = ID_CHILD;
	while (!READ_ONCE(m->stop)) {
		mem = mmap((void *)w->ak.base, size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, 0);
		if (mem == MAP_FAILED)
			_exit(errno);
		for (n = 0; n < 64; n++) {
			page = any_page(w);
			if (!pin(page))
				continue;
			want = pattern(page, READ_ONCE(m->pages[page].gen), 0);
			val = ~want;
			if (!user_write(slot(w, page), want) ||
			    !user_read(ak_page(&w->ak, page), &val) || val != want ||
			    !user_read(slot(w, page), &val) || val != want) {
				m->child_wrong[0] = page;
				m->child_wrong[1] = val;
				m->child_wrong[2] = want;
				stop();
			}
			unpin(page);
			m->child_visits++;
		}
		munmap(mem, size);
	}
	_exit(0);
}

/* What the programs that are in the way have done: only that much at a time fits a stream. */
static bool drain(void)
{
	struct arena_kern_stress *skel = world.in_the_way;
	struct bpf_program *progs[] = {
		skel->progs.on_range_tree_clear, skel->progs.on_hook, skel->progs.on_perf,
	};
	__u32 victims = READ_ONCE(skel->bss->victims), i;

	for (i = 0; i < ARRAY_SIZE(progs); i++) {
		int fd = bpf_program__fd(progs[i]);

		if (fd >= 0 && account(&world.main, fd, 0, NR_PAGES, true) < 0)
			return false;
	}
	WRITE_ONCE(skel->bss->allowed, min(victims + 8, NR_VICTIMS));
	return true;
}

/* A quiet ak_open(), for those who do it often; @arena_fd if the arena exists. */
static bool open_arena(struct ak *ak, int arena_fd, __u32 pages)
{
	struct arena_kern_ops *skel;

	memset(ak, 0, sizeof(*ak));
	skel = arena_kern_ops__open();
	if (!skel)
		return false;
	bpf_program__set_autoload(skel->progs.no_arena, false);
	bpf_program__set_autoload(skel->progs.look_inside, false);
	if ((arena_fd < 0 ? bpf_map__set_max_entries(skel->maps.arena, pages) :
			    bpf_map__reuse_fd(skel->maps.arena, arena_fd)) ||
	    arena_kern_ops__load(skel)) {
		arena_kern_ops__destroy(skel);
		return false;
	}
	ak->skel = skel;
	ak->fd = bpf_program__fd(skel->progs.sleepable);
	ak->fd_nonsleepable = bpf_program__fd(skel->progs.nonsleepable);
	ak->base = arena_fd < 0 ? ak_map_base(skel->maps.arena) : 0;
	ak->page = getpagesize();
	return true;
}

static bool open_worker(struct worker *w, int id, int arena_fd)
{
	memset(w, 0, sizeof(*w));
	w->id = id;
	w->rnd = mix((__u64)id << 32 | stress_seed);
	w->buf = malloc(AK_STREAM_MAX);
	if (!w->buf || !open_arena(&w->ak, arena_fd, NR_PAGES))
		return AK_FAIL("cannot open thread %d's programs: %d", id, errno);
	if (arena_fd >= 0)
		w->ak.base = world.main.ak.base;
	return true;
}

static void close_worker(struct worker *w)
{
	if (w->ak.skel)
		ak_close(&w->ak);
	free(w->buf);
	memset(w, 0, sizeof(*w));
}

/* Who is in the way of the workers */
#define WITH_LOCK	1	/* a program under the arena's lock */
#define WITH_NMI	2	/* a program in NMI */
#define WITH_MAPS	4	/* threads that create and destroy other arenas */
#define WITH_LIMIT	8	/* a full memory cgroup */

static bool attach(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach(prog);

	if (!link)
		return AK_FAIL("%s is not attached: %d", bpf_program__name(prog), errno);
	world.links[world.nr_links++] = link;
	return true;
}

/* There are perf events in NMI only where there is a PMU. */
static void attach_perf(struct bpf_program *prog)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.size = sizeof(attr),
		.sample_period = 1000000,
	};
	struct bpf_link *link;
	int cpu, fd;

	for (cpu = 0; cpu < min(get_nprocs(), ARRAY_SIZE(world.links) - 8); cpu++) {
		fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
		if (fd < 0)
			return;
		link = bpf_program__attach_perf_event(prog, fd);
		if (link)
			world.links[world.nr_links++] = link;
		else
			close(fd);
	}
}

static void detach_all(void)
{
	while (world.nr_links)
		bpf_link__destroy(world.links[--world.nr_links]);
}

static bool get_in_the_way(int with)
{
	struct arena_kern_stress *skel = arena_kern_stress__open();
	struct bpf_program *prog;

	if (!skel)
		return AK_FAIL("cannot open programs: %d", errno);
	world.in_the_way = skel;
	if (!(with & WITH_LOCK))
		bpf_program__set_autoload(skel->progs.on_range_tree_clear, false);
	if (!(with & WITH_NMI)) {
		bpf_program__set_autoload(skel->progs.on_hook, false);
		bpf_program__set_autoload(skel->progs.on_perf, false);
	}
	skel->bss->base = world.main.ak.base;
	skel->bss->page_size = getpagesize();
	skel->bss->nr_pages = NR_PAGES;
	skel->bss->nr_victims = NR_VICTIMS;
	if (bpf_map__reuse_fd(skel->maps.arena, bpf_map__fd(world.main.ak.skel->maps.arena)) ||
	    arena_kern_stress__load(skel))
		return AK_FAIL("cannot load programs: %d", errno);
	bpf_object__for_each_program(prog, skel->obj)
		if (bpf_program__autoload(prog) && prog != skel->progs.on_perf && !attach(prog))
			return false;
	if (with & WITH_NMI)
		attach_perf(skel->progs.on_perf);
	return true;
}

static bool open_world(int with)
{
	int i, err, fd;

	memset(&world, 0, sizeof(world));
	world.lossy = with & WITH_LIMIT;
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return AK_FAIL("mmap: %d", errno);
	if (!open_worker(&world.main, 0, -1) || !get_in_the_way(with))
		return false;
	fd = bpf_map__fd(world.main.ak.skel->maps.arena);
	world.nr_workers = max(4, min(get_nprocs(), MAX_WORKERS));
	for (i = 0; i < world.nr_workers; i++)
		if (!open_worker(&world.workers[i], i + 1, fd))
			return false;

	world.scratch = ak_kill(&world.main.ak, NR_PAGES - 1);
	m->pages[NR_PAGES - 1].reports = 1;
	m->dead = 1;
	err = AK(&world.main.ak, .op = AK_RESERVE, .ptr = world.main.ak.base, .cnt = NR_VICTIMS);
	for (i = 0; i < NR_VICTIMS; i++)
		m->pages[i].state = STATE(RESERVED, 0);
	return (world.scratch && !err) ||
	       AK_FAIL("scratch page %llx, reserve %d", world.scratch, err);
}

static void close_world(void)
{
	int i;

	detach_all();
	arena_kern_stress__destroy(world.in_the_way);
	for (i = 0; i < world.nr_workers; i++)
		close_worker(&world.workers[i]);
	close_worker(&world.main);
	munmap(m, sizeof(*m));
}

static __u32 count(int first, int cnt, __u64 pfn)
{
	struct ak *ak = &world.main.ak;

	return AK(ak, .op = AK_COUNT_PFN, .ptr = ak_page(ak, first), .cnt = cnt, .val = pfn);
}

static int count_live(void)
{
	return NR_PAGES - count(0, NR_PAGES, 0) - count(0, NR_PAGES, world.scratch);
}

static struct {
	__u64 steps, allocs, failures, deaths, visits, maps;
	__u32 nmis, perf_nmis, under_lock, lost;
} total;

/*
 * How many reports may there have been no memory for? A failure in NMI is missed when
 * its CPU has been counting one.
 */
static int lost_at_most(void)
{
	struct arena_kern_stress *skel = world.in_the_way;
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	ASSERT_OK(bpf_prog_get_info_by_fd(bpf_program__fd(skel->progs.on_kmalloc_nolock), &info,
					  &len), "info");
	return skel->bss->nolock_failures + info.recursion_misses;
}

/* Nothing runs any more: everything has to be as the model says, in the end empty. */
static bool check_world(void)
{
	struct ak *ak = &world.main.ak;
	int i, page, run, live = 0, dead, lost, victims;
	struct worker *w;
	struct extent *e;
	bool ok;

	detach_all();
	if (!drain())
		return false;
	for (page = 0; page < NR_PAGES; page++)
		live += KIND(m->pages[page].state) == LIVE || KIND(m->pages[page].state) == KERN;
	if (!ak_wait(count_live() == live) && (!world.lossy || count_live() < live))
		return AK_FAIL("%d pages are live instead of %d", count_live(), live);

	/* each report was of a page of its own */
	dead = count(0, NR_PAGES, world.scratch);
	lost = dead - m->dead;
	total.lost += lost;
	if (lost < 0 || lost > lost_at_most())
		return AK_FAIL("%d pages are dead, %u were reported, %d times no memory", dead,
			       m->dead, lost_at_most());
	victims = world.in_the_way->bss->victims;
	if (count(0, victims, world.scratch) != victims)
		return AK_FAIL("of %d pages that were touched %u are dead", victims,
			       count(0, victims, world.scratch));

	for (i = 0; i < world.nr_workers; i++) {
		w = &world.workers[i];
		if (!check_all(w) || !frees_settled(&world.main))
			return false;
		for (e = w->extents; e < w->extents + w->nr_extents; e++)
			if (e->kind == KERN)
				ak_kfree(ak, e->first, e->cnt);
			else
				ak_free(ak, i % 2, e->first, e->cnt);
	}
	ak_free(ak, true, 0, NR_VICTIMS);
	if (world.lossy)
		return true;
	if (!ak_wait(!count_live()))
		return AK_FAIL("%d pages are left", count_live());
	/* what is not dead is in the range tree, in pieces as large as can be */
	for (page = 0; page < NR_PAGES && !lost; page += run + 1) {
		for (run = 0; page + run < NR_PAGES && !m->pages[page + run].reports; run++)
			;
		if (!run)
			continue;
		ok = ak_wait(!AK(ak, .op = AK_RESERVE, .ptr = ak_page(ak, page), .cnt = run));
		if (!ok)
			return AK_FAIL("pages %d+%d are free but cannot be reserved", page, run);
	}
	return lost || !ak_alloc(ak, true, -1, 1) || AK_FAIL("alloc when nothing is left");
}

/* A cgroup that is always full, of memory that can be reclaimed at once */

#define CGROUP "/arena_kern_stress"
#define LIMIT (24 << 20)	/* more than the workers may own */

static struct {
	int cgroup;
	pid_t filler;
	long before;
} limit;

static long limit_value(const char *file, const char *key)
{
	char buf[512] = {}, *s;
	int fd;

	fd = openat(limit.cgroup, file, O_RDONLY);
	if (fd < 0)
		return -1;
	read(fd, buf, sizeof(buf) - 1);
	close(fd);
	s = strstr(buf, key);
	return s ? atol(s + strlen(key)) : -1;
}

static void filler_main(void)
{
	const size_t piece = 1 << 18;
	size_t i, n;
	char *mem;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mem = mmap(NULL, LIMIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(mem, LIMIT, MADV_NOHUGEPAGE);
	for (n = 0;; n++) {
		for (i = 0; i < piece; i += getpagesize())
			mem[n * piece % LIMIT + i] = 1;
		madvise(mem + n * piece % LIMIT, piece, MADV_FREE);
	}
}

/* The arena is the cgroup's, the threads are not. */
static bool limit_world(void)
{
	long max = limit_value("memory.current", "") + LIMIT;
	char buf[32];

	limit.filler = fork();
	if (!limit.filler)
		filler_main();
	snprintf(buf, sizeof(buf), "%ld", max);
	if (join_root_cgroup() || write_cgroup_file(CGROUP, "memory.max", buf))
		return AK_FAIL("cannot limit the cgroup: %d", errno);
	return ak_wait(limit_value("memory.current", "") > max - (1 << 20)) ||
	       AK_FAIL("the cgroup is not full");
}

static bool limit_gone(void)
{
	/* what may be charged and not used, or used and not yet uncharged */
	long slack = (64L * get_nprocs_conf() + 256) * getpagesize();
	bool ok = true;
	int status;

	if (limit.filler > 0) {
		ok = !waitpid(limit.filler, &status, WNOHANG);
		if (!ok)
			AK_FAIL("the cgroup ran out of memory");
		kill(limit.filler, SIGKILL);
		waitpid(limit.filler, &status, 0);
		limit.filler = 0;
	}
	write_cgroup_file(CGROUP, "memory.max", "max");
	if (!ak_wait(limit_value("memory.current", "") - limit.before < slack))
		ok = AK_FAIL("%ld bytes were charged before, %ld are now", limit.before,
			     limit_value("memory.current", ""));
	return ok;
}

static void *send_nmis(void *arg)
{
	while (!READ_ONCE(m->stop) && !ak_param_write("run", TEST_ARENA_RUN_NMI_OTHERS))
		;
	return NULL;
}

static void *make_maps(void *arg);

/* Threads that come with the workers */
static const struct {
	int with, cnt;
	void *(*fn)(void *arg);
} extras[] = {
	{ WITH_NMI, 1, send_nmis },
	{ WITH_MAPS, 2, make_maps },
};

static bool start(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	int err = pthread_create(thread, NULL, fn, arg);

	return !err || WRONG("pthread_create: %d", err);
}

/* What there is to check in the end */
static bool something_happened(void)
{
	return READ_ONCE(m->nr_recent) && READ_ONCE(m->dead) > 1 && READ_ONCE(m->child_visits);
}

static bool run_world(int with)
{
	/* pages that make_maps() holds are looked at when it is done */
	double secs = min(secs_left, with & WITH_MAPS ? 10 : secs_left), began = now();
	int i, nr_threads = 0, status = 0, ticks = 0;
	pthread_t threads[MAX_WORKERS + 8];

	world.child = fork();
	if (!world.child)
		child_main();
	for (i = 0; i < world.nr_workers; i++)
		nr_threads += start(&threads[nr_threads], work, &world.workers[i]);
	for (i = 0; i < ARRAY_SIZE(extras); i++) {
		int n = with & extras[i].with ? extras[i].cnt : 0;

		while (n--)
			nr_threads += start(&threads[nr_threads], extras[i].fn, NULL);
	}

	while (!READ_ONCE(m->stop) && READ_ONCE(m->dead) < MAX_DEAD &&
	       now() - began < (something_happened() ? secs : secs + 60) &&
	       READ_ONCE(world.in_the_way->bss->victims) < NR_VICTIMS - 1024 && drain()) {
		/* longer than anybody waits for the lock, now and then */
		if (with & WITH_LOCK && ++ticks % 2048 == 500)
			WRITE_ONCE(world.in_the_way->bss->delay_ms, 1500);
		usleep(1000);
	}
	stop();
	while (nr_threads)
		pthread_join(threads[--nr_threads], NULL);
	secs_left -= now() - began;

	if (waitpid(world.child, &status, 0) != world.child || status)
		return AK_FAIL("the child process ended with status %x", status);
	if (m->child_wrong[1] != m->child_wrong[2])
		return AK_FAIL("page %llu: another process reads %llx, not %llx", m->child_wrong[0],
			       m->child_wrong[1], m->child_wrong[2]);
	for (i = 0; i < world.nr_workers; i++) {
		total.steps += world.workers[i].steps;
		total.allocs += world.workers[i].allocs;
		total.failures += world.workers[i].failures;
		total.deaths += world.workers[i].deaths;
	}
	total.visits += m->child_visits;
	total.nmis += world.in_the_way->bss->nmis;
	total.perf_nmis += world.in_the_way->bss->perf_nmis;
	total.under_lock += world.in_the_way->bss->under_lock;
	return !m->failed && (something_happened() || AK_FAIL("not much has happened"));
}

static bool maps_gone(void);

/* A new arena from time to time, for there are more and more dead pages. */
static bool worlds(int with)
{
	bool ok, limited = with & WITH_LIMIT;

	do {
		ok = open_world(with) && (!limited || limit_world()) && run_world(with) &&
		     check_world();
		close_world();
		if (limited)
			ok &= limit_gone() && !join_cgroup(CGROUP);
		if (with & WITH_MAPS)
			ok &= maps_gone();
		stress_seed++;
	} while (ok && secs_left > 0);
	return ok;
}

static void mixed(void)
{
	worlds(0);
}

static void own_lock(void)
{
	if (worlds(WITH_LOCK))
		ASSERT_GT(total.under_lock, 0, "faults under the lock");
}

/* By perf events, where a counter's overflow is an NMI, and by the module, where it can */
static void nmi(void)
{
	if (!worlds(WITH_NMI) || total.nmis + total.perf_nmis)
		return;
#ifdef __x86_64__
	AK_FAIL("the module ran nothing in NMI");
#else
	ak_skip("neither perf events nor the module run in NMI here");
#endif
}

static void memcg(void)
{
	limit.cgroup = cgroup_setup_and_join(CGROUP);
	if (!ASSERT_OK_FD(limit.cgroup, "cgroup"))
		return;
	limit.before = limit_value("memory.current", "");
	if (worlds(WITH_LIMIT)) {
		ASSERT_GT(limit_value("memory.events", "max "), 0, "limit met");
		ASSERT_EQ(limit_value("memory.events", "oom_kill "), 0, "processes killed");
	}
	ASSERT_OK(join_root_cgroup(), "leave");
	remove_cgroup(CGROUP);
	ASSERT_EQ(limit_value("memory.current", ""), -1, "removed");
	close(limit.cgroup);
	cleanup_cgroup_environment();
}

/*
 * Arenas that come and go. Of each, the scratch page, one of BPF's pages and one of
 * the kernel's are held, to see that the map drops its reference, and drops it once.
 */
#define MAX_AREAS 6	/* KASAN has much memory for the shadow of each */

static int sparse_areas(void)
{
	char line[256];
	int n = 0;
	FILE *f;

	f = fopen("/proc/vmallocinfo", "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += !!strstr(line, " sparse");
	fclose(f);
	return n;
}

/* Without programs. User space alone uses it. */
static bool make_bare_map(int pages)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	size_t size = (size_t)pages * getpagesize(), i;
	void *mem;
	int fd;

	fd = bpf_map_create(BPF_MAP_TYPE_ARENA, "bare", 0, 0, pages, &opts);
	if (fd < 0)
		return WRONG("cannot create an arena: %d", errno);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mem == MAP_FAILED)
		return WRONG("cannot map an arena: %d", errno);
	for (i = 0; i < size; i += size / 32)
		user_write((__u64)mem + i, i);
	munmap(mem, size);
	return true;
}

static bool make_map(int pages)
{
	const int dead = 64, cnt = 16;
	struct ak ak;
	__u64 pfn, found;
	int i;

	if (!open_arena(&ak, -1, pages))
		return WRONG("cannot open an arena: %d", errno);
	AK(&ak, .op = AK_TOUCH, .ptr = ak_page(&ak, 100), .size = ak.page, .cnt = dead);
	pfn = ak_pfn(&ak, 100);
	found = AK(&ak, .op = AK_COUNT_PFN, .ptr = ak_page(&ak, 100), .cnt = dead, .val = pfn);
	if (!pfn || found != dead)
		return WRONG("of %d pages that were touched not all are dead", dead);
	/* by BPF this may fail, when no free page is at hand */
	ak_alloc(&ak, true, 0, cnt);
	ak_alloc(&ak, false, 300, cnt);
	if (!ak_kalloc(&ak, 200, cnt))
		return WRONG("no pages for the kernel");
	for (i = 0; i < 3; i++)
		AK(&ak, .op = AK_HOLD, .ptr = ak_page(&ak, i * 100));
	ak_close(&ak);
	return true;
}

static void *make_maps(void *arg)
{
	while (!READ_ONCE(m->stop)) {
		if (sparse_areas() >= MAX_AREAS)
			usleep(1000);
		else if (make_map(4096) && make_bare_map(4096))
			__sync_fetch_and_add(&total.maps, 2);
	}
	return NULL;
}

/* Nobody has references on the pages but the module. */
static bool all_dropped(void)
{
	char buf[4096];

	return !ak_param_read("held", buf, sizeof(buf)) && !strstr(buf, "11") &&
	       strspn(buf, "\n 1") == strlen(buf);
}

static int areas_before;

static bool maps_gone(void)
{
	char buf[4096];
	bool ok = true;

	if (!ak_wait(all_dropped())) {
		ak_param_read("held", buf, sizeof(buf));
		ok = AK_FAIL("references: %s", buf);
	}
	if (!ak_wait(sparse_areas() == areas_before))
		ok = AK_FAIL("%d sparse areas before, %d after", areas_before, sparse_areas());
	return !ak_param_write("held", 0) && ok;
}

static void maps(void)
{
	areas_before = sparse_areas();
	if (worlds(WITH_MAPS))
		ASSERT_GT(total.maps, 0, "maps");
}

/*
 * All threads do something to the same page at the same moment, over and over with
 * another page, and there are only so many ways in which that can end.
 */
#define NR_CLASHES 16	/* from one look at the outcome to the next */

enum clash_op {
	CLASH_READ, CLASH_WRITE, CLASH_PROG, CLASH_USER, CLASH_RESERVE, CLASH_ALLOC, CLASH_KALLOC,
	CLASH_FREE, CLASH_KFREE, NR_CLASH_OPS,
};

static const char *const clash_names[] = {
	"read", "write", "prog", "user", "reserve", "alloc", "kalloc", "free", "kfree",
};

struct clash {
	int page;
	enum kind was;
	__u64 was_pfn;
	bool frees;		/* may be among the operations */
	__u32 ready;
	struct {
		enum clash_op op;
		bool sleepable, ok;	/* had the page, or could access it */
		int reports;
	} results[MAX_WORKERS];
};

static struct clash clashes[NR_CLASHES];
static pthread_barrier_t clash_turns;	/* around a turn, for the main thread too */
static pthread_barrier_t clash_starts;	/* before each page */

static __u64 clash_value(struct clash *c, int id)
{
	return mix(c->page) << 8 | id;
}

static void clash_act(struct worker *w, struct clash *c)
{
	enum clash_op op = draw(&w->rnd, c->frees ? NR_CLASH_OPS : CLASH_FREE);
	bool s = draw(&w->rnd, 2) || op == CLASH_KFREE || op == CLASH_KALLOC, ok = true;
	__u64 ptr = ak_page(&w->ak, c->page), val = clash_value(c, w->id);
	int tries = 0;

	switch (op) {
	case CLASH_READ:
		AK_FROM(&w->ak, s, .op = AK_READ, .ptr = ptr, .size = 8);
		break;
	case CLASH_WRITE:
		AK_FROM(&w->ak, s, .op = AK_WRITE, .ptr = slot(w, c->page), .size = 8, .val = val);
		break;
	case CLASH_PROG:
		AK_FROM(&w->ak, s, .op = AK_PROG_WRITE, .ptr = slot(w, c->page), .val = val);
		break;
	case CLASH_USER:
		/* it takes memory, for which nobody waits */
		while (!(ok = user_write(slot(w, c->page), val)) &&
		       ak_pfn(&w->ak, c->page) != world.scratch && tries++ < 1000)
			;
		break;
	case CLASH_RESERVE:
		ok = !AK_FROM(&w->ak, s, .op = AK_RESERVE, .ptr = ptr, .cnt = 1);
		break;
	case CLASH_ALLOC:
		ok = ak_alloc(&w->ak, s, c->page, 1);
		break;
	case CLASH_KALLOC:
		ok = ak_kalloc(&w->ak, c->page, 1);
		break;
	case CLASH_FREE:
		ak_free(&w->ak, s, c->page, 1);
		break;
	case CLASH_KFREE:
		ak_kfree(&w->ak, c->page, 1);
		break;
	case NR_CLASH_OPS:
		break;
	}
	c->results[w->id - 1].op = op;
	c->results[w->id - 1].sleepable = s;
	c->results[w->id - 1].ok = ok;
	c->results[w->id - 1].reports = account(w, prog_fd(w, s), c->page, 1, op <= CLASH_WRITE);
}

static void *clash_work(void *arg)
{
	struct worker *w = arg;
	struct clash *c;

	for (;;) {
		pthread_barrier_wait(&clash_turns);
		if (READ_ONCE(m->stop))
			return NULL;
		for (c = clashes; c < clashes + NR_CLASHES; c++) {
			pthread_barrier_wait(&clash_starts);
			/* that wakes one after the other */
			__atomic_fetch_add(&c->ready, 1, __ATOMIC_ACQ_REL);
			while (__atomic_load_n(&c->ready, __ATOMIC_ACQUIRE) != world.nr_workers)
				sched_yield();
			clash_act(w, c);
		}
		pthread_barrier_wait(&clash_turns);
	}
}

static bool clash_wrong(const char *rule, struct clash *c, __u64 pfn)
{
	char buf[512];
	int i, n = 0;

	for (i = 0; i < world.nr_workers; i++)
		n += snprintf(buf + n, sizeof(buf) - n, " %s%s %d, %d reports;",
			      clash_names[c->results[i].op],
			      c->results[i].sleepable ? "" : "(nonsleepable)",
			      c->results[i].ok, c->results[i].reports);
	return WRONG("page %d: not %s: was %d with pfn %llx, is %llx, scratch %llx;%s", c->page,
		     rule, c->was, c->was_pfn, pfn, world.scratch, buf);
}

#define MUST(cond) do {							\
	if (!(cond))							\
		return clash_wrong(#cond, c, pfn);			\
} while (0)

static bool clash_check(struct clash *c, bool lost)
{
	int had[NR_CLASH_OPS] = {}, tried[NR_CLASH_OPS] = {}, reports[NR_CLASH_OPS] = {};
	__u64 pfn = ak_pfn(&world.main.ak, c->page), val;
	bool dead = pfn == world.scratch, live = pfn && !dead;
	int got, touched, deaths, freed, i;
	struct ak *ak = &world.main.ak;

	for (i = 0; i < world.nr_workers; i++) {
		tried[c->results[i].op]++;
		had[c->results[i].op] += c->results[i].ok;
		reports[c->results[i].op] += c->results[i].reports;
	}
	freed = tried[CLASH_FREE] + tried[CLASH_KFREE];
	got = had[CLASH_ALLOC] + had[CLASH_KALLOC];
	touched = tried[CLASH_READ] + tried[CLASH_WRITE];
	deaths = reports[CLASH_READ] + reports[CLASH_WRITE];

	MUST(deaths == dead || (lost && !deaths));
	MUST(pfn || !touched || freed);
	MUST(got + had[CLASH_RESERVE] + (c->was != FREE) <= freed + 1);
	MUST(live || !had[CLASH_KALLOC] || tried[CLASH_KFREE]);
	if ((c->was == LIVE && !tried[CLASH_FREE]) || (c->was == KERN && !tried[CLASH_KFREE])) {
		MUST(pfn == c->was_pfn);
		MUST(had[CLASH_USER] == tried[CLASH_USER] && !reports[CLASH_PROG]);
		MUST(c->was == LIVE || reports[CLASH_FREE] == tried[CLASH_FREE] || lost);
	} else if (!freed) {
		MUST(dead || had[CLASH_USER] == tried[CLASH_USER]);
		MUST(!dead || (!got && !had[CLASH_USER]));
		MUST(!live || got || had[CLASH_USER]);
		MUST(live || (!got && !had[CLASH_USER]));
	}
	/* once it was there it has stayed, and so has all that could be written to it */
	for (i = 0; i < world.nr_workers && live && !freed; i++) {
		if (c->results[i].op != CLASH_WRITE && c->results[i].op != CLASH_USER &&
		    (c->results[i].op != CLASH_PROG || c->results[i].reports))
			continue;
		MUST(user_read(slot(&world.workers[i], c->page), &val));
		MUST(val == clash_value(c, i + 1));
	}
	/* one page for all, whatever it has gone through */
	if (live) {
		AK(ak, .op = AK_WRITE, .ptr = slot(&world.main, c->page), .size = 8, .val = pfn);
		MUST(user_read(slot(&world.main, c->page), &val) && val == pfn);
	}

	ak_kfree(ak, c->page, 1);
	ak_free(ak, true, c->page, 1);
	/* a dead page cannot be had, any other can be had again */
	if (dead)
		MUST(!ak_alloc(ak, true, c->page, 1) &&
		     AK(ak, .op = AK_RESERVE, .ptr = ak_page(ak, c->page), .cnt = 1));
	else
		MUST(ak_wait(!AK(ak, .op = AK_RESERVE, .ptr = ak_page(ak, c->page), .cnt = 1)));
	return true;
}

static bool clash_prepare(struct clash *c, int page)
{
	static const enum kind kinds[] = { FREE, RESERVED, LIVE, KERN };
	struct worker *w = &world.main;
	bool ok = true;

	memset(c, 0, sizeof(*c));
	c->page = page;
	c->was = kinds[draw(&w->rnd, ARRAY_SIZE(kinds))];
	c->frees = draw(&w->rnd, 2);
	if (c->was == RESERVED)
		ok = ak_wait(!AK(&w->ak, .op = AK_RESERVE, .ptr = ak_page(&w->ak, page), .cnt = 1));
	else if (c->was == LIVE)
		ok = ak_alloc_wait(&w->ak, draw(&w->rnd, 2), page, 1);
	else if (c->was == KERN)
		ok = ak_wait(ak_kalloc(&w->ak, page, 1));
	c->was_pfn = ak_pfn(&w->ak, page);
	return ok || WRONG("page %d is free and cannot be had", page);
}

static bool clash_turn(int page)
{
	__u32 failures = world.in_the_way->bss->nolock_failures;
	int i;

	for (i = 0; i < NR_CLASHES; i++)
		if (!clash_prepare(&clashes[i], page + i))
			return false;
	pthread_barrier_wait(&clash_turns);
	pthread_barrier_wait(&clash_turns);
	total.steps += NR_CLASHES * world.nr_workers;
	if (m->failed || !frees_settled(&world.main))
		return false;
	for (i = 0; i < NR_CLASHES; i++)
		if (!clash_check(&clashes[i], world.in_the_way->bss->nolock_failures != failures))
			return false;
	return true;
}

static void collide(void)
{
	pthread_t threads[MAX_WORKERS];
	int nr_threads, page;
	double began;
	bool ok;

	do {
		ok = open_world(0);
		pthread_barrier_init(&clash_turns, NULL, world.nr_workers + 1);
		pthread_barrier_init(&clash_starts, NULL, world.nr_workers);
		nr_threads = 0;
		while (ok && nr_threads < world.nr_workers) {
			ok = start(&threads[nr_threads], clash_work, &world.workers[nr_threads]);
			nr_threads += ok;
		}
		began = now();
		page = NR_VICTIMS;
		do {
			ok = ok && clash_turn(page);
			page += NR_CLASHES;
		} while (ok && now() - began < secs_left && page + NR_CLASHES < NR_PAGES);
		secs_left -= now() - began;
		if (ok && count(0, NR_PAGES, world.scratch) < m->dead)
			ok = AK_FAIL("%u pages are dead, %u were reported",
				     count(0, NR_PAGES, world.scratch), m->dead);
		stop();
		/* they wait for a turn that does not come */
		if (nr_threads < world.nr_workers)
			return;
		pthread_barrier_wait(&clash_turns);
		while (nr_threads)
			pthread_join(threads[--nr_threads], NULL);
		total.deaths += m->dead;
		close_world();
		stress_seed++;
	} while (ok && secs_left > 0);
}

/*
 * Streams that are full more often than not. Threads touch one page after the other
 * from programs that they share, each program's stream has a reader of its own.
 */
#define NR_STREAMS 3

static struct {
	__u32 next;		/* page to be touched */
	__u64 read[NR_STREAMS];
	bool done;		/* the readers shall come to an end */
} streams;

static void *streams_touch(void *arg)
{
	struct worker *w;
	__u32 page;

	while (!READ_ONCE(m->stop)) {
		page = __sync_fetch_and_add(&streams.next, 1);
		if (page >= NR_PAGES - 1)
			break;
		w = &world.workers[page % NR_STREAMS];
		AK(&w->ak, .op = AK_READ, .ptr = ak_page(&w->ak, page), .size = 8);
		if (ak_pfn(&w->ak, page) != world.scratch)
			WRONG("page %u: touched, and not dead", page);
	}
	return NULL;
}

/* Take whole reports off the text; what is left moves to its start. */
static int streams_take(int nr, char *text, int len)
{
	struct report r;
	char *pos = text;
	int page, ret;

	while (strstr(pos, "\n\n")) {
		ret = next_report(&pos, &r);
		if (!ret || (ret < 0 && !strstr(pos, "\n\n")))
			break;
		if (ret < 0) {
			WRONG("no report: %.300s", pos);
			return 0;
		}
		page = page_of(&world.main, r.addr);
		if (page < 0 || page >= READ_ONCE(streams.next) || page % NR_STREAMS != nr ||
		    m->pages[page].reports++)
			WRONG("stream %d: report for page %d, %u before", nr, page,
			      page < 0 ? 0 : m->pages[page].reports - 1);
		streams.read[nr]++;
	}
	len -= pos - text;
	memmove(text, pos, len + 1);
	return len;
}

static void *streams_read(void *arg)
{
	struct worker *w = arg;
	int fd = w->ak.fd, len = 0, ret;
	bool done;

	do {
		done = READ_ONCE(streams.done);
		ret = bpf_prog_stream_read(fd, BPF_STREAM_STDERR, w->buf + len,
					   1 + draw(&w->rnd, 4096), NULL);
		if (ret < 0)
			WRONG("read of a stream: %d", ret);
		if (ret > 0) {
			w->buf[len + ret] = '\0';
			len = streams_take(w->id - 1, w->buf, len + ret);
		}
		if (!done && !draw(&w->rnd, 64))
			usleep(draw(&w->rnd, 20000));
	} while (!READ_ONCE(m->failed) && (ret > 0 || !done));
	if (len)
		WRONG("stream %d ends within a report: %.300s", w->id - 1, w->buf);
	return NULL;
}

/*
 * How many reports an empty stream takes. It has to be those of the first pages
 * that are touched, in order. Returns -1 if it is not.
 */
static int streams_fill(struct worker *w)
{
	int page = streams.next, n, ret;
	struct report r;
	char *text;

	streams.next += 200;
	for (n = 0; n < 200; n++)
		AK(&w->ak, .op = AK_READ, .ptr = ak_page(&w->ak, page + n), .size = 8);
	ak_stderr(w->ak.fd, w->buf, AK_STREAM_MAX);
	for (text = w->buf, n = 0; (ret = next_report(&text, &r)) > 0; n++)
		if (page_of(w, r.addr) != page + n) {
			WRONG("report %d of pages %d.. is for %d", n, page, page_of(w, r.addr));
			return -1;
		}
	if (!ret && n && n < 200)
		return n;
	WRONG("%d reports in a stream, then: %.300s", n, text);
	return -1;
}

static bool streams_round(void)
{
	double began = now();
	pthread_t readers[NR_STREAMS], touchers[MAX_WORKERS];
	int i, nr_readers = 0, nr_touchers = 0, room[NR_STREAMS], again;
	__u64 reports = 0;

	memset(&streams, 0, sizeof(streams));
	streams.next = NR_VICTIMS;
	for (i = 0; i < NR_STREAMS; i++) {
		room[i] = streams_fill(&world.workers[i]);
		if (room[i] < 0)
			return false;
	}
	while (nr_readers < NR_STREAMS && start(&readers[nr_readers], streams_read,
						&world.workers[nr_readers]))
		nr_readers++;
	while (nr_touchers < world.nr_workers && start(&touchers[nr_touchers], streams_touch, NULL))
		nr_touchers++;
	while (!READ_ONCE(m->stop) && READ_ONCE(streams.next) < NR_PAGES - 2000 &&
	       now() - began < (READ_ONCE(streams.next) < NR_VICTIMS + 2000 ? secs_left + 60 :
				secs_left))
		usleep(1000);
	stop();
	secs_left -= now() - began;
	for (i = 0; i < nr_touchers; i++)
		pthread_join(touchers[i], NULL);
	WRITE_ONCE(streams.done, true);
	for (i = 0; i < nr_readers; i++)
		pthread_join(readers[i], NULL);
	if (m->failed)
		return false;

	for (i = 0; i < NR_STREAMS; i++) {
		reports += streams.read[i];
		again = streams_fill(&world.workers[i]);
		if (again < 0)
			return false;
		/* the room that the last dropped report wanted may differ by some bytes */
		if (abs(again - room[i]) > 1)
			return AK_FAIL("a stream took %d reports, and %d in the end", room[i],
				       again);
	}
	total.steps += streams.next;
	total.deaths += reports;
	return true;
}

static void full_streams(void)
{
	bool ok;

	do {
		ok = open_world(0) && streams_round();
		close_world();
		stress_seed++;
	} while (ok && secs_left > 0);
	if (ok) {
		ASSERT_GT(total.deaths, 0, "reports");
		ASSERT_LT(total.deaths, total.steps, "some were dropped");
	}
}

static long sum_of(const char *path, const char *fmt)
{
	char line[256];
	long sum = 0, n;
	FILE *f;

	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, fmt, &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/* The tables of a vmalloc area are kept for the next one. */
static long free_pages(void)
{
	malloc_trim(0);
	return sum_of("/proc/zoneinfo", " nr_free_pages %ld") +
	       sum_of("/proc/zoneinfo", " count: %ld") +
	       sum_of("/proc/vmstat", "nr_page_table_pages %ld");
}

/* Pages that CPUs hold back in lists of slabs, and KASAN to see who uses them yet */
static long memory_slack(void)
{
	return 1024 + (ak_has_kasan() ? sysconf(_SC_PHYS_PAGES) / 32 : 0);
}

/*
 * All pages of an arena die in one call of a kfunc. That takes its time, but what
 * comes then must not.
 */
#define QUICK 10	/* seconds, for an emulated CPU that has others to wait for */

static bool quick(double began, const char *what)
{
	double took = now() - began;

	return took < QUICK || AK_FAIL("%s took %.1f s", what, took);
}

#define MUST_QUICKLY(cond) ({						\
	double __began = now();						\
									\
	((cond) || AK_FAIL("not %s", #cond)) && quick(__began, #cond);	\
})

static double touch_secs;	/* what touch_all() took to touch */

static bool touch_all(__u32 pages, bool s)
{
	struct worker *w = &world.main;
	struct ak *ak = &w->ak;
	int areas = sparse_areas(), n, ret;
	double began;
	struct report r;
	long before, used;
	__u64 pfn, val;
	bool ok = false;
	char *text;

	memset(&world, 0, sizeof(world));
	w->buf = malloc(AK_STREAM_MAX);
	if (!w->buf || !open_arena(ak, -1, pages))
		return AK_FAIL("cannot open an arena: %d", errno);
	before = free_pages();
	began = now();
	AK_FROM(ak, s, .op = AK_TOUCH, .ptr = ak->base, .size = ak->page, .cnt = pages);
	touch_secs = now() - began;
	used = before - free_pages();
	printf("%u pages in %.1f s, %ld pages of memory used\n", pages, touch_secs, used);
	total.steps += pages;
	/* a stream's worth of reports, and what the CPUs hold back; not a page for each */
	if (used > memory_slack()) {
		AK_FAIL("%ld pages of memory used", used);
		goto out;
	}
	pfn = ak_pfn(ak, 0);
	if (!pfn || count(0, pages, pfn) != pages) {
		AK_FAIL("%u pages dead out of %u", count(0, pages, pfn), pages);
		goto out;
	}
	ak_stderr(prog_fd(w, s), w->buf, AK_STREAM_MAX);
	for (text = w->buf, n = 0; (ret = next_report(&text, &r)) > 0; n++)
		if ((r.addr - ak->base) / ak->page != n)
			break;
	if (ret || !n) {
		AK_FAIL("report %d: page %llx, then %.300s", n, r.addr, text);
		goto out;
	}

	ok = MUST_QUICKLY(!ak_alloc(ak, true, -1, 1)) &&
	     MUST_QUICKLY(!ak_alloc(ak, false, -1, 1)) &&
	     MUST_QUICKLY(!ak_alloc(ak, true, pages / 2, 1)) &&
	     MUST_QUICKLY(!ak_alloc(ak, false, 0, pages)) &&
	     MUST_QUICKLY(!ak_kalloc(ak, -1, 1)) &&
	     MUST_QUICKLY(!ak_kalloc(ak, 1, 1)) &&
	     MUST_QUICKLY((int)AK_FROM(ak, s, .op = AK_RESERVE, .ptr = ak->base, .cnt = pages) ==
			  -EBUSY) &&
	     MUST_QUICKLY((ak_free(ak, true, 0, pages), true)) &&
	     MUST_QUICKLY((ak_free(ak, false, 0, pages), true)) &&
	     MUST_QUICKLY((ak_kfree(ak, 0, pages), true)) &&
	     MUST_QUICKLY(!user_read(ak_page(ak, pages - 1), &val)) &&
	     MUST_QUICKLY(!AK(ak, .op = AK_PROG_READ, .ptr = ak_page(ak, pages - 1))) &&
	     MUST_QUICKLY(!AK(ak, .op = AK_READ, .ptr = ak_page(ak, 0), .size = 8)) &&
	     MUST_QUICKLY(count(0, pages, pfn) == pages) &&
	     MUST_QUICKLY(!ak_reports(ak->fd) && !ak_reports(ak->fd_nonsleepable));
out:
	close_worker(w);
	return MUST_QUICKLY(ak_wait(sparse_areas() == areas)) && ok;
}

static void touch_4g(void)
{
	__u32 pages = stress_secs >= 30 ? (1ULL << 32) / getpagesize() : 8192;

	/*
	 * While a program that cannot sleep runs, its CPU does nothing else. A kernel
	 * that is slow for other reasons is not to be taken for locked up.
	 */
	if (touch_all(pages, true))
		touch_all(touch_secs < 15 ? pages : pages / 8, false);
}

static const struct {
	const char *name;
	void (*fn)(void);
	int weight;
} stresses[] = {
	{ "mixed", mixed, 4 },
	{ "collide", collide, 3 },
	{ "maps", maps, 3 },
	{ "own_lock", own_lock, 2 },
	{ "nmi", nmi, 2 },
	{ "touch_4g", touch_4g, 2 },
	{ "streams", full_streams, 2 },
	{ "memcg", memcg, 2 },
};

#define TOTAL_WEIGHT 20

static void stress(__u32 nr)
{
	struct sigaction sa = { .sa_handler = on_segv, .sa_flags = SA_NODEFER };
	unsigned int seed = stress_seed;
	static bool warm;
	long before, after;
	bool back;

	if (!ASSERT_OK(sigaction(SIGSEGV, &sa, &segv_old), "sigaction"))
		return;
	memset(&total, 0, sizeof(total));
	secs_left = stress_secs ? (double)stress_secs * stresses[nr].weight / TOTAL_WEIGHT : 1;
	/* some memory is taken once and kept */
	if (!warm) {
		ASSERT_TRUE(open_world(WITH_LOCK | WITH_NMI), "open");
		close_world();
		warm = true;
	}
	before = free_pages();
	stresses[nr].fn();
	back = ak_wait(free_pages() > before - memory_slack());
	after = free_pages();
	if (!back)
		AK_FAIL("%ld pages were free before, %ld are now", before, after);
	sigaction(SIGSEGV, &segv_old, NULL);
	printf("seed %u: %llu steps, %llu allocations (%llu failed), %llu deaths, %llu visits, ",
	       seed, total.steps, total.allocs, total.failures, total.deaths, total.visits);
	printf("%llu maps, %u faults under the lock, %u in NMIs of the module, %u of perf; ",
	       total.maps, total.under_lock, total.nmis, total.perf_nmis);
	printf("%u reports lost, %ld pages less are free\n", total.lost, before - after);
}

void serial_test_arena_kern_stress(void)
{
	const char *secs = getenv("ARENA_KERN_STRESS_SECS");
	const char *seed = getenv("ARENA_KERN_STRESS_SEED");
	struct ak_subtest tests[ARRAY_SIZE(stresses)] = {};
	int i;

	stress_secs = secs ? atoi(secs) : 0;
	stress_seed = seed ? strtoul(seed, NULL, 0) : mix(now() * 1e9);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		tests[i] = (struct ak_subtest){
			.name = stresses[i].name, .fn_nr = stress, .nr = i,
		};
	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
