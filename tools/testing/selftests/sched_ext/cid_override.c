// SPDX-License-Identifier: GPL-2.0
/*
 * scx_bpf_cid_override(). Would catch: an override that only some users of the
 * mapping see, such as the tables, set_cmask() or the range checks; topology
 * that is left over; bad input that gets through; calls from where the mapping
 * has users already.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "cid_util.h"
#include "cid_override.bpf.skel.h"
#include "cid_override_deny.bpf.skel.h"

static enum scx_test_status check_good(struct cid_override *skel, const struct cid_cpus *cpus)
{
	struct cid_state *st = &skel->bss->st;
	enum scx_test_status status;
	int cpu;

	st->check = 1;
	SCX_FAIL_IF(!cid_attach(skel->maps.cid_override_ops, &skel->links.cid_override_ops),
		    "Failed to attach scheduler");
	status = cid_check_bijection(&st->map, cpus);
	if (status != SCX_TEST_PASS)
		return status;
	for (cpu = 0; cpu < cpus->nr_ids; cpu++)
		if (CPU_ISSET(cpu, &cpus->possible))
			SCX_EQ(st->map.cpu_to_cid[cpu], st->override_cids[cpu]);
	status = cid_check_topo_none(&st->map);
	if (status != SCX_TEST_PASS)
		return status;

	status = cid_storm(&st->map, skel->maps.cid_recs, cpus, 10, true);
	if (status != SCX_TEST_PASS)
		return status;
	SCX_FAIL_IF(CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_NONE), "The scheduler exited: %s",
		    skel->data->uei.msg);
	return cid_check_state(st);
}

static enum scx_test_status check_bad(struct cid_override *skel)
{
	/* A failure of ops.init() need not fail the attachment. */
	cid_attach(skel->maps.cid_override_ops, &skel->links.cid_override_ops);
	SCX_FAIL_IF(!CID_WAIT_EXIT(skel), "The scheduler did not exit");
	SCX_EQ(CID_EXIT_KIND(skel), EXIT_KIND(SCX_EXIT_ERROR));
	SCX_FAIL_IF(!skel->data->uei.msg[0], "No message");
	printf("  %s\n", skel->data->uei.msg);
	return SCX_TEST_PASS;
}

enum variant {
	GOOD_SHUFFLED, GOOD_REVERSED, GOOD_IMPOSSIBLE, GOOD_LARGE,
	BAD_DUPLICATE, BAD_HIGH, BAD_HUGE, BAD_NEGATIVE, BAD_MINIMUM, BAD_LAST,
	BAD_SIZE, BAD_SIZE_BYTE, BAD_SIZE_0, BAD_TWICE,
	NR_VARIANTS
};

static const char *const variants[] = {
	[GOOD_SHUFFLED] = "a random permutation",
	[GOOD_REVERSED] = "cids against the order of CPUs",
	[GOOD_IMPOSSIBLE] = "anything for impossible CPUs",
	[GOOD_LARGE] = "an array that is longer than needed",
	[BAD_DUPLICATE] = "two CPUs with one cid",
	[BAD_HIGH] = "a cid one too high",
	[BAD_HUGE] = "INT_MAX",
	[BAD_NEGATIVE] = "-1",
	[BAD_MINIMUM] = "INT_MIN",
	[BAD_LAST] = "a bad cid for the last CPU",
	[BAD_SIZE] = "an array that is one entry short",
	[BAD_SIZE_BYTE] = "an array that is one byte short",
	[BAD_SIZE_0] = "an empty array",
	[BAD_TWICE] = "two calls",
};

static enum scx_test_status run_variant(enum variant variant, const struct cid_cpus *cpus)
{
	int first = cid_nth_cpu(&cpus->possible, 0), cpu;
	enum scx_test_status status;
	struct cid_override *skel;
	struct cid_state *st;

	skel = CID_OPEN_LOAD(cid_override);
	SCX_FAIL_IF(!skel, "Failed to load skel");
	st = &skel->bss->st;
	if (variant == GOOD_REVERSED)
		cid_override_reverse(st, cpus);
	else
		cid_override_shuffle(st, cpus);

	switch (variant) {
	case GOOD_IMPOSSIBLE:
		for (cpu = 0; cpu < CID_MAX_CPUS; cpu++)
			if (!CPU_ISSET(cpu, &cpus->possible))
				st->override_cids[cpu] = cpu % 2 ? 0x7fffffff : 0;
		break;
	case GOOD_LARGE:
		st->override_sz = sizeof(st->override_cids);
		break;
	case BAD_DUPLICATE:
		st->override_cids[cpus->nr_ids - 1] = st->override_cids[first];
		break;
	case BAD_HIGH:
		st->override_cids[first] = cpus->nr_possible;
		break;
	case BAD_HUGE:
		st->override_cids[first] = 0x7fffffff;
		break;
	case BAD_NEGATIVE:
		st->override_cids[first] = -1;
		break;
	case BAD_MINIMUM:
		st->override_cids[first] = -0x7fffffff - 1;
		break;
	case BAD_LAST:
		st->override_cids[cpus->nr_ids - 1] = -1;
		break;
	case BAD_SIZE:
		st->override_sz -= sizeof(s32);
		break;
	case BAD_SIZE_BYTE:
		st->override_sz -= 1;
		break;
	case BAD_SIZE_0:
		st->override_sz = 0;
		break;
	case BAD_TWICE:
		st->override = 2;
		break;
	default:
		break;
	}
	status = variant < BAD_DUPLICATE ? check_good(skel, cpus) : check_bad(skel);
	cid_override__destroy(skel);
	return status;
}

enum deny { ALLOW_INIT, DENY_RUNNABLE, DENY_DISPATCH, DENY_INIT_TASK, DENY_EXIT,
	    DENY_CID_ONLINE, DENY_SYSCALL, NR_DENY };

/* Does the program load? */
static enum scx_test_status run_deny(enum deny deny)
{
	struct cid_override_deny *skel = CID_OPEN(cid_override_deny);
	struct bpf_program *prog = NULL;
	libbpf_print_fn_t print;
	char log[16384] = "";
	const char *name;
	bool ok;
	int err;

	SCX_FAIL_IF(!skel, "Failed to open skel");
	switch (deny) {
	case ALLOW_INIT:
		prog = skel->progs.cid_allow_init;
		skel->struct_ops.cid_override_deny_ops->init = prog;
		break;
	case DENY_RUNNABLE:
		prog = skel->progs.cid_deny_runnable;
		skel->struct_ops.cid_override_deny_ops->runnable = prog;
		break;
	case DENY_DISPATCH:
		prog = skel->progs.cid_deny_dispatch;
		skel->struct_ops.cid_override_deny_ops->dispatch = prog;
		break;
	case DENY_INIT_TASK:
		prog = skel->progs.cid_deny_init_task;
		skel->struct_ops.cid_override_deny_ops->init_task = prog;
		break;
	case DENY_EXIT:
		prog = skel->progs.cid_deny_exit;
		skel->struct_ops.cid_override_deny_ops->exit = prog;
		break;
	case DENY_CID_ONLINE:
		prog = skel->progs.cid_deny_cid_online;
		skel->struct_ops.cid_override_deny_ops->cid_online = prog;
		break;
	case DENY_SYSCALL:
	default:
		prog = skel->progs.cid_deny_syscall;
		bpf_program__set_autoload(prog, true);
		break;
	}
	name = bpf_program__name(prog);
	bpf_program__set_log_buf(prog, log, sizeof(log));
	print = libbpf_set_print(NULL); /* it is expected to fail */
	err = cid_override_deny__load(skel);
	libbpf_set_print(print);
	if (deny == ALLOW_INIT)
		ok = !err;
	else
		ok = err && strstr(log, "scx_bpf_cid_override") && strstr(log, "not allowed");
	if (!ok)
		SCX_ERR("%s: loading gave %d, log: %s", name, err, log);
	cid_override_deny__destroy(skel);
	return ok ? SCX_TEST_PASS : SCX_TEST_FAIL;
}

static enum scx_test_status run(void *ctx)
{
	const struct cid_cpus *cpus = ctx;
	enum scx_test_status status;
	enum variant variant;
	enum deny deny;

	for (variant = 0; variant < NR_VARIANTS; variant++) {
		if (variant == BAD_DUPLICATE && cpus->nr_possible == 1)
			continue;
		printf("%s\n", variants[variant]);
		status = run_variant(variant, cpus);
		if (status != SCX_TEST_PASS)
			return status;
	}

	printf("calls from elsewhere\n");
	for (deny = 0; deny < NR_DENY; deny++) {
		status = run_deny(deny);
		if (status != SCX_TEST_PASS)
			return status;
	}
	return SCX_TEST_PASS;
}

static void cleanup(void *ctx)
{
	free(ctx);
}

struct scx_test cid_override = {
	.name = "cid_override",
	.description = "Give CPUs other cids, and try to with bad input",
	.setup = cid_setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_override)
