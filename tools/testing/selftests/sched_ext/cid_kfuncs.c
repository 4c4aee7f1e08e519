// SPDX-License-Identifier: GPL-2.0
/*
 * The kfuncs that take or return cids, and local DSQs by cid. All of it with cids
 * that are against the order of CPUs, so that a CPU number that is taken for a
 * cid, or a cid for a CPU number, does not go unnoticed. Would catch that, and
 * bad cids that are not refused or that take more down than the scheduler.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sched.h>
#include <stdio.h>

#include "cid_util.h"
#include "cid_kfuncs_test.h"
#include "cid_kfuncs.bpf.skel.h"

static const char *const kfuncs[] = {
	[CID_KF_CPU_TO_CID] = "cpu_to_cid",
	[CID_KF_CID_TO_CPU] = "cid_to_cpu",
	[CID_KF_TOPO] = "cid_topo",
	[CID_KF_KICK] = "kick_cid",
	[CID_KF_CURR] = "cid_curr",
	[CID_KF_PERF_CAP] = "cidperf_cap",
	[CID_KF_PERF_CUR] = "cidperf_cur",
	[CID_KF_PERF_SET] = "cidperf_set",
	[CID_KF_PERF_SET_LEVEL] = "cidperf_set's level",
};

static struct cid_kfuncs *start(const struct cid_cpus *cpus)
{
	struct cid_kfuncs *skel = CID_OPEN_LOAD(cid_kfuncs);

	if (!skel)
		return NULL;
	cid_override_reverse(&skel->bss->st, cpus);
	if (!cid_attach(skel->maps.cid_kfuncs_ops, &skel->links.cid_kfuncs_ops)) {
		cid_kfuncs__destroy(skel);
		return NULL;
	}
	return skel;
}

static enum scx_test_status check_values(struct cid_kfuncs *skel, const struct cid_cpus *cpus)
{
	const struct cid_map *map = &skel->bss->st.map;
	enum scx_test_status status;
	struct cid_cpus now;
	cpu_set_t one;
	int cpu;

	status = cid_check_bijection(map, cpus);
	if (status != SCX_TEST_PASS)
		return status;
	SCX_ASSERT(cid_get_cpus(&now));
	SCX_EQ(map->nr_online_cids, now.nr_online);

	for (cpu = 0; cpu < cpus->nr_ids; cpu++) {
		if (!CPU_ISSET(cpu, &cpus->usable))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		SCX_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
		SCX_EQ(cid_run_prog(skel->progs.cid_kfuncs_this), map->cpu_to_cid[cpu]);
		skel->bss->the_cid = map->cpu_to_cid[cpu];
		SCX_EQ(cid_run_prog(skel->progs.cid_kfuncs_curr), getpid());
		SCX_EQ(cid_run_prog(skel->progs.cid_kfuncs_perf), 0);
	}
	sched_setaffinity(0, sizeof(cpus->usable), &cpus->usable);
	return SCX_TEST_PASS;
}

static enum scx_test_status check_wrong(struct cid_kfuncs *skel)
{
	SCX_FAIL_IF(CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_NONE), "The scheduler exited: %s",
		    skel->data->uei.msg);
	SCX_EQ(READ_ONCE(skel->bss->nr_astray), 0);
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_this), 0);
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_task), 0);
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_curr), 0);
	return SCX_TEST_PASS;
}

/* A task is sent to one CPU after another by its cid. */
static enum scx_test_status check_local_on(struct cid_kfuncs *skel, const struct cid_cpus *cpus,
					   pid_t napper)
{
	int cpu;
	u64 old;

	skel->bss->the_pid = napper;
	for (cpu = 0; cpu < cpus->nr_ids; cpu++) {
		if (!CPU_ISSET(cpu, &cpus->usable))
			continue;
		skel->bss->the_cid = skel->bss->st.map.cpu_to_cid[cpu];
		skel->bss->enqueue_to = CID_ENQ_LOCAL_ON;
		old = READ_ONCE(skel->bss->nr_landed);
		/* the second one is after the change for sure */
		if (!CID_WAIT_FOR(READ_ONCE(skel->bss->nr_landed) > old + 1 ||
				  READ_ONCE(skel->bss->nr_astray)))
			SCX_FAIL("The task was never seen on CPU %d", cpu);
	}
	skel->bss->enqueue_to = CID_ENQ_GLOBAL;
	SCX_EQ(READ_ONCE(skel->bss->nr_astray), 0);
	return SCX_TEST_PASS;
}

/* A task that nothing else would stop is kicked off one CPU after another. */
static enum scx_test_status check_kick(struct cid_kfuncs *skel, const struct cid_cpus *cpus,
				       pid_t spinner)
{
	cpu_set_t one, rest;
	int cpu;
	u64 old;

	if (CPU_COUNT(&cpus->usable) == 1) {
		printf("only one CPU: nobody could kick a task off it\n");
		return SCX_TEST_PASS;
	}
	skel->bss->the_pid = spinner;
	for (cpu = 0; cpu < cpus->nr_ids; cpu++) {
		if (!CPU_ISSET(cpu, &cpus->usable))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CPU_XOR(&rest, &cpus->usable, &one);
		SCX_EQ(sched_setaffinity(0, sizeof(rest), &rest), 0);
		SCX_EQ(sched_setaffinity(spinner, sizeof(one), &one), 0);
		skel->bss->the_cid = skel->bss->st.map.cpu_to_cid[cpu];
		skel->bss->enqueue_to = CID_ENQ_FOREVER;
		old = READ_ONCE(skel->bss->nr_kicked);
		/* It may be off the CPU when a kick comes, so there are many. */
		if (!CID_WAIT_FOR(!cid_run_prog(skel->progs.cid_kfuncs_kick) &&
				  READ_ONCE(skel->bss->nr_kicked) > old))
			SCX_FAIL("The task on CPU %d was not kicked", cpu);

		/* It would keep this task out when the other CPUs are only that one. */
		skel->bss->enqueue_to = CID_ENQ_GLOBAL;
		if (!CID_WAIT_FOR(!cid_run_prog(skel->progs.cid_kfuncs_kick) &&
				  !READ_ONCE(skel->bss->forever)))
			SCX_FAIL("The task on CPU %d keeps its slice", cpu);
	}
	SCX_EQ(sched_setaffinity(0, sizeof(cpus->usable), &cpus->usable), 0);
	return SCX_TEST_PASS;
}

static enum scx_test_status check_good(struct cid_kfuncs *skel, const struct cid_cpus *cpus)
{
	enum scx_test_status status;
	pid_t napper, spinner;
	u64 old;

	status = check_values(skel, cpus);
	if (status != SCX_TEST_PASS)
		return status;

	napper = cid_worker_start(CID_NAPPER);
	printf("SCX_DSQ_LOCAL_ON | cid\n");
	status = check_local_on(skel, cpus, napper);
	cid_worker_stop(napper);
	if (status != SCX_TEST_PASS)
		return status;

	spinner = cid_worker_start(CID_SPINNER);
	old = READ_ONCE(skel->bss->nr_ticks);
	printf("kick_cid\n");
	status = check_kick(skel, cpus, spinner);
	if (!CID_WAIT_FOR(READ_ONCE(skel->bss->nr_ticks) > old + 10)) {
		SCX_ERR("No ticks while a task spins");
		status = SCX_TEST_FAIL;
	}
	cid_worker_stop(spinner);
	return status == SCX_TEST_PASS ? check_wrong(skel) : status;
}

/* The scheduler dies of a bad cid, and only the scheduler. */
static enum scx_test_status check_one_bad(struct cid_kfuncs *skel, u32 kfunc, s32 cid)
{
	const char *what = kfunc < CID_NR_KFUNCS ? kfuncs[kfunc] : "SCX_DSQ_LOCAL_ON";
	pid_t napper = 0;
	bool exited;
	int kind;

	skel->data->uei.kind = EXIT_KIND(SCX_EXIT_NONE);
	skel->bss->enqueue_to = CID_ENQ_GLOBAL;
	skel->bss->the_cid = cid;
	SCX_FAIL_IF(!cid_attach(skel->maps.cid_kfuncs_ops, &skel->links.cid_kfuncs_ops),
		    "Failed to attach scheduler");
	if (kfunc < CID_NR_KFUNCS) {
		skel->bss->bad_kfunc = kfunc;
		cid_run_prog(skel->progs.cid_kfuncs_bad);
	} else {
		napper = cid_worker_start(CID_NAPPER);
		skel->bss->the_pid = napper;
		skel->bss->enqueue_to = CID_ENQ_LOCAL_ON;
	}
	exited = CID_WAIT_EXIT(skel);
	kind = CID_EXIT_KIND(skel);
	cid_detach(&skel->links.cid_kfuncs_ops);
	cid_worker_stop(napper);

	SCX_FAIL_IF(!exited, "%s: the scheduler goes on with cid %d", what, cid);
	SCX_FAIL_IF(kind != EXIT_KIND(SCX_EXIT_ERROR), "%s: exit kind is %d with cid %d", what,
		    kind, cid);
	printf("  %s: %s\n", what, skel->data->uei.msg);
	return SCX_TEST_PASS;
}

static enum scx_test_status check_bad(struct cid_kfuncs *skel, const struct cid_cpus *cpus)
{
	const s32 bad[] = { -1, cpus->nr_possible, INT_MAX, INT_MIN, CID_MAX_CPUS * 64 };
	enum scx_test_status status = SCX_TEST_PASS;
	u32 kfunc, i;

	printf("bad cids\n");
	for (kfunc = 0; kfunc <= CID_NR_KFUNCS; kfunc++) {
		for (i = 0; i < ARRAY_SIZE(bad) && status == SCX_TEST_PASS; i++) {
			/* CPUs are other numbers: there may be holes. */
			s32 cid = kfunc == CID_KF_CPU_TO_CID && i == 1 ? cpus->nr_ids : bad[i];

			if (kfunc != CID_KF_PERF_SET_LEVEL || !i)
				status = check_one_bad(skel, kfunc, cid);
		}
	}
	return status;
}

static enum scx_test_status run(void *ctx)
{
	const struct cid_cpus *cpus = ctx;
	enum scx_test_status status;
	struct cid_kfuncs *skel;

	skel = start(cpus);
	SCX_FAIL_IF(!skel, "Failed to load or attach");
	status = check_good(skel, cpus);
	cid_detach(&skel->links.cid_kfuncs_ops);
	if (status == SCX_TEST_PASS)
		status = check_bad(skel, cpus);
	cid_kfuncs__destroy(skel);
	return status;
}

static void cleanup(void *ctx)
{
	free(ctx);
}

struct scx_test cid_kfuncs = {
	.name = "cid_kfuncs",
	.description = "Call the kfuncs for cids, with good and with bad ones",
	.setup = cid_setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_kfuncs)
