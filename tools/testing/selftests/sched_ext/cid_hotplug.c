// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs go offline and come back. Would catch: operations that get the CPU and not
 * the cid; a mapping that is rebuilt under a scheduler; a CPU that comes online
 * for the first time and has no cid; cmasks that lose CPUs; a scheduler without
 * the operations that is not told to restart.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "cid_util.h"
#include "cid_hotplug.bpf.skel.h"

struct test {
	struct cid_cpus cpus;
	int cpu;	/* the one that goes */
};

static enum scx_test_status setup(void **ctx)
{
	struct test *t = calloc(1, sizeof(*t));
	int cpu;

	SCX_FAIL_IF(!t, "out of memory");
	if (!cid_get_cpus(&t->cpus))
		goto skip;
	for (cpu = 0; cpu < t->cpus.nr_ids && !t->cpu; cpu++)
		if (cpu && CPU_ISSET(cpu, &t->cpus.usable) && cid_cpu_can_hotplug(cpu))
			t->cpu = cpu;
	if (!t->cpu || CPU_COUNT(&t->cpus.usable) < 2) {
		fprintf(stderr, "only one CPU, or none that can be taken offline\n");
		goto skip;
	}
	*ctx = t;
	return SCX_TEST_PASS;
skip:
	free(t);
	return SCX_TEST_SKIP;
}

static void cleanup(void *ctx)
{
	struct test *t = ctx;

	cid_cpu_set_online(t->cpu, true);
	free(t);
}

static struct cid_hotplug *start(struct test *t, bool with_ops, bool override)
{
	struct cid_hotplug *skel = CID_OPEN(cid_hotplug);

	if (!skel)
		return NULL;
	bpf_program__set_autoload(skel->progs.cid_snapshot_now, true);
	if (cid_hotplug__load(skel)) {
		cid_hotplug__destroy(skel);
		return NULL;
	}
	skel->bss->st.check = 1;
	if (override)
		cid_override_reverse(&skel->bss->st, &t->cpus);
	if (with_ops)
		cid_attach(skel->maps.cid_hotplug_ops, &skel->links.cid_hotplug_ops);
	else
		cid_attach(skel->maps.cid_hotplug_none_ops, &skel->links.cid_hotplug_none_ops);
	if (!skel->links.cid_hotplug_ops && !skel->links.cid_hotplug_none_ops) {
		cid_hotplug__destroy(skel);
		return NULL;
	}
	return skel;
}

static enum scx_test_status check_mapping(struct cid_hotplug *skel)
{
	struct cid_state *st = &skel->bss->st;
	u32 nr_online = st->map.nr_online_cids;

	SCX_EQ(cid_run_prog(skel->progs.cid_snapshot_now), 0);
	/* all but this number is as it was */
	st->map.nr_online_cids = st->now.nr_online_cids;
	SCX_FAIL_IF(memcmp(&st->map, &st->now, sizeof(st->map)), "The mapping has changed");
	st->map.nr_online_cids = nr_online;
	return SCX_TEST_PASS;
}

/* Toggle the CPU and expect the operation with its cid. */
static enum scx_test_status toggle(struct test *t, struct cid_hotplug *skel, bool online)
{
	u64 *calls = online ? &skel->bss->nr_online : &skel->bss->nr_offline;
	u64 *others = online ? &skel->bss->nr_offline : &skel->bss->nr_online;
	u64 nr_calls = READ_ONCE(*calls), nr_others = READ_ONCE(*others);
	enum scx_test_status status;
	s32 cid;

	SCX_ASSERT(cid_cpu_set_online(t->cpu, online));
	SCX_ASSERT(CID_WAIT_FOR(READ_ONCE(*calls) != nr_calls));
	SCX_EQ(READ_ONCE(*calls), nr_calls + 1);
	SCX_EQ(READ_ONCE(*others), nr_others);
	cid = online ? READ_ONCE(skel->data->online_cid) : READ_ONCE(skel->data->offline_cid);
	SCX_EQ(cid, skel->bss->st.map.cpu_to_cid[t->cpu]);
	SCX_FAIL_IF(CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_NONE), "The scheduler exited: %s",
		    skel->data->uei.msg);

	status = check_mapping(skel);
	if (status == SCX_TEST_PASS) {
		struct cid_cpus now;

		SCX_ASSERT(cid_get_cpus(&now));
		SCX_EQ(skel->bss->st.now.nr_online_cids, now.nr_online);
	}
	return status;
}

static enum scx_test_status check_stays(struct test *t, bool override, bool starts_offline)
{
	enum scx_test_status status = SCX_TEST_PASS;
	struct cid_cpus cpus = t->cpus;
	struct cid_hotplug *skel;
	int i;

	CPU_CLR(t->cpu, &cpus.usable);
	if (starts_offline)
		SCX_ASSERT(cid_cpu_set_online(t->cpu, false));
	skel = start(t, true, override);
	SCX_FAIL_IF(!skel, "Failed to load or attach");
	status = cid_check_bijection(&skel->bss->st.map, &t->cpus);

	for (i = starts_offline; i < 6 && status == SCX_TEST_PASS; i++) {
		status = toggle(t, skel, i % 2);
		/* cmasks with and, when it is there, without the CPU */
		if (status == SCX_TEST_PASS)
			status = cid_storm(&skel->bss->st.map, skel->maps.cid_recs,
					   i % 2 ? &t->cpus : &cpus, 5, true);
	}
	if (status == SCX_TEST_PASS)
		status = cid_check_state(&skel->bss->st);
	cid_hotplug__destroy(skel);
	return status;
}

static enum scx_test_status check_exits(struct test *t, bool onlining)
{
	s64 code = SCX_ECODE_VAL(SCX_ECODE_ACT_RESTART) | SCX_ECODE_VAL(SCX_ECODE_RSN_HOTPLUG);
	enum scx_test_status status = SCX_TEST_FAIL;
	struct cid_hotplug *skel;

	SCX_ASSERT(cid_cpu_set_online(t->cpu, !onlining));
	skel = start(t, false, false);
	SCX_FAIL_IF(!skel, "Failed to load or attach");
	if (!cid_cpu_set_online(t->cpu, onlining))
		goto out;
	if (!CID_WAIT_EXIT(skel))
		SCX_ERR("The scheduler goes on");
	else if (CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_UNREG_KERN) ||
		 skel->data->uei.exit_code != code)
		SCX_ERR("Exit kind %d, code 0x%lx", CID_EXIT_KIND(skel),
			skel->data->uei.exit_code);
	else
		status = SCX_TEST_PASS;
out:
	cid_hotplug__destroy(skel);
	cid_cpu_set_online(t->cpu, true);
	return status;
}

static enum scx_test_status run(void *ctx)
{
	enum scx_test_status status;
	struct test *t = ctx;
	cpu_set_t rest;
	int i;

	/* Nobody changes the affinity of this task but itself. */
	rest = t->cpus.usable;
	CPU_CLR(t->cpu, &rest);
	sched_setaffinity(0, sizeof(rest), &rest);

	for (i = 0; i < 4; i++) {
		printf("%s cids, CPU %d %s at first\n", i & 1 ? "overridden" : "natural", t->cpu,
		       i & 2 ? "offline" : "online");
		status = check_stays(t, i & 1, i & 2);
		cid_cpu_set_online(t->cpu, true);
		if (status != SCX_TEST_PASS)
			goto out;
	}
	for (i = 0; i < 2 && status == SCX_TEST_PASS; i++) {
		printf("without operations, CPU %d goes %s\n", t->cpu, i ? "online" : "offline");
		status = check_exits(t, i);
	}
out:
	sched_setaffinity(0, sizeof(t->cpus.usable), &t->cpus.usable);
	return status;
}

struct scx_test cid_hotplug = {
	.name = "cid_hotplug",
	.description = "Take a CPU offline and online under schedulers in cid form",
	.setup = setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_hotplug)
