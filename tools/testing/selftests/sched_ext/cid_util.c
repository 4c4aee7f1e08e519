// SPDX-License-Identifier: GPL-2.0
/*
 * The user space side that the cid tests have in common.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cid_util.h"
#include "util.h"

#define CPU_DIR		"/sys/devices/system/cpu"
#define MAX_STORM	16

double cid_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Sleep a bit, unless it has been tried long and often enough. */
bool cid_wait_on(double end, int looks)
{
	if (cid_now() >= end && looks >= CID_PATIENCE_LOOKS)
		return false;
	usleep(1000);
	return true;
}

bool cid_attach(const struct bpf_map *ops, struct bpf_link **link)
{
	*link = bpf_map__attach_struct_ops(ops);
	return *link;
}

void cid_detach(struct bpf_link **link)
{
	bpf_link__destroy(*link);
	*link = NULL;
}

/* Returns the number of CPUs in a list such as "0-3,8", or -errno. */
int cid_read_cpulist(const char *path, cpu_set_t *set)
{
	char buf[8192], *s = buf;
	FILE *f;

	CPU_ZERO(set);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	if (!fgets(buf, sizeof(buf), f))
		buf[0] = '\0';
	fclose(f);

	while (*s >= '0' && *s <= '9') {
		long first, last;

		first = strtol(s, &s, 10);
		last = first;
		if (*s == '-')
			last = strtol(s + 1, &s, 10);
		if (*s == ',')
			s++;
		if (last >= CID_MAX_CPUS)
			return -E2BIG;
		for (; first <= last; first++)
			CPU_SET(first, set);
	}
	return CPU_COUNT(set);
}

bool cid_get_cpus(struct cid_cpus *cpus)
{
	cpus->nr_possible = cid_read_cpulist(CPU_DIR "/possible", &cpus->possible);
	cpus->nr_online = cid_read_cpulist(CPU_DIR "/online", &cpus->online);
	if (cpus->nr_possible <= 0 || cpus->nr_online <= 0)
		return false;
	if (sched_getaffinity(0, sizeof(cpus->usable), &cpus->usable))
		return false;
	for (cpus->nr_ids = CID_MAX_CPUS; !CPU_ISSET(cpus->nr_ids - 1, &cpus->possible);)
		cpus->nr_ids--;
	return true;
}

enum scx_test_status cid_setup(void **ctx)
{
	struct cid_cpus *cpus = calloc(1, sizeof(*cpus));

	SCX_FAIL_IF(!cpus, "out of memory");
	if (!cid_get_cpus(cpus)) {
		fprintf(stderr, "cannot tell the CPUs, or there are more than %d\n", CID_MAX_CPUS);
		free(cpus);
		return SCX_TEST_SKIP;
	}
	*ctx = cpus;
	return SCX_TEST_PASS;
}

int cid_nth_cpu(const cpu_set_t *set, int n)
{
	int cpu;

	for (cpu = 0; cpu < CID_MAX_CPUS; cpu++)
		if (CPU_ISSET(cpu, set) && !n--)
			return cpu;
	return -1;
}

int cid_rand_cpu(const cpu_set_t *from)
{
	return cid_nth_cpu(from, random() % CPU_COUNT(from));
}

/* A subset that is not empty, of any size. */
void cid_rand_mask(const cpu_set_t *from, cpu_set_t *to)
{
	int percent = random() % 101, cpu;

	CPU_ZERO(to);
	for (cpu = 0; cpu < CID_MAX_CPUS; cpu++)
		if (CPU_ISSET(cpu, from) && random() % 100 < percent)
			CPU_SET(cpu, to);
	if (!CPU_COUNT(to))
		CPU_SET(cid_rand_cpu(from), to);
}

static const char *online_path(int cpu)
{
	static char path[64];

	snprintf(path, sizeof(path), CPU_DIR "/cpu%d/online", cpu);
	return path;
}

bool cid_cpu_can_hotplug(int cpu)
{
	return !access(online_path(cpu), W_OK);
}

bool cid_cpu_set_online(int cpu, bool online)
{
	if (file_write_long(online_path(cpu), online)) {
		fprintf(stderr, "cannot bring CPU %d %s\n", cpu, online ? "online" : "offline");
		return false;
	}
	return true;
}

static void override_start(struct cid_state *st, const struct cid_cpus *cpus)
{
	int cpu;

	st->override = 1;
	st->override_sz = cpus->nr_ids * sizeof(s32);
	for (cpu = 0; cpu < CID_MAX_CPUS; cpu++)
		st->override_cids[cpu] = -1;
}

void cid_override_reverse(struct cid_state *st, const struct cid_cpus *cpus)
{
	int cpu, cid = cpus->nr_possible;

	override_start(st, cpus);
	for (cpu = 0; cpu < cpus->nr_ids; cpu++)
		if (CPU_ISSET(cpu, &cpus->possible))
			st->override_cids[cpu] = --cid;
}

void cid_override_shuffle(struct cid_state *st, const struct cid_cpus *cpus)
{
	int i, j, a, b;
	s32 tmp;

	cid_override_reverse(st, cpus);
	for (i = cpus->nr_possible - 1; i > 0; i--) {
		j = random() % (i + 1);
		a = cid_nth_cpu(&cpus->possible, i);
		b = cid_nth_cpu(&cpus->possible, j);
		tmp = st->override_cids[a];
		st->override_cids[a] = st->override_cids[b];
		st->override_cids[b] = tmp;
	}
}

pid_t cid_worker_start(enum cid_worker_kind kind)
{
	pid_t parent = getpid(), pid;

	pid = fork();
	if (pid)
		return pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (;;) {
		if (kind == CID_SLEEPER)
			pause();
		else if (kind == CID_NAPPER)
			usleep(500);
	}
}

void cid_worker_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int cid_run_prog(const struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, topts);
	int err;

	err = bpf_prog_test_run_opts(bpf_program__fd(prog), &topts);
	return err ?: (int)topts.retval;
}

bool cid_visit_cpus(const struct cid_cpus *cpus)
{
	bool ok = true;
	cpu_set_t one;
	int cpu;

	for (cpu = 0; cpu < cpus->nr_ids; cpu++) {
		if (!CPU_ISSET(cpu, &cpus->usable))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		ok &= !sched_setaffinity(0, sizeof(one), &one) && sched_getcpu() == cpu;
	}
	return !sched_setaffinity(0, sizeof(cpus->usable), &cpus->usable) && ok;
}

enum scx_test_status cid_check_bijection(const struct cid_map *map, const struct cid_cpus *cpus)
{
	bool seen[CID_MAX_CPUS] = {};
	s32 cpu, cid;

	SCX_EQ(map->nr_cpu_ids, cpus->nr_ids);
	SCX_EQ(map->nr_cids, cpus->nr_possible);
	for (cpu = 0; cpu < cpus->nr_ids; cpu++) {
		if (!CPU_ISSET(cpu, &cpus->possible))
			continue;
		cid = map->cpu_to_cid[cpu];
		SCX_FAIL_IF(cid < 0 || cid >= cpus->nr_possible, "CPU %d has cid %d", cpu, cid);
		SCX_FAIL_IF(seen[cid], "CPU %d is not the only one with cid %d", cpu, cid);
		seen[cid] = true;
		SCX_FAIL_IF(map->cid_to_cpu[cid] != cpu, "CPU %d has cid %d, which is CPU %d",
			    cpu, cid, map->cid_to_cpu[cid]);
	}
	return SCX_TEST_PASS;
}

static bool topo_is_none(const struct cid_topo *t)
{
	return t->core_cid == -1 && t->core_idx == -1 && t->llc_cid == -1 && t->llc_idx == -1 &&
	       t->node_cid == -1 && t->node_idx == -1;
}

enum scx_test_status cid_check_topo_none(const struct cid_map *map)
{
	u32 cid;

	for (cid = 0; cid < map->nr_cids; cid++)
		SCX_FAIL_IF(!topo_is_none(&map->topo[cid]), "cid %u has topology", cid);
	return SCX_TEST_PASS;
}

enum scx_test_status cid_check_state(const struct cid_state *st)
{
	const struct cid_bad *bad = &st->bad;

	if (st->nr_bad) {
		SCX_ERR("%lu bad cmasks of %lu", st->nr_bad, st->nr_checked);
		SCX_FAIL("first: task %d base %u nr_cids %u alloc_words %u word %d 0x%lx not 0x%lx",
			 bad->pid, bad->base, bad->nr_cids, bad->alloc_words, (int)bad->word,
			 bad->got, bad->want);
	}
	SCX_GT(st->nr_checked, 0);
	SCX_EQ(st->nr_lost, 0);
	return SCX_TEST_PASS;
}

bool cid_rec_is(const struct cid_map *map, const struct cid_rec *rec, const cpu_set_t *cpus)
{
	u32 nr_words = CID_NR_WORDS(map->nr_cids);
	u64 want[CID_MAX_WORDS] = {};
	u32 cpu;
	s32 cid;

	if (rec->base || rec->nr_cids != map->nr_cids || rec->alloc_words != nr_words)
		return false;
	for (cpu = 0; cpu < map->nr_cpu_ids; cpu++) {
		cid = map->cpu_to_cid[cpu];
		if (cid >= 0 && CPU_ISSET(cpu, cpus))
			want[cid / 64] |= 1LLU << (cid % 64);
	}
	return !memcmp(rec->bits, want, nr_words * sizeof(u64));
}

bool cid_get_rec(const struct bpf_map *recs, pid_t pid, struct cid_rec *rec)
{
	return !bpf_map_lookup_elem(bpf_map__fd(recs), &pid, rec);
}

enum scx_test_status cid_expect_rec(const struct cid_map *map, const struct bpf_map *recs,
				    pid_t pid, const cpu_set_t *cpus)
{
	struct cid_rec rec = {};

	if (CID_WAIT_FOR(cid_get_rec(recs, pid, &rec) && cid_rec_is(map, &rec, cpus)))
		return SCX_TEST_PASS;

	SCX_ERR("task %d with %d CPUs: bad record of call %lu of ops.set_cmask()", pid,
		CPU_COUNT(cpus), rec.nr_calls);
	SCX_FAIL("base %u nr_cids %u alloc_words %u bits 0x%lx 0x%lx..", rec.base, rec.nr_cids,
		 rec.alloc_words, rec.bits[0], rec.bits[1]);
}

/*
 * The task should be asleep: the effective mask of one that is preempted while
 * it must not migrate is for some time another. ops.set_cmask() is not called for a
 * mask that the task has already, so that it may never have been.
 */
enum scx_test_status cid_affine(const struct cid_map *map, const struct bpf_map *recs,
				pid_t pid, const cpu_set_t *cpus)
{
	struct cid_rec rec;
	cpu_set_t old;

	SCX_FAIL_IF(sched_getaffinity(pid, sizeof(old), &old), "sched_getaffinity(%d): %s",
		    pid, strerror(errno));
	SCX_FAIL_IF(sched_setaffinity(pid, sizeof(*cpus), cpus),
		    "sched_setaffinity(%d): %s", pid, strerror(errno));
	if (CPU_EQUAL(&old, cpus) && !cid_get_rec(recs, pid, &rec))
		return SCX_TEST_PASS;
	return cid_expect_rec(map, recs, pid, cpus);
}

struct storm {
	const struct cid_map *map;
	const struct bpf_map *recs;
	const struct cid_cpus *cpus;
	int rounds;
	bool exact;
};

struct storm_thread {
	const struct storm *storm;
	pthread_t thread;
	int cpu;
	pid_t worker;
	enum scx_test_status status;
};

static void *storm_fn(void *arg)
{
	struct storm_thread *t = arg;
	const struct storm *s = t->storm;
	cpu_set_t mask;
	int i;

	CPU_ZERO(&mask);
	CPU_SET(t->cpu, &mask);
	t->status = SCX_TEST_FAIL;
	if (sched_setaffinity(0, sizeof(mask), &mask))
		return NULL;

	/* This is a change, so there will be a record of the task. */
	if (s->exact && cid_affine(s->map, s->recs, t->worker, &mask) != SCX_TEST_PASS)
		return NULL;

	for (i = 0; i < s->rounds; i++) {
		cid_rand_mask(&s->cpus->usable, &mask);
		if (s->exact) {
			if (cid_affine(s->map, s->recs, t->worker, &mask) != SCX_TEST_PASS)
				return NULL;
		} else if (sched_setaffinity(t->worker, sizeof(mask), &mask)) {
			return NULL;
		}
	}
	t->status = SCX_TEST_PASS;
	return NULL;
}

enum scx_test_status cid_storm(const struct cid_map *map, const struct bpf_map *recs,
			       const struct cid_cpus *cpus, int rounds, bool exact)
{
	struct storm storm = {
		.map = map, .recs = recs, .cpus = cpus, .rounds = rounds, .exact = exact,
	};
	struct storm_thread threads[MAX_STORM] = {};
	int nr = CPU_COUNT(&cpus->usable), i, started = 0;
	enum scx_test_status status = SCX_TEST_PASS;

	if (nr == 1)
		storm.exact = false; /* no change is possible */
	if (nr > MAX_STORM)
		nr = MAX_STORM;
	for (i = 0; i < nr; i++) {
		threads[i].storm = &storm;
		threads[i].cpu = cid_nth_cpu(&cpus->usable, i);
		threads[i].worker = cid_worker_start(CID_SLEEPER);
		if (threads[i].worker < 0)
			status = SCX_TEST_FAIL;
	}
	while (status == SCX_TEST_PASS && started < nr) {
		if (pthread_create(&threads[started].thread, NULL, storm_fn, &threads[started]))
			status = SCX_TEST_FAIL;
		else
			started++;
	}
	for (i = 0; i < started; i++) {
		pthread_join(threads[i].thread, NULL);
		if (threads[i].status != SCX_TEST_PASS)
			status = SCX_TEST_FAIL;
	}
	for (i = 0; i < nr; i++)
		cid_worker_stop(threads[i].worker);
	return status;
}
