// SPDX-License-Identifier: GPL-2.0
/*
 * ops.set_cmask() gets the right cmask in the arena, whoever changes what. Would
 * catch: a wrong conversion from the cpumask; a stale mask, or that of another
 * call on the same or another CPU; header fields or padding that are not what
 * they should be; an address that is not in the arena; writes of the kernel
 * beside the cmask.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cid_util.h"
#include "cid_set_cmask_test.h"
#include "cid_set_cmask.bpf.skel.h"

#define PATTERN		0xa5
#define ROUNDS		40
#define CGROUP		"cid_set_cmask_test"

struct test {
	const struct cid_cpus *cpus;
	struct cid_set_cmask *skel;
	struct cid_state *st;
	const struct bpf_map *recs;
};

/* Tasks that were restricted before the scheduler came: it is told on enable. */
static enum scx_test_status test_enable(struct test *t)
{
	pid_t workers[CID_NR_COPIES] = {};
	cpu_set_t masks[CID_NR_COPIES];
	enum scx_test_status status = SCX_TEST_PASS;
	int i;

	for (i = 0; i < CID_NR_COPIES; i++) {
		workers[i] = cid_worker_start(CID_SLEEPER);
		cid_rand_mask(&t->cpus->usable, &masks[i]);
		if (workers[i] < 0 || sched_setaffinity(workers[i], sizeof(masks[i]), &masks[i])) {
			SCX_ERR("No worker: %s", strerror(errno));
			status = SCX_TEST_FAIL;
			goto out;
		}
	}
	t->st->check = 1;
	if (!cid_attach(t->skel->maps.cid_set_cmask_ops, &t->skel->links.cid_set_cmask_ops)) {
		SCX_ERR("Failed to attach scheduler");
		status = SCX_TEST_FAIL;
	}
	for (i = 0; i < CID_NR_COPIES && status == SCX_TEST_PASS; i++)
		status = cid_expect_rec(&t->st->map, t->recs, workers[i], &masks[i]);
	if (status == SCX_TEST_PASS)
		status = cid_check_bijection(&t->st->map, t->cpus);
out:
	for (i = 0; i < CID_NR_COPIES; i++)
		cid_worker_stop(workers[i]);
	return status;
}

/* A task changes its own mask while it runs, and its children theirs. */
static enum scx_test_status test_self(struct test *t)
{
	enum scx_test_status status = SCX_TEST_PASS;
	cpu_set_t mask;
	pid_t child;
	int i, wstatus;

	for (i = 0; i < ROUNDS && status == SCX_TEST_PASS; i++) {
		cid_rand_mask(&t->cpus->usable, &mask);
		if (i == 0) { /* be sure that it is a change */
			CPU_ZERO(&mask);
			CPU_SET(cid_rand_cpu(&t->cpus->usable), &mask);
		}
		status = cid_affine(&t->st->map, t->recs, getpid(), &mask);
	}
	for (i = 0; i < 10 && status == SCX_TEST_PASS; i++) {
		cid_rand_mask(&t->cpus->usable, &mask);
		fflush(NULL);
		child = fork();
		SCX_FAIL_IF(child < 0, "fork: %s", strerror(errno));
		if (!child) {
			struct cid_rec rec;
			cpu_set_t old;

			sched_getaffinity(0, sizeof(old), &old);
			if (CPU_EQUAL(&old, &mask) && !cid_get_rec(t->recs, getpid(), &rec))
				_exit(0); /* no change, no call */
			_exit(cid_affine(&t->st->map, t->recs, getpid(), &mask));
		}
		SCX_ASSERT(waitpid(child, &wstatus, 0) == child);
		if (!WIFEXITED(wstatus) || WEXITSTATUS(wstatus) != SCX_TEST_PASS) {
			SCX_ERR("child %d failed", i);
			status = SCX_TEST_FAIL;
		}
	}
	sched_setaffinity(0, sizeof(t->cpus->usable), &t->cpus->usable);
	return status;
}

/* What BPF copied from the cmask within the arena */
static enum scx_test_status test_copies(struct test *t)
{
	enum scx_test_status status = SCX_TEST_PASS;
	pid_t workers[CID_NR_COPIES] = {};
	struct cid_rec rec = {};
	cpu_set_t mask;
	int i, round;

	for (i = 0; i < CID_NR_COPIES; i++) {
		workers[i] = cid_worker_start(CID_SLEEPER);
		t->skel->bss->copy_pids[i] = workers[i];
	}
	for (round = 0; round < ROUNDS * CID_NR_COPIES && status == SCX_TEST_PASS; round++) {
		struct cid_copy copy;

		i = round % CID_NR_COPIES;
		cid_rand_mask(&t->cpus->usable, &mask);
		if (round < CID_NR_COPIES) {
			CPU_ZERO(&mask);
			CPU_SET(cid_rand_cpu(&t->cpus->usable), &mask);
		}
		status = cid_affine(&t->st->map, t->recs, workers[i], &mask);
		if (status != SCX_TEST_PASS)
			break;
		copy = READ_ONCE(t->skel->arena->copies[i]);
		rec.base = copy.base;
		rec.nr_cids = copy.nr_cids;
		rec.alloc_words = copy.alloc_words;
		memcpy(rec.bits, copy.bits, sizeof(rec.bits));
		if (!cid_rec_is(&t->st->map, &rec, &mask)) {
			SCX_ERR("bad copy: base %u nr_cids %u alloc_words %u bits 0x%lx..",
				rec.base, rec.nr_cids, rec.alloc_words, rec.bits[0]);
			status = SCX_TEST_FAIL;
		}
	}
	for (i = 0; i < CID_NR_COPIES; i++) {
		t->skel->bss->copy_pids[i] = 0;
		cid_worker_stop(workers[i]);
	}
	return status;
}

/*
 * Fill the whole arena, let the kernel write cmasks on every CPU, and see what
 * else has changed.
 */
static enum scx_test_status test_beside(struct test *t)
{
	size_t size = CID_ARENA_PAGES * sysconf(_SC_PAGESIZE), copies, len, i, dummy;
	u8 *arena = bpf_map__initial_value(t->skel->maps.arena, &dummy);
	enum scx_test_status status;
	u8 *skip;
	int cpu;

	SCX_FAIL_IF(!arena, "The arena is not mapped");
	t->st->check = 0;
	memset(arena, PATTERN, size);
	SCX_ASSERT(cid_visit_cpus(t->cpus));
	t->st->check = 1;

	status = cid_storm(&t->st->map, t->recs, t->cpus, ROUNDS, true);
	if (status != SCX_TEST_PASS)
		return status;
	if (t->st->nr_moved) {
		printf("cmasks have moved: not looking at what is beside them\n");
		return SCX_TEST_PASS;
	}

	skip = calloc(1, size);
	SCX_FAIL_IF(!skip, "out of memory");
	len = 2 * sizeof(u64) + CID_NR_WORDS(t->cpus->nr_possible) * sizeof(u64);
	for (cpu = 0; cpu < CID_MAX_CPUS; cpu++) {
		u64 addr = t->st->cmask_addr[cpu];

		if (!addr)
			continue;
		if (addr < (u64)arena || addr + len > (u64)arena + size) {
			SCX_ERR("cmask of CPU %d is at 0x%lx, the arena at %p", cpu, addr, arena);
			status = SCX_TEST_FAIL;
			continue;
		}
		memset(skip + (addr - (u64)arena), 1, len);
	}
	copies = (u8 *)t->skel->arena - arena;
	for (i = 0; i < size && status == SCX_TEST_PASS; i++) {
		if (skip[i] || (i >= copies && i < copies + sizeof(*t->skel->arena)))
			continue;
		if (arena[i] != PATTERN) {
			SCX_ERR("byte 0x%lx of the arena is 0x%x", i, arena[i]);
			status = SCX_TEST_FAIL;
		}
	}
	free(skip);
	return status;
}

static bool write_file(const char *dir, const char *file, const char *text)
{
	char path[512];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static bool find_cgroup2(char *path, size_t len)
{
	char line[512], mnt[256], type[64];
	bool found = false;
	FILE *f;

	f = fopen("/proc/mounts", "r");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %255s %63s", mnt, type) != 2 || strcmp(type, "cgroup2"))
			continue;
		snprintf(path, len, "%s", mnt);
		found = true;
	}
	fclose(f);
	return found;
}

static void print_mask(char *buf, size_t len, const cpu_set_t *mask)
{
	size_t n = 0;
	int cpu;

	for (cpu = 0; cpu < CID_MAX_CPUS && n < len; cpu++)
		if (CPU_ISSET(cpu, mask))
			n += snprintf(buf + n, len - n, "%s%d", n ? "," : "", cpu);
}

/* The CPUs of a cgroup change, and with them the masks of its tasks. */
static enum scx_test_status test_cpuset(struct test *t)
{
	enum scx_test_status status = SCX_TEST_PASS;
	char root[256], dir[300], list[8192], pid[16];
	cpu_set_t mask;
	pid_t worker;
	int i;

	if (!find_cgroup2(root, sizeof(root))) {
		printf("no cgroup2: no cpuset\n");
		return SCX_TEST_PASS;
	}
	write_file(root, "cgroup.subtree_control", "+cpuset");
	snprintf(dir, sizeof(dir), "%s/" CGROUP, root);
	rmdir(dir);
	if (mkdir(dir, 0755)) {
		printf("cannot make a cgroup: no cpuset\n");
		return SCX_TEST_PASS;
	}
	worker = cid_worker_start(CID_SLEEPER);
	snprintf(pid, sizeof(pid), "%d", worker);

	CPU_ZERO(&mask);
	CPU_SET(cid_rand_cpu(&t->cpus->usable), &mask);
	for (i = 0; i < ROUNDS && status == SCX_TEST_PASS; i++) {
		print_mask(list, sizeof(list), &mask);
		if (!write_file(dir, "cpuset.cpus", list)) {
			printf("cannot set the CPUs of a cgroup: no cpuset\n");
			break;
		}
		if (!i && !write_file(dir, "cgroup.procs", pid)) {
			SCX_ERR("cannot move a task to a cgroup: %s", strerror(errno));
			status = SCX_TEST_FAIL;
			break;
		}
		status = cid_expect_rec(&t->st->map, t->recs, worker, &mask);
		cid_rand_mask(&t->cpus->usable, &mask);
	}
	cid_worker_stop(worker);
	if (!CID_WAIT_FOR(!rmdir(dir) || errno != EBUSY))
		status = SCX_TEST_FAIL;
	return status;
}

static enum scx_test_status run_tests(struct test *t)
{
	static const struct {
		enum scx_test_status (*fn)(struct test *t);
		const char *what;
		int min_cpus;
	} tests[] = {
		{ test_enable,	"on enable", 1 },
		{ test_self,	"by the task itself, and its children", 2 },
		{ test_copies,	"copied within the arena", 2 },
		{ test_cpuset,	"by cpusets", 2 },
		{ test_beside,	"from many CPUs, and nothing else is written", 1 },
	};
	enum scx_test_status status;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		if (CPU_COUNT(&t->cpus->usable) < tests[i].min_cpus) {
			printf("%s: needs %d CPUs\n", tests[i].what, tests[i].min_cpus);
			continue;
		}
		printf("%s\n", tests[i].what);
		status = tests[i].fn(t);
		SCX_FAIL_IF(CID_EXIT_KIND(t->skel) != EXIT_KIND(SCX_EXIT_NONE),
			    "The scheduler exited: %s", t->skel->data->uei.msg);
		if (status == SCX_TEST_PASS)
			status = cid_check_state(t->st);
		if (status != SCX_TEST_PASS)
			return status;
	}
	return SCX_TEST_PASS;
}

static enum scx_test_status run(void *ctx)
{
	enum scx_test_status status = SCX_TEST_PASS;
	struct test t = { .cpus = ctx };
	int override;

	for (override = 0; override < 2 && status == SCX_TEST_PASS; override++) {
		t.skel = CID_OPEN_LOAD(cid_set_cmask);
		SCX_FAIL_IF(!t.skel, "Failed to load skel");
		t.st = &t.skel->bss->st;
		t.recs = t.skel->maps.cid_recs;
		printf("= with %s cids\n", override ? "overridden" : "natural");
		if (override)
			cid_override_shuffle(t.st, t.cpus);
		status = run_tests(&t);
		cid_set_cmask__destroy(t.skel);
	}
	return status;
}

static void cleanup(void *ctx)
{
	free(ctx);
}

struct scx_test cid_set_cmask = {
	.name = "cid_set_cmask",
	.description = "Compare what ops.set_cmask() gets with the affinities of tasks",
	.setup = cid_setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_set_cmask)
