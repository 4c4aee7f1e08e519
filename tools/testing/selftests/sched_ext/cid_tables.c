// SPDX-License-Identifier: GPL-2.0
/*
 * The cid tables against the topology that sysfs shows. Would catch: units that
 * are not contiguous, e.g. of interleaved CPU numbers; wrong first cids and
 * indices; offline CPUs amidst the others or with topology; a mapping that is no
 * bijection, e.g. with holes in the possible CPUs.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "cid_util.h"
#include "util.h"
#include "cid_tables.bpf.skel.h"

enum level { CORE, LLC, NODE, NR_LEVELS };
static const char *const level_names[] = { "core", "LLC", "node" };

/* CPUs of the unit that a CPU is in, of online CPUs only */
static cpu_set_t units[NR_LEVELS][CID_MAX_CPUS];

static s32 topo_cid(const struct cid_topo *t, enum level level)
{
	return level == CORE ? t->core_cid : level == LLC ? t->llc_cid : t->node_cid;
}

static s32 topo_idx(const struct cid_topo *t, enum level level)
{
	return level == CORE ? t->core_idx : level == LLC ? t->llc_idx : t->node_idx;
}

static void read_node(int cpu, const struct cid_cpus *cpus, cpu_set_t *set)
{
	char path[128];
	int node;

	for (node = 0; node < CID_MAX_CPUS; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
		if (cid_read_cpulist(path, set) > 0 && CPU_ISSET(cpu, set))
			return;
	}
	*set = cpus->online; /* not a NUMA kernel */
}

/* Is there a last level of the cache? */
static bool read_llc(int cpu, cpu_set_t *set)
{
	long level, highest = 0;
	char path[128];
	cpu_set_t tmp;
	int i;

	for (i = 0; i < 16; i++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/cache/index%d/level", cpu, i);
		level = file_read_long(path);
		if (level < highest || level <= 0)
			continue;
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/cache/index%d/shared_cpu_list", cpu, i);
		if (cid_read_cpulist(path, &tmp) <= 0)
			continue;
		highest = level;
		*set = tmp;
	}
	return highest;
}

static void read_units(int cpu, const struct cid_cpus *cpus, const struct cid_map *map)
{
	cpu_set_t *core = &units[CORE][cpu], *llc = &units[LLC][cpu], *node = &units[NODE][cpu];
	s32 llc_cid = map->topo[map->cpu_to_cid[cpu]].llc_cid;
	char path[128];
	s32 other;

	read_node(cpu, cpus, node);
	CPU_AND(node, node, &cpus->online);

	if (!read_llc(cpu, llc)) {
		/* Unknown, so take the word of the kernel which CPUs share it. */
		CPU_ZERO(llc);
		for (other = 0; other < cpus->nr_ids; other++)
			if (CPU_ISSET(other, &cpus->online) &&
			    map->topo[map->cpu_to_cid[other]].llc_cid == llc_cid)
				CPU_SET(other, llc);
	}
	CPU_AND(llc, llc, node);

	snprintf(path, sizeof(path),
		 "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
	if (cid_read_cpulist(path, core) <= 0) {
		CPU_ZERO(core);
		CPU_SET(cpu, core);
	}
	CPU_AND(core, core, llc);
}

static enum scx_test_status check_level(enum level level, const struct cid_cpus *cpus,
					const struct cid_map *map)
{
	s32 first[CID_MAX_CPUS]; /* first cid of the unit that a cid is in */
	s32 cid, cpu, other, idx = -1;

	for (cid = 0; cid < cpus->nr_online; cid++) {
		s32 lowest = CID_MAX_CPUS, highest = -1;
		const cpu_set_t *unit;

		cpu = map->cid_to_cpu[cid];
		unit = &units[level][cpu];
		SCX_FAIL_IF(!CPU_ISSET(cpu, unit), "sysfs: CPU %d is not in its %s",
			    cpu, level_names[level]);
		for (other = 0; other < cpus->nr_ids; other++) {
			if (!CPU_ISSET(other, unit))
				continue;
			if (map->cpu_to_cid[other] < lowest)
				lowest = map->cpu_to_cid[other];
			if (map->cpu_to_cid[other] > highest)
				highest = map->cpu_to_cid[other];
		}
		SCX_FAIL_IF(highest - lowest + 1 != CPU_COUNT(unit),
			    "%s of CPU %d: %d CPUs are at cids %d to %d", level_names[level],
			    cpu, CPU_COUNT(unit), lowest, highest);
		SCX_FAIL_IF(topo_cid(&map->topo[cid], level) != lowest,
			    "%s of cid %d, CPU %d: begins at cid %d and not at %d",
			    level_names[level], cid, cpu, lowest,
			    topo_cid(&map->topo[cid], level));

		first[cid] = lowest;
		if (!cid || first[cid] != first[cid - 1])
			idx++;
		SCX_FAIL_IF(topo_idx(&map->topo[cid], level) != idx,
			    "%s of cid %d, CPU %d: is number %d and not %d", level_names[level],
			    cid, cpu, idx, topo_idx(&map->topo[cid], level));
	}
	return SCX_TEST_PASS;
}

static enum scx_test_status check_tables(const struct cid_map *map)
{
	enum scx_test_status status;
	struct cid_cpus cpus;
	enum level level;
	s32 cpu, cid;

	SCX_ASSERT(cid_get_cpus(&cpus));
	status = cid_check_bijection(map, &cpus);
	if (status != SCX_TEST_PASS)
		return status;
	SCX_EQ(map->nr_online_cids, cpus.nr_online);

	for (cid = 0; cid < cpus.nr_possible; cid++) {
		const struct cid_topo *t = &map->topo[cid];
		bool online;

		cpu = map->cid_to_cpu[cid];
		online = CPU_ISSET(cpu, &cpus.online);
		SCX_FAIL_IF(online != (cid < cpus.nr_online),
			    "cid %d of %d is CPU %d, which is %s", cid, cpus.nr_possible, cpu,
			    online ? "online" : "offline");
		if (online)
			read_units(cpu, &cpus, map);
		else
			SCX_FAIL_IF(t->core_cid != -1 || t->core_idx != -1 || t->llc_cid != -1 ||
				    t->llc_idx != -1 || t->node_cid != -1 || t->node_idx != -1,
				    "cid %d of offline CPU %d has topology", cid, cpu);
	}
	for (level = CORE; level < NR_LEVELS; level++) {
		status = check_level(level, &cpus, map);
		if (status != SCX_TEST_PASS)
			return status;
	}
	return SCX_TEST_PASS;
}

static enum scx_test_status check_topo_sizes(struct cid_tables *skel)
{
	const struct cid_topo *t = &skel->bss->st.map.topo[0];
	int i;

	SCX_EQ(cid_run_prog(skel->progs.cid_topo_sizes), 0);
	SCX_EQ(skel->bss->topo_short[0], t->core_cid);
	SCX_EQ(skel->bss->topo_short[1], t->core_idx);
	for (i = 2; i < 8; i++)
		SCX_EQ(skel->bss->topo_short[i], 0x5a5a5a5a);
	SCX_ASSERT(!memcmp(skel->bss->topo_long, t, sizeof(*t)));
	return SCX_TEST_PASS;
}

static enum scx_test_status load_and_check(void)
{
	struct cid_tables *skel = CID_OPEN_LOAD(cid_tables);
	enum scx_test_status status = SCX_TEST_FAIL;

	SCX_FAIL_IF(!skel, "Failed to load skel");
	if (!cid_attach(skel->maps.cid_tables_ops, &skel->links.cid_tables_ops)) {
		SCX_ERR("Failed to attach scheduler");
		goto out;
	}
	status = check_tables(&skel->bss->st.map);
	if (status == SCX_TEST_PASS)
		status = check_topo_sizes(skel);
	if (CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_NONE)) {
		SCX_ERR("The scheduler exited: %s", skel->data->uei.msg);
		status = SCX_TEST_FAIL;
	}
out:
	cid_tables__destroy(skel);
	return status;
}

static enum scx_test_status run(void *ctx)
{
	struct cid_cpus *cpus = ctx;
	enum scx_test_status status;
	cpu_set_t off;
	int i, cpu;

	printf("with the CPUs as they are\n");
	status = load_and_check();

	/* With one, and with every other CPU offline */
	for (i = 0; i < 2 && status == SCX_TEST_PASS; i++) {
		CPU_ZERO(&off);
		for (cpu = 1; cpu < cpus->nr_ids; cpu += i + 1) {
			if (!CPU_ISSET(cpu, &cpus->online) || !cid_cpu_can_hotplug(cpu))
				continue;
			if (cid_cpu_set_online(cpu, false))
				CPU_SET(cpu, &off);
			if (!i)
				break;
		}
		if (CPU_COUNT(&off)) {
			printf("with %d more of them offline\n", CPU_COUNT(&off));
			status = load_and_check();
		}
		for (cpu = 0; cpu < cpus->nr_ids; cpu++)
			if (CPU_ISSET(cpu, &off) && !cid_cpu_set_online(cpu, true))
				status = SCX_TEST_FAIL;
	}
	return status;
}

static void cleanup(void *ctx)
{
	free(ctx);
}

struct scx_test cid_tables = {
	.name = "cid_tables",
	.description = "Compare the cid mapping and its topology with sysfs",
	.setup = cid_setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_tables)
