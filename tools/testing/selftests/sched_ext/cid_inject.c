// SPDX-License-Identifier: GPL-2.0
/*
 * Enable a scheduler in cid form while allocations fail, one after the other: of who
 * attaches it, of the kthread that enables it, and of the one that makes a kthread for
 * it; and while the limit of the memory cgroup that pays for the arena goes down. Would
 * catch an error path that leaves a scheduler behind, or memory, or pages in the arena,
 * and one that takes what it did not get.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "cid_util.h"
#include "cid_inject_test.h"
#include "cid_inject.bpf.skel.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define KMEMLEAK	DEBUGFS "kmemleak"
#define STATE		"/sys/kernel/sched_ext/state"
#define HELPER		"scx_enable_help"	/* as much of its name as comm holds */

/* The cmasks are cut from the pool in cache lines. */
#define LINE		64

#define NEVER		1000000

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/scx_inject"

/* Pages of the arena: more than are wanted when a scheduler is enabled */
#define ENOUGH		16

static struct cid_inject *skel;

/* Everything counts, and a failure that is wanted leaves no backtrace. */
static struct setting {
	const char *path, *val;
	char old[16];
} settings[] = {
	{ DEBUGFS "failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "failslab/verbose", "0" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
};

static bool read_file(const char *path, char *buf, size_t size)
{
	ssize_t len = 0, ret = -1;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		while ((ret = read(fd, buf + len, size - 1 - len)) > 0)
			len += ret;
		close(fd);
	}
	buf[len] = '\0';
	return !ret;
}

static bool write_file(const char *path, const char *val)
{
	int fd;
	bool ok;

	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ok = write(fd, val, strlen(val)) > 0;
	close(fd);
	return ok;
}

/* The task whose allocations fail */
struct target {
	const char *name;
	int fd;			/* of its fail-nth */
	__u32 total;		/* how many allocations it has while a scheduler is enabled */
	__u32 first, last;	/* those of memory in the arena, */
	__u32 grow;		/* and from where on the pool is made larger: 0 for none */
	int failed, errors, grow_failed;
};

static bool set_nth(const struct target *t, __u32 nth)
{
	char buf[16];

	snprintf(buf, sizeof(buf), "%u", nth);
	return write(t->fd, buf, strlen(buf)) > 0;
}

static __u32 unset_nth(const struct target *t)
{
	char buf[16] = {};

	if (pread(t->fd, buf, sizeof(buf) - 1, 0) <= 0)
		fprintf(stderr, "cannot read fail-nth\n");
	set_nth(t, 0);
	return atoi(buf);
}

static bool is_off(void)
{
	char buf[32];

	return read_file(STATE, buf, sizeof(buf)) && !strcmp(buf, "disabled\n");
}

/* ops.exit() was told of an error: which? */
static int exit_error(void)
{
	const char *num = strstr(skel->data->uei.msg, "(-");

	return num ? atoi(num + 1) : -EPROTO;
}

/*
 * Attach the scheduler, with @t's allocation @nth failing. It may have failed later
 * on, which ops.exit() tells. Returns 0 or a negative error; *@left says how many
 * allocations there would have been until the failure, 0 if it came.
 */
static int try_attach(const struct target *t, __u32 nth, __u32 *left)
{
	int err = 0;

	memset(&skel->bss->growth, 0, sizeof(skel->bss->growth));
	memset(&skel->data->uei, 0, sizeof(skel->data->uei));
	if (t && !set_nth(t, nth))
		return -errno;
	errno = 0;
	if (!cid_attach(skel->maps.cid_inject_ops, &skel->links.cid_inject_ops))
		err = -errno;
	if (t)
		*left = unset_nth(t);
	if (!err && CID_EXIT_KIND(skel) == EXIT_KIND(SCX_EXIT_ERROR))
		err = exit_error();
	return err;
}

/* Nothing may be left of a scheduler that is gone, or did not come. */
static enum scx_test_status expect_nothing(void)
{
	cid_detach(&skel->links.cid_inject_ops);
	SCX_FAIL_IF(!CID_WAIT_FOR(is_off()), "A scheduler is left");
	SCX_FAIL_IF(!CID_WAIT_FOR(cid_run_prog(skel->progs.cid_inject_all_free)),
		    "Pages are left in the arena");
	return SCX_TEST_PASS;
}

static enum scx_test_status expect_success(void)
{
	int err = try_attach(NULL, 0, NULL);

	SCX_FAIL_IF(err, "Failed to attach scheduler (%d)", err);
	SCX_EQ(CID_EXIT_KIND(skel), EXIT_KIND(SCX_EXIT_NONE));
	return expect_nothing();
}

/* How many allocations are there, and which are those of memory in the arena? */
static enum scx_test_status count(struct target *t)
{
	const struct cid_growth *g = &skel->bss->growth;
	__u32 left;

	SCX_EQ(try_attach(t, NEVER, &left), 0);
	t->total = NEVER - left;
	t->first = 0;
	t->last = 0;
	t->grow = 0;
	/* whoever else it was that allocated had no such number */
	if (g->nr && g->left_before[0]) {
		t->first = NEVER - g->left_before[0] + 1;
		t->last = NEVER - g->left_after;
		if (g->nr > 1)
			t->grow = NEVER - g->left_before[1] + 1;
	}
	return expect_nothing();
}

static enum scx_test_status step(struct target *t, __u32 nth, bool *hit)
{
	enum scx_test_status status;
	__u32 left;
	int err;

	err = try_attach(t, nth, &left);
	*hit = !left;
	/* fork() says -EAGAIN for some of what it does not get */
	SCX_FAIL_IF(err && err != -ENOMEM && err != -EAGAIN,
		    "%s, allocation %u: error %d (%s)", t->name, nth, err, skel->data->uei.msg);
	SCX_FAIL_IF(err && left, "%s, allocation %u: error with no failure", t->name, nth);
	if (*hit) {
		t->failed++;
		t->errors += !!err;
		t->grow_failed += err && t->grow && nth >= t->grow && nth <= t->last;
	}
	status = expect_nothing();
	if (status != SCX_TEST_PASS)
		fprintf(stderr, "%s: after failure of allocation %u\n", t->name, nth);
	return status;
}

static enum scx_test_status run_target(struct target *t, int least)
{
	enum scx_test_status status;
	bool hit = true;
	__u32 nth;

	SCX_FAIL_IF(t->fd < 0, "Cannot open fail-nth of %s", t->name);
	status = count(t);
	if (status != SCX_TEST_PASS)
		return status;
	for (nth = 1; hit; nth++) {
		status = step(t, nth, &hit);
		if (status == SCX_TEST_PASS && hit)
			status = expect_success();
		if (status != SCX_TEST_PASS)
			return status;
	}
	printf("sites: %s: %d failures, %d errors", t->name, t->failed, t->errors);
	if (t->first)
		printf("; %u to %u are of memory in the arena; %d errors while the pool grew",
		       t->first, t->last, t->grow_failed);
	printf("\n");
	SCX_GE(t->failed, least);
	return SCX_TEST_PASS;
}

/* The limit of the cgroup that pays for the arena: -1 for none */
static int limit = -1;

/* and what is charged to it while no scheduler is there */
static long charged;

/*
 * Not with PREEMPT_RT: there kmalloc_nolock() gives an object that it cannot charge back
 * to its slab under a lock that sleeps, and takes such a lock when it is the last to
 * refer to a cgroup that is gone.
 */
static bool can_limit(void)
{
	struct utsname uts;
	char buf[256];

	if (uname(&uts) || strstr(uts.version, "PREEMPT_RT") ||
	    !read_file(CGROUPS "/cgroup.controllers", buf, sizeof(buf)) ||
	    !strstr(buf, "memory")) {
		printf("left out: the limit, with PREEMPT_RT or no memory cgroups\n");
		return false;
	}
	return true;
}

static bool join(const char *cgroup)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	return write_file(path, "0");
}

/* Who creates the arena says who pays for it. */
static bool load(void)
{
	char buf[256], home[300] = CGROUPS "/", *path;
	bool ok;

	if (!can_limit())
		return !cid_inject__load(skel);
	if (!read_file("/proc/self/cgroup", buf, sizeof(buf)))
		return false;
	path = strstr(buf, "0::/");
	if (path)
		snprintf(home, sizeof(home), CGROUPS "%s", strtok(path + 3, "\n"));
	write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if ((mkdir(CGROUP, 0755) && errno != EEXIST) || !join(CGROUP))
		return false;
	ok = !cid_inject__load(skel);
	limit = open(CGROUP "/memory.max", O_WRONLY);
	return join(home) && ok && limit >= 0;
}

/* CPUs give back what they have in stock when they get to it. */
static long get_charged(void)
{
	long now = -1, last;
	int same = 0;
	char buf[32];

	if (!write_file(CGROUP "/memory.high", "0") || !write_file(CGROUP "/memory.high", "max"))
		return -1;
	do {
		last = now;
		usleep(2000);
		if (!read_file(CGROUP "/memory.current", buf, sizeof(buf)))
			return -1;
		now = atol(buf);
		same = now == last ? same + 1 : 0;
	} while (same < 3);
	return now;
}

/* With that many pages left, or nothing at all if it is less than 0 */
static enum scx_test_status limit_step(int pages, int *err)
{
	long used = get_charged();
	char buf[32];

	SCX_GE(used, 0);
	snprintf(buf, sizeof(buf), "%ld", pages < 0 ? 0 : used + (long)pages * getpagesize());
	SCX_ASSERT(write(limit, buf, strlen(buf)) > 0);
	*err = try_attach(NULL, 0, NULL);
	SCX_ASSERT(write(limit, "max", 3) > 0);
	SCX_FAIL_IF(*err && *err != -ENOMEM, "Error %d (%s)", *err, skel->data->uei.msg);
	return expect_nothing();
}

/*
 * That nothing is left, and that nothing is allowed, have to be errors. What was freed
 * in the background may be in stock: then it needs more than one attempt.
 */
static enum scx_test_status run_limit(bool must_grow)
{
	int pages = ENOUGH, errors = 0, grow_failed = 0, steps = 0, again = 10, err = 0;
	enum scx_test_status status;

	if (limit < 0)
		return SCX_TEST_PASS;
	while (pages >= -1) {
		status = limit_step(pages, &err);
		grow_failed += err && skel->bss->growth.nr > 1;
		if (status == SCX_TEST_PASS && err)
			status = expect_success();
		if (status != SCX_TEST_PASS) {
			fprintf(stderr, "limit: with %d pages left\n", pages);
			return status;
		}
		SCX_FAIL_IF(err && pages == ENOUGH, "Error %d with enough memory", err);
		errors += !!err;
		steps++;
		if (err || pages > 0 || !again--)
			pages--;
	}
	printf("limit: enable: %d steps, %d errors\n", steps, errors);
	SCX_FAIL_IF(errors < 2, "No error with no memory");
	SCX_FAIL_IF(must_grow && !grow_failed, "No error while the pool grew");
	return SCX_TEST_PASS;
}

/*
 * Has all that was charged been given back? Objects are charged as pages, of which
 * each CPU may have begun one.
 */
static enum scx_test_status check_charged(void)
{
	long now, slack = (sysconf(_SC_NPROCESSORS_ONLN) + 1) * getpagesize();

	if (limit < 0)
		return SCX_TEST_PASS;
	SCX_FAIL_IF(!CID_WAIT_FOR((now = get_charged()) <= charged + slack),
		    "Charged: %ld, before: %ld", now, charged);
	printf("charged: %ld bytes, before: %ld\n", now, charged);
	return SCX_TEST_PASS;
}

/* Must the pool have grown, since all cmasks do not fit into its first page? */
static bool must_grow(const struct cid_cpus *cpus)
{
	int size = 16 + 8 * CID_NR_WORDS(cpus->nr_possible);
	int lines = (size + LINE - 1) / LINE * cpus->nr_possible;

	return lines > getpagesize() / LINE;
}

static int open_nth(const char *task)
{
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/fail-nth", task);
	return open(path, O_RDWR);
}

/* It is there once a scheduler has been enabled. */
static int open_helper(void)
{
	struct dirent *entry;
	char path[300], comm[32];
	DIR *proc = opendir("/proc");
	int fd = -1;

	while (fd < 0 && proc && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_file(path, comm, sizeof(comm)) &&
		    !strncmp(comm, HELPER, strlen(HELPER)))
			fd = open_nth(entry->d_name);
	}
	if (proc)
		closedir(proc);
	return fd;
}

static enum scx_test_status run_targets(const struct cid_cpus *cpus)
{
	struct target self = { .name = "attach" }, helper = { .name = "enable" };
	struct target fork = { .name = "kthread" };
	enum scx_test_status status;

	status = expect_success();
	if (status != SCX_TEST_PASS)
		return status;
	charged = get_charged();
	self.fd = open_nth("thread-self");
	helper.fd = open_helper();
	fork.fd = open_nth("2"); /* kthreadd */
	status = run_target(&self, 5);
	if (status == SCX_TEST_PASS)
		status = run_target(&helper, 20);
	if (status == SCX_TEST_PASS)
		status = run_target(&fork, 5);
	close(self.fd);
	close(helper.fd);
	close(fork.fd);
	if (status != SCX_TEST_PASS)
		return status;
	SCX_GT(helper.first, 0);
	SCX_FAIL_IF(must_grow(cpus) && helper.grow_failed < 2,
		    "%d errors while the pool grew", helper.grow_failed);
	return SCX_TEST_PASS;
}

static enum scx_test_status check_kmemleak(void)
{
	static char buf[65536];

	if (access(KMEMLEAK, W_OK))
		return SCX_TEST_PASS;
	SCX_ASSERT(write_file(KMEMLEAK, "scan"));
	sleep(6); /* the age at which an object is suspected */
	SCX_ASSERT(write_file(KMEMLEAK, "scan"));
	SCX_ASSERT(read_file(KMEMLEAK, buf, sizeof(buf)));
	SCX_FAIL_IF(buf[0], "kmemleak: %s", buf);
	printf("kmemleak: scanned\n");
	return SCX_TEST_PASS;
}

static void restore_settings(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].old[0])
			write_file(settings[i].path, settings[i].old);
}

static enum scx_test_status setup(void **ctx)
{
	int i;

	if (access("/proc/self/fail-nth", W_OK) || access(DEBUGFS "failslab", R_OK) ||
	    access(DEBUGFS "fail_page_alloc", R_OK)) {
		fprintf(stderr, "SKIP: no CONFIG_FAILSLAB or CONFIG_FAIL_PAGE_ALLOC\n");
		return SCX_TEST_SKIP;
	}
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		struct setting *s = &settings[i];

		if (!read_file(s->path, s->old, sizeof(s->old)) || !write_file(s->path, s->val)) {
			SCX_ERR("Cannot write %s", s->path);
			restore_settings();
			return SCX_TEST_FAIL;
		}
	}
	if (!access(KMEMLEAK, W_OK)) {
		write_file(KMEMLEAK, "scan");
		write_file(KMEMLEAK, "clear");
	}
	return cid_setup(ctx);
}

static enum scx_test_status run(void *ctx)
{
	enum scx_test_status status = SCX_TEST_FAIL;

	skel = CID_OPEN(cid_inject);
	SCX_FAIL_IF(!skel, "Failed to open skel");
	/* Lower 32 bits of 0: the pool does not use the first line. */
	if (bpf_map__set_map_extra(skel->maps.arena, 1ULL << 44) || !load()) {
		SCX_ERR("Failed to load skel");
		goto out;
	}
	skel->links.cid_inject_grow = bpf_program__attach(skel->progs.cid_inject_grow);
	skel->links.cid_inject_grown = bpf_program__attach(skel->progs.cid_inject_grown);
	if (!skel->links.cid_inject_grow || !skel->links.cid_inject_grown) {
		SCX_ERR("Failed to attach to the kernel's functions");
		goto out;
	}
	status = run_targets(ctx);
	if (status == SCX_TEST_PASS)
		status = run_limit(must_grow(ctx));
	if (status == SCX_TEST_PASS)
		status = check_charged();
out:
	cid_inject__destroy(skel);
	return status == SCX_TEST_PASS ? check_kmemleak() : status;
}

static void cleanup(void *ctx)
{
	if (limit >= 0)
		close(limit);
	limit = -1;
	if (rmdir(CGROUP) && errno != ENOENT)
		fprintf(stderr, "cannot remove " CGROUP "\n");
	restore_settings();
	free(ctx);
}

struct scx_test cid_inject = {
	.name = "inject_cid",
	.description = "Enable a scheduler in cid form when memory is short",
	.setup = setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_inject)
