/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

/*
 * Make memory short for one operation, again and again: each of its allocations fails
 * in turn until it has been through with none that did, or the limit of its memory
 * cgroup goes down page by page. Each time it has an error or succeeds, all is as it
 * was before, and at the end it succeeds.
 *
 * With ARENA_INJECT_ALL in the environment no allocation is left out. Otherwise most
 * are of those beyond the first AKI_NR_ALL.
 *
 * Includers are as those of arena_kern.h with AK_OPS, and include
 * arena_kern_inject.skel.h.
 */
#include <sched.h>
#include "cgroup_helpers.h"
#include "arena_kern.h"

#define AKI_CGROUP "/arena_kern_inject"
#define AKI_DEBUGFS "/sys/kernel/debug/"
#define AKI_KMEMLEAK AKI_DEBUGFS "kmemleak"
#define AKI_PAGES 64	/* of most arenas */
#define AKI_NR_ALL 24

/*
 * Each failure comes so often that a page which is lost by it is noticed; but where
 * there are AKI_NR_ALL of them, only all together do.
 */
#define AKI_ROUNDS (sysconf(_SC_NPROCESSORS_CONF) + 2)

/* Which allocations fail */
enum aki_how {
	AKI_NTH,	/* one of those that failslab and fail_page_alloc know */
	AKI_NOLOCK,	/* one of those that take no lock */
	AKI_NOLOCK_REST, /* such a one and all after it */
	AKI_HOWS,
};

static const char *const aki_how_names[AKI_HOWS] = {
	"failslab and fail_page_alloc", "no lock", "no lock, and the rest",
};

static struct arena_kern_inject *aki_nolock;
static int aki_nth_fd = -1;
static int aki_nr_ranges;	/* of other arenas */
static int aki_cgroup = -1;

/* Everything counts, and a failure that is wanted leaves no backtrace. */
static struct aki_setting {
	const char *path, *val;
	char old[16];
} aki_settings[] = {
	{ AKI_DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ AKI_DEBUGFS "failslab/verbose", "0" },
	{ AKI_DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ AKI_DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ AKI_DEBUGFS "fail_page_alloc/min-order", "0" },
	{ AKI_DEBUGFS "fail_page_alloc/verbose", "0" },
};

static inline void aki_settings_restore(int cnt)
{
	while (cnt--)
		ASSERT_OK(ak_file_write(aki_settings[cnt].path, aki_settings[cnt].old),
			  aki_settings[cnt].path);
}

static inline bool aki_settings_apply(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(aki_settings); i++) {
		struct aki_setting *s = &aki_settings[i];

		if (!ASSERT_GT(ak_file_read(s->path, s->old, sizeof(s->old)), 0, s->path) ||
		    !ASSERT_OK(ak_file_write(s->path, s->val), s->path)) {
			aki_settings_restore(i);
			return false;
		}
	}
	return true;
}

/* The programs can be attached once the module is loaded. */
static inline bool aki_nolock_open(void)
{
	if (aki_nolock)
		return true;
	aki_nolock = arena_kern_inject__open_and_load();
	if (!ASSERT_OK_PTR(aki_nolock, "open_and_load"))
		return false;
	if (ASSERT_OK(arena_kern_inject__attach(aki_nolock), "attach"))
		return true;
	arena_kern_inject__destroy(aki_nolock);
	aki_nolock = NULL;
	return false;
}

static inline void aki_set_nth(__u32 nth)
{
	char buf[16];

	snprintf(buf, sizeof(buf), "%u", nth);
	if (write(aki_nth_fd, buf, strlen(buf)) < 0)
		ASSERT_OK(-errno, "fail-nth");
}

/* How many are left until the one that fails */
static inline __u32 aki_unset_nth(void)
{
	char buf[16] = {};

	if (pread(aki_nth_fd, buf, sizeof(buf) - 1, 0) <= 0)
		ASSERT_OK(-errno, "fail-nth");
	aki_set_nth(0);
	return strtoul(buf, NULL, 10);
}

/* Let allocations of a thread fail, or those of kworkers. */
static inline void aki_arm(enum aki_how how, pid_t tid, __u32 nr)
{
	if (how == AKI_NTH) {
		aki_set_nth(nr);
		return;
	}
	aki_nolock->bss->tid = tid;
	aki_nolock->bss->first = nr;
	aki_nolock->bss->seen = 0;
	aki_nolock->bss->failed = 0;
	WRITE_ONCE(aki_nolock->bss->last, how == AKI_NOLOCK ? nr : UINT32_MAX);
}

/* Has one failed? */
static inline bool aki_disarm(enum aki_how how)
{
	if (how == AKI_NTH)
		return !aki_unset_nth();
	WRITE_ONCE(aki_nolock->bss->last, 0);
	return READ_ONCE(aki_nolock->bss->failed);
}

/* What is charged to a cgroup that nobody is in */
struct aki_charges {
	long kernel;			/* in whole pages */
	long slab, percpu, vmalloc;	/* to the byte */
};

static inline long aki_cgroup_num(int cgroup, const char *file, const char *key)
{
	char buf[8192] = "";
	const char *val;
	int fd;

	fd = openat(cgroup, file, O_RDONLY);
	if (!ASSERT_OK_FD(fd, file))
		return -1;
	if (read(fd, buf, sizeof(buf) - 1) < 0)
		ASSERT_OK(-errno, file);
	close(fd);
	val = strstr(buf, key);
	return ASSERT_OK_PTR(val, key) ? atol(val + strlen(key)) : -1;
}

/* What CPUs have in stock goes back. */
static inline void aki_drain(void)
{
	write_cgroup_file(AKI_CGROUP, "memory.high", "0");
	write_cgroup_file(AKI_CGROUP, "memory.high", "max");
}

/* So does what is freed in the background. */
static inline void aki_settle(void)
{
	ASSERT_OK(kern_sync_rcu(), "kern_sync_rcu");
	/* for the frees that gather until RCU is worth while */
	ASSERT_OK(ak_file_write("/proc/sys/vm/drop_caches", "2"), "drop_caches");
	ASSERT_OK(kern_sync_rcu(), "kern_sync_rcu");
	aki_drain();
}

/* An operation, and all that it needs */
struct aki_step {
	const char *name;
	/* each may be NULL but run, which returns 0 or a negative error */
	bool (*prepare)(struct aki_step *s);
	int (*run)(struct aki_step *s);
	/* look at what is left of it, and undo it if it succeeded */
	bool (*check)(struct aki_step *s, int err);

	struct ak ak;
	struct aki_charges charges;	/* at the start, with no page allocated, and */
	__u64 survey;			/* what is free: changes only when pages die */
	__u64 scratch;

	bool once;			/* is for one round */
	bool kworkers;			/* allocations of kworkers fail */
	bool inside;			/* the cgroup is the test's own too */

	/* what failed: for check() */
	enum aki_how how;
	bool hit;

	/* parameters and results of the operations */
	bool sleepable;
	int op, undo, nr, cnt, fd;
	__u64 ret;
};

static inline __u64 aki_survey(struct aki_step *s)
{
	return AK(&s->ak, .op = AK_SURVEY, .cnt = 1 << 20, .size = s->ak.page);
}

/* What was free is free, and nothing else. Some of it may be freed in the background. */
static inline bool aki_survey_ok(struct aki_step *s)
{
	__u64 now = 0;
	int i;

	for (i = 0; i < 500 && (now = aki_survey(s)) != s->survey; i++)
		usleep(5000);
	return now == s->survey ||
	       AK_FAIL("%s: free: %llu pages (%x), before: %llu (%x)", s->name, now >> 32,
		       (__u32)now, s->survey >> 32, (__u32)s->survey);
}

static inline bool aki_kill(struct aki_step *s, int nr)
{
	__u32 sum = s->survey - (__u32)ak_page(&s->ak, nr) / s->ak.page * AK_SURVEY_MUL;

	s->scratch = ak_kill(&s->ak, nr);
	s->survey = ((s->survey >> 32) - 1) << 32 | sum;
	return s->scratch;
}

/*
 * The kernel updates memory.stat when there is enough to update: have it charge some
 * pages for nothing. When no arena is at hand, wait: it does every 2 s, too.
 */
static inline void aki_flush_stat(struct aki_step *s)
{
	int i;

	if (!s->ak.skel) {
		sleep(3);
		return;
	}
	/* a CPU notices after 64 pages, and all have to have */
	for (i = 0; i < 128 * (sysconf(_SC_NPROCESSORS_CONF) + 1); i += s->survey >> 32)
		aki_survey(s);
}

static inline void aki_charges(struct aki_step *s, struct aki_charges *c)
{
	aki_settle();
	aki_flush_stat(s);
	aki_drain();
	c->kernel = aki_cgroup_num(aki_cgroup, "memory.stat", "\nkernel ");
	c->slab = aki_cgroup_num(aki_cgroup, "memory.stat", "\nslab_unreclaimable ");
	c->percpu = aki_cgroup_num(aki_cgroup, "memory.stat", "\npercpu ");
	c->vmalloc = aki_cgroup_num(aki_cgroup, "memory.stat", "\nvmalloc ");
}

/* Wait until no more goes away. */
static inline void aki_charges_start(struct aki_step *s)
{
	struct aki_charges last = {};
	int i, same = 0;

	for (i = 0; i < 20 && same < 3; i++) {
		aki_charges(s, &s->charges);
		same = s->charges.slab == last.slab && s->charges.vmalloc == last.vmalloc &&
		       s->charges.kernel >= last.kernel ? same + 1 : 0;
		last = s->charges;
		usleep(50000);
	}
}

/* No more than at the start. Parts of pages are charged as pages, by each CPU. */
static inline bool aki_charges_ok(struct aki_step *s)
{
	long slack = (sysconf(_SC_NPROCESSORS_CONF) + 1) * getpagesize();
	struct aki_charges *was = &s->charges, c;
	int i;

	for (i = 0; i < 20; i++) {
		aki_charges(s, &c);
		if (c.slab <= was->slab && c.percpu <= was->percpu &&
		    c.vmalloc <= was->vmalloc && c.kernel <= was->kernel + slack)
			return true;
		usleep(100000);
	}
	return AK_FAIL("%s: charge %ld, slab %ld, percpu %ld, vmalloc %ld; was %ld, %ld, %ld, %ld",
		       s->name, c.kernel, c.slab, c.percpu, c.vmalloc, was->kernel, was->slab,
		       was->percpu, was->vmalloc);
}

static inline bool aki_open(struct aki_step *s, int pages)
{
	if (!ASSERT_OK(join_cgroup(AKI_CGROUP), "join_cgroup"))
		return false;
	if (!ak_open(&s->ak, pages, 0, 0))
		goto err;
	if (!ASSERT_OK(join_root_cgroup(), "join_root_cgroup"))
		goto err_close;
	s->survey = aki_survey(s);
	if (!ASSERT_EQ(s->survey >> 32, pages, "free pages"))
		goto err_close;
	aki_charges_start(s);
	return true;
err_close:
	ak_close(&s->ak);
err:
	join_root_cgroup();
	return false;
}

static inline void aki_close(struct aki_step *s)
{
	aki_survey_ok(s);
	aki_charges_ok(s);
	ak_close(&s->ak);
}

static inline bool aki_step(struct aki_step *s, enum aki_how how, __u32 nr, int *err)
{
	if (s->prepare && !s->prepare(s))
		return false;
	aki_arm(how, s->kworkers ? 0 : sys_gettid(), nr);
	*err = s->run(s);
	s->how = how;
	s->hit = aki_disarm(how);
	if (!s->check || s->check(s, *err))
		return true;
	printf("%s, %s: after failure of allocation %u\n", s->name, aki_how_names[how], nr);
	return false;
}

/* There have to be at least that many allocations. */
static inline bool aki_inject(struct aki_step *s, enum aki_how how, int least)
{
	bool all = getenv("ARENA_INJECT_ALL");
	int rounds = 0, failed, errors, err;
	__u32 nr;

	if (!aki_nolock_open())
		return false;
	do {
		failed = 0;
		errors = 0;
		for (nr = 1; ; nr += nr < AKI_NR_ALL || all ? 1 : nr / 2) {
			if (!aki_step(s, how, nr, &err))
				return false;
			if (!s->hit)
				break;
			failed++;
			errors += !!err;
		}
		if (!rounds)
			printf("sites: %s, %s: %d failures, %d errors\n", s->name,
			       aki_how_names[how], failed, errors);
		if (!ASSERT_OK(err, "with no failure") || !ASSERT_GE(failed, least, "failures"))
			return false;
	} while (failed && failed < AKI_NR_ALL && ++rounds < AKI_ROUNDS && !s->once);
	return true;
}

/* All of it, with so many allocations that can fail at least */
static inline bool aki_inject_all(struct aki_step *s, int nth, int nolock)
{
	return (s->kworkers || aki_inject(s, AKI_NTH, nth)) &&
	       aki_inject(s, AKI_NOLOCK, nolock) && aki_inject(s, AKI_NOLOCK_REST, nolock);
}

/* What is in use. CPUs give back what they have in stock when they get to it. */
static inline long aki_used(void)
{
	long used = -1, last;
	int same = 0;

	aki_drain();
	do {
		last = used;
		usleep(2000);
		used = aki_cgroup_num(aki_cgroup, "memory.current", "");
		same = used == last ? same + 1 : 0;
	} while (same < 3);
	return used;
}

/*
 * With a limit that leaves so many pages, or nothing at all if that is less than 0.
 * Who is in the cgroup would have its CPU stock up by looking at what is in use.
 */
static inline bool aki_squeeze_step(struct aki_step *s, int fd, int pages, int *err)
{
	char limit[32];
	long used;

	if (s->prepare && !s->prepare(s))
		return false;
	if (s->inside)
		join_root_cgroup();
	used = aki_used();
	if (s->inside)
		join_cgroup(AKI_CGROUP);
	snprintf(limit, sizeof(limit), "%ld",
		 pages < 0 ? 0 : used + (long)pages * getpagesize());
	ASSERT_GT(write(fd, limit, strlen(limit)), 0, "set memory.max");
	*err = s->run(s);
	ASSERT_GT(write(fd, "max", 3), 0, "lift memory.max");
	s->how = AKI_NOLOCK_REST;
	s->hit = true; /* for all we know */
	if (!s->check || s->check(s, *err))
		return true;
	printf("%s: with %d pages left\n", s->name, pages);
	return false;
}

/*
 * Lower the limit of the cgroup, page by page, from what is enough to what is in use,
 * and to nothing. These two have to be errors. That may need more than one attempt:
 * what is freed in the background stays in stock.
 *
 * With PREEMPT_RT this is left out: kmalloc_nolock() gives an object that it cannot
 * charge back to its slab under a lock that sleeps.
 */
static inline bool aki_squeeze(struct aki_step *s, int enough)
{
	int errors = 0, steps = 0, again = 10, pages = enough, fd, err = 0;
	bool ok = true;

	if (ak_is_realtime()) {
		printf("left out: the limit of %s, with PREEMPT_RT\n", s->name);
		return true;
	}
	/* It may be too late for that when the limit has been set. */
	fd = openat(aki_cgroup, "memory.max", O_WRONLY);
	if (!ASSERT_OK_FD(fd, "memory.max"))
		return false;
	while (ok && pages >= -1) {
		ok = aki_squeeze_step(s, fd, pages, &err) &&
		     (pages < enough || ASSERT_OK(err, "with enough memory"));
		errors += !!err;
		steps++;
		if (err || pages > 0 || !again--)
			pages--;
	}
	close(fd);
	printf("limit: %s: %d steps, %d errors\n", s->name, steps, errors);
	return ok && ASSERT_GE(errors, 2, "errors with no memory");
}

/* How many objects does kmemleak suspect? It takes some seconds until it does. */
static inline int aki_leaks(bool show)
{
	static char buf[1 << 20];

	if (access(AKI_KMEMLEAK, W_OK))
		return -1;
	ASSERT_OK(ak_file_write(AKI_KMEMLEAK, "scan"), "scan");
	sleep(6);
	ASSERT_OK(ak_file_write(AKI_KMEMLEAK, "scan"), "scan");
	ASSERT_GE(ak_file_read(AKI_KMEMLEAK, buf, sizeof(buf)), 0, "kmemleak");
	if (show)
		printf("%s", buf);
	return ak_count(buf, "unreferenced object");
}

/* How many arenas the kernel has mapped */
static inline int aki_count_ranges(void)
{
	static char buf[1 << 20];

	if (!ASSERT_GT(ak_file_read("/proc/vmallocinfo", buf, sizeof(buf)), 0, "vmallocinfo"))
		return -1;
	return ak_count(buf, " arena_map_alloc+");
}

/*
 * The cgroup that is charged. Each CPU keeps a reference to the one that it has charged
 * last, and whoever charges another drops it. With PREEMPT_RT, to drop the last one of
 * a cgroup that is gone is to take a lock that sleeps, which the allocators that take
 * no lock do not heed. So there is one cgroup for all tests, and each CPU lets go of
 * those before it here.
 */
static inline bool aki_cgroup_open(void)
{
	cpu_set_t cpus, set;
	int cpu, fds[2];

	aki_cgroup = cgroup_setup_and_join(AKI_CGROUP);
	if (!ASSERT_OK_FD(aki_cgroup, "cgroup"))
		return false;
	ASSERT_OK(sched_getaffinity(0, sizeof(cpus), &cpus), "affinity");
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (CPU_ISSET(cpu, &cpus) &&
		    ASSERT_OK(sched_setaffinity(0, sizeof(set), &set), "affinity") &&
		    ASSERT_OK(pipe(fds), "pipe")) {
			close(fds[0]);
			close(fds[1]);
		}
	}
	ASSERT_OK(sched_setaffinity(0, sizeof(cpus), &cpus), "affinity");
	return ASSERT_OK(join_root_cgroup(), "join_root_cgroup");
}

static inline void aki_cgroup_close(void)
{
	join_root_cgroup();
	ASSERT_TRUE(ak_wait(aki_count_ranges() <= aki_nr_ranges), "arenas in the kernel");
	aki_settle();
	close(aki_cgroup);
	cleanup_cgroup_environment();
}

static inline void aki_run_subtests(const struct ak_subtest *tests, int cnt)
{
	int leaks, before;

	aki_nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (aki_nth_fd < 0 || access(AKI_DEBUGFS "failslab", R_OK) ||
	    access(AKI_DEBUGFS "fail_page_alloc", R_OK)) {
		ak_skip("no CONFIG_FAILSLAB or CONFIG_FAIL_PAGE_ALLOC");
		goto out;
	}
	if (!aki_settings_apply())
		goto out;
	aki_nr_ranges = aki_count_ranges();
	before = aki_leaks(false);
	if (aki_cgroup_open()) {
		ak_run_subtests(tests, cnt);
		aki_cgroup_close();
	}
	arena_kern_inject__destroy(aki_nolock);
	aki_nolock = NULL;
	leaks = aki_leaks(true);
	printf("kmemleak: %d suspected before, %d after (-1: not in this kernel)\n", before, leaks);
	ASSERT_LE(leaks, before, "leaks");
	aki_settings_restore(ARRAY_SIZE(aki_settings));
out:
	close(aki_nth_fd);
}
