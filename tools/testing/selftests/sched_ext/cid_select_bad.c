// SPDX-License-Identifier: GPL-2.0
/*
 * ops.select_cid() returns bad cids. Would catch a missing or a wrong range check
 * of what BPF returns, which ends in an index out of bounds.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>

#include "cid_util.h"
#include "cid_select_bad.bpf.skel.h"

static enum scx_test_status run_one(s32 cid)
{
	enum scx_test_status status = SCX_TEST_FAIL;
	struct cid_select_bad *skel;
	pid_t napper = 0;

	printf("%d\n", cid);
	skel = CID_OPEN_LOAD(cid_select_bad);
	SCX_FAIL_IF(!skel, "Failed to load skel");
	if (!cid_attach(skel->maps.cid_select_bad_ops, &skel->links.cid_select_bad_ops)) {
		SCX_ERR("Failed to attach scheduler");
		goto out;
	}
	napper = cid_worker_start(CID_NAPPER);
	skel->bss->the_cid = cid;
	skel->bss->the_pid = napper;
	if (!CID_WAIT_EXIT(skel)) {
		SCX_ERR("The scheduler goes on");
		goto out;
	}
	if (CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_ERROR)) {
		SCX_ERR("Exit kind is %d", CID_EXIT_KIND(skel));
		goto out;
	}
	printf("  %s\n", skel->data->uei.msg);
	status = SCX_TEST_PASS;
out:
	cid_select_bad__destroy(skel);
	cid_worker_stop(napper);
	return status;
}

static enum scx_test_status run(void *ctx)
{
	const struct cid_cpus *cpus = ctx;
	const s32 bad[] = { -1, -EBUSY, cpus->nr_possible, CID_MAX_CPUS * 64, INT_MAX, INT_MIN };
	enum scx_test_status status = SCX_TEST_PASS;
	u32 i;

	/* With one CPU, ops.select_cpu() is never called. */
	if (cpus->nr_possible == 1 || CPU_COUNT(&cpus->usable) == 1) {
		fprintf(stderr, "only one CPU\n");
		return SCX_TEST_SKIP;
	}
	for (i = 0; i < ARRAY_SIZE(bad) && status == SCX_TEST_PASS; i++)
		status = run_one(bad[i]);
	return status;
}

static void cleanup(void *ctx)
{
	free(ctx);
}

struct scx_test cid_select_bad = {
	.name = "cid_select_bad",
	.description = "Return bad cids from ops.select_cid()",
	.setup = cid_setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_select_bad)
