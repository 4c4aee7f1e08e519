// SPDX-License-Identifier: GPL-2.0
/*
 * The cids that operations get, and what select_cid() returns. Would catch: an
 * operation that is told the CPU and not the cid, with cids against the order of
 * CPUs; a task that goes to the CPU with the number of the cid; a dump that leaves
 * cids out or tells them twice.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cid_util.h"
#include "cid_dispatch.bpf.skel.h"

static enum scx_test_status check_wrong(struct cid_dispatch *skel)
{
	SCX_FAIL_IF(CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_NONE), "The scheduler exited: %s",
		    skel->data->uei.msg);
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_dispatch), 0);
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_idle), 0);
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_prev), 0);
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_selected), 0);
	return SCX_TEST_PASS;
}

/* Tasks come and go on each CPU: it is dispatched to, and gets idle and busy. */
static enum scx_test_status check_cpus(struct cid_dispatch *skel, const struct cid_cpus *cpus,
				       pid_t napper)
{
	cpu_set_t one;
	int cpu;

	for (cpu = 0; cpu < cpus->nr_ids; cpu++) {
		u64 *dispatch, *idle, *busy;
		s32 cid;

		if (!CPU_ISSET(cpu, &cpus->usable))
			continue;
		cid = skel->bss->st.map.cpu_to_cid[cpu];
		dispatch = &skel->bss->nr_dispatch[cid];
		idle = &skel->bss->nr_idle[cid];
		busy = &skel->bss->nr_busy[cid];
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		SCX_EQ(sched_setaffinity(napper, sizeof(one), &one), 0);
		if (!CID_WAIT_FOR(READ_ONCE(*dispatch) && READ_ONCE(*idle) && READ_ONCE(*busy)))
			SCX_FAIL("cid %d, CPU %d: %lu times dispatch, %lu idle, %lu busy", cid, cpu,
				 *dispatch, *idle, *busy);
	}
	SCX_EQ(sched_setaffinity(napper, sizeof(cpus->usable), &cpus->usable), 0);
	return check_wrong(skel);
}

static enum scx_test_status check_select(struct cid_dispatch *skel, const struct cid_cpus *cpus,
					 pid_t napper)
{
	/* Only then may the task go to any CPU. */
	if (cpus->nr_ids != CPU_COUNT(&cpus->usable) || cpus->nr_ids == 1) {
		printf("not all CPUs are usable, or only one: no selection\n");
		return SCX_TEST_PASS;
	}
	skel->bss->the_pid = napper;
	if (!CID_WAIT_FOR(READ_ONCE(skel->bss->nr_selected) > 100 &&
			  READ_ONCE(skel->bss->nr_prev_seen)))
		SCX_FAIL("ops.select_cid() was called %lu times", skel->bss->nr_selected);
	skel->bss->the_pid = 0;
	return check_wrong(skel);
}

static enum scx_test_status check_dump(struct cid_dispatch *skel, const struct cid_cpus *cpus)
{
	int cid;

	SCX_EQ(cid_run_prog(skel->progs.cid_dispatch_error), 0);
	SCX_ASSERT(CID_WAIT_EXIT(skel));
	SCX_EQ(CID_EXIT_KIND(skel), EXIT_KIND(SCX_EXIT_ERROR_BPF));
	SCX_EQ(READ_ONCE(skel->bss->nr_wrong_dump), 0);
	for (cid = 0; cid < cpus->nr_possible; cid++)
		SCX_FAIL_IF(skel->bss->nr_dump[cid] != 1, "cid %d was dumped %lu times", cid,
			    skel->bss->nr_dump[cid]);
	return SCX_TEST_PASS;
}

static enum scx_test_status run(void *ctx)
{
	enum scx_test_status status = SCX_TEST_PASS;
	const struct cid_cpus *cpus = ctx;
	struct cid_dispatch *skel;
	pid_t napper;
	int override;

	for (override = 0; override < 2 && status == SCX_TEST_PASS; override++) {
		printf("%s cids\n", override ? "overridden" : "natural");
		skel = CID_OPEN_LOAD(cid_dispatch);
		SCX_FAIL_IF(!skel, "Failed to load skel");
		if (override)
			cid_override_reverse(&skel->bss->st, cpus);
		if (!cid_attach(skel->maps.cid_dispatch_ops, &skel->links.cid_dispatch_ops)) {
			SCX_ERR("Failed to attach scheduler");
			cid_dispatch__destroy(skel);
			return SCX_TEST_FAIL;
		}
		napper = cid_worker_start(CID_NAPPER);
		status = check_cpus(skel, cpus, napper);
		if (status == SCX_TEST_PASS)
			status = check_select(skel, cpus, napper);
		if (status == SCX_TEST_PASS)
			status = check_dump(skel, cpus);
		cid_dispatch__destroy(skel);
		cid_worker_stop(napper);
	}
	return status;
}

static void cleanup(void *ctx)
{
	free(ctx);
}

struct scx_test cid_dispatch = {
	.name = "cid_dispatch",
	.description = "Check the cids that operations get",
	.setup = cid_setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_dispatch)
