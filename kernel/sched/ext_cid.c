// SPDX-License-Identifier: GPL-2.0
/*
 * BPF extensible scheduler class: topological CPU ids
 *
 * A cid is a dense CPU id in the order of the topology: the CPUs of a core, of a
 * last-level cache and of a NUMA node have consecutive cids, so that a set of
 * CPUs that are near each other is a range. CPU numbers promise nothing of the
 * kind, and may have gaps.
 *
 * There is one mapping, which all schedulers share. It is made when a root
 * scheduler is enabled, for the CPUs that are online then, and does not change
 * as long as that scheduler is loaded: a CPU that comes or goes keeps its cid,
 * since BPF has long put cids into data of its own. A possible CPU which is
 * offline when the mapping is made has a cid behind those of all online CPUs,
 * and no known place in the topology even when it comes online. A scheduler that
 * wants to know its place doesn't implement the hotplug operations, or exits from
 * them with SCX_ECODE_ACT_RESTART, and is loaded again.
 *
 * The mapping is published with rcu_assign_pointer() when it is complete and is
 * constant from then on, so that every lookup sees one mapping as a whole. The
 * last one stays when its scheduler goes: what is still running of it, ops.exit()
 * for one, may ask for cids. The next root scheduler replaces it.
 */
#include <linux/btf_ids.h>
#include <linux/cacheinfo.h>
#include <linux/topology.h>

#include "ext_cid.h"

static struct scx_cid_map __rcu *scx_cid_map;

/*
 * @scx_cid_spare is what scx_bpf_cid_override() fills. It exists while ops.init()
 * of a root scheduler runs, and can be taken once. The lock and @scx_cid_overridable
 * make sure that an override which comes from another context of the same program,
 * a timer say, is either published before ops.init() is over, when nobody uses the
 * cids yet, or not at all.
 */
static DEFINE_RAW_SPINLOCK(scx_cid_lock);
static struct scx_cid_map *scx_cid_spare;
static bool scx_cid_overridable;

const struct scx_cid_map *scx_cid_map_rcu(void)
{
	return rcu_dereference_all(scx_cid_map);
}

/**
 * scx_cpu_to_cid - cid of a CPU
 * @cpu: CPU number, any value
 *
 * Context: any.
 * Return: the cid. Every possible CPU has one once a root scheduler has got as far
 * as ops.init(). -EINVAL otherwise.
 */
s32 scx_cpu_to_cid(s32 cpu)
{
	const struct scx_cid_map *map;

	guard(rcu)();
	map = scx_cid_map_rcu();
	if (unlikely(!map || cpu < 0 || cpu >= map->nr_cpus || map->cpu_to_cid[cpu] < 0))
		return -EINVAL;
	return map->cpu_to_cid[cpu];
}

/**
 * scx_cid_to_cpu - CPU of a cid
 * @cid: cid, any value
 *
 * Context: any.
 * Return: the number of a possible CPU; -EINVAL if there is no such cid, or -ENODEV
 * if there are no cids yet.
 */
s32 scx_cid_to_cpu(s32 cid)
{
	const struct scx_cid_map *map;

	guard(rcu)();
	map = scx_cid_map_rcu();
	if (unlikely(!map))
		return -ENODEV;
	if (unlikely(cid < 0 || cid >= map->nr_cids))
		return -EINVAL;
	return map->cid_to_cpu[cid];
}

/*
 * The CPUs that share a last-level cache with @cpu, as sysfs shows them, or its
 * package where nothing is known of caches. The scheduler domains are no source:
 * they are cut by cpusets, and degenerate when a level adds nothing.
 */
static const struct cpumask *llc_cpumask(s32 cpu)
{
	struct cpu_cacheinfo *ci = get_cpu_cacheinfo(cpu);
	struct cacheinfo *llc = NULL;
	u32 i;

	lockdep_assert_cpus_held();

	for (i = 0; ci && ci->info_list && i < ci->num_leaves; i++) {
		if (!llc || ci->info_list[i].level > llc->level)
			llc = &ci->info_list[i];
	}

	return llc ? &llc->shared_cpu_map : topology_core_cpumask(cpu);
}

/* Scratch masks, too big for the stack. */
struct cid_masks {
	struct cpumask	left;
	struct cpumask	node;
	struct cpumask	llc;
	struct cpumask	core;
};

/*
 * Move the CPUs of @unit from @from to @to. The first CPU of @from always moves:
 * it is what @unit was found by. What else @unit has is moved only if it is still
 * there. So units nest and no CPU gets lost or comes twice, even where the
 * firmware describes the topology wrongly.
 */
static void take_unit(struct cpumask *to, struct cpumask *from, const struct cpumask *unit)
{
	u32 first = cpumask_first(from);

	cpumask_and(to, from, unit);
	cpumask_set_cpu(first, to);
	cpumask_andnot(from, from, to);
}

/* Give each CPU a cid: nodes by their ids, caches and cores by their first CPUs. */
static void assign_by_topology(struct scx_cid_map *map, struct cid_masks *m)
{
	struct scx_cid_topo topo = { .core_idx = -1, .llc_idx = -1, .node_idx = -1 };
	s32 cpu, node, cid = 0;

	cpumask_copy(&m->left, cpu_online_mask);

	for_each_node(node) {
		cpumask_and(&m->node, &m->left, cpumask_of_node(node));
		if (cpumask_empty(&m->node))
			continue;
		cpumask_andnot(&m->left, &m->left, &m->node);
		topo.node_cid = cid;
		topo.node_idx++;

		while (!cpumask_empty(&m->node)) {
			cpu = cpumask_first(&m->node);
			take_unit(&m->llc, &m->node, llc_cpumask(cpu));
			topo.llc_cid = cid;
			topo.llc_idx++;

			while (!cpumask_empty(&m->llc)) {
				cpu = cpumask_first(&m->llc);
				take_unit(&m->core, &m->llc, topology_sibling_cpumask(cpu));
				topo.core_cid = cid;
				topo.core_idx++;

				for_each_cpu(cpu, &m->core) {
					WARN_ON_ONCE(scx_cid_map_assign(map, cpu, cid));
					map->topo[cid++] = topo;
				}
			}
		}
	}

	/* Who is offline, or on no node, comes last. */
	for_each_possible_cpu(cpu) {
		if (map->cpu_to_cid[cpu] < 0)
			WARN_ON_ONCE(scx_cid_map_assign(map, cpu, cid++));
	}
}

/* Returns the mapping that @map replaces. Readers may still use it. */
static struct scx_cid_map *publish_map(struct scx_cid_map *map)
{
	return rcu_replace_pointer(scx_cid_map, map, lockdep_is_held(&scx_cid_lock));
}

static void retire_map(struct scx_cid_map *map)
{
	if (map)
		kvfree_rcu(map, rcu);
}

/**
 * scx_cid_begin_init - make the mapping for a root scheduler
 * @override: whether scx_bpf_cid_override() can be called until scx_cid_end_init()
 *
 * The table for an override is allocated here, so that a program that may not
 * sleep can use it.
 *
 * Context: process context, under cpus_read_lock() and scx_enable_mutex.
 * Return: 0 or -ENOMEM.
 */
int scx_cid_begin_init(bool override)
{
	struct cid_masks *masks __free(kfree) = kmalloc_obj(*masks);
	struct scx_cid_map *map, *spare = NULL, *old;

	lockdep_assert_cpus_held();

	map = scx_cid_map_alloc(num_possible_cpus(), nr_cpu_ids, GFP_KERNEL);
	if (override)
		spare = scx_cid_map_alloc(num_possible_cpus(), nr_cpu_ids, GFP_KERNEL);
	if (!masks || !map || (override && !spare)) {
		kvfree(map);
		kvfree(spare);
		return -ENOMEM;
	}

	assign_by_topology(map, masks);
	WARN_ON_ONCE(scx_cid_map_finish(map));

	scoped_guard(raw_spinlock_irqsave, &scx_cid_lock) {
		old = publish_map(map);
		scx_cid_spare = spare;
		scx_cid_overridable = override;
	}
	retire_map(old);
	return 0;
}

/**
 * scx_cid_end_init - end the time in which the mapping can be overridden
 *
 * Context: process context, after ops.init() and before any other operation.
 */
void scx_cid_end_init(void)
{
	struct scx_cid_map *spare;

	scoped_guard(raw_spinlock_irqsave, &scx_cid_lock) {
		spare = scx_cid_spare;
		scx_cid_spare = NULL;
		scx_cid_overridable = false;
	}
	kvfree(spare);
}

__bpf_kfunc_start_defs();

/**
 * scx_bpf_cpu_to_cid - Return the cid of a CPU
 * @cpu: CPU of interest
 * @aux: implicit BPF argument to access bpf_prog_aux hidden from BPF progs
 *
 * Return: the cid. If @cpu is not a possible CPU, the scheduler is aborted and
 * -%EINVAL returned.
 */
__bpf_kfunc s32 scx_bpf_cpu_to_cid(s32 cpu, const struct bpf_prog_aux *aux)
{
	struct scx_sched *sch;

	guard(rcu)();
	sch = scx_prog_sched(aux);
	if (unlikely(!sch))
		return -ENODEV;
	if (!ops_cpu_valid(sch, cpu, NULL))
		return -EINVAL;
	return scx_cpu_to_cid(cpu);
}

/**
 * scx_bpf_cid_to_cpu - Return the CPU of a cid
 * @cid: cid of interest
 * @aux: implicit BPF argument to access bpf_prog_aux hidden from BPF progs
 *
 * Return: the number of the CPU. If there is no such @cid, the scheduler is aborted
 * and -%EINVAL returned.
 */
__bpf_kfunc s32 scx_bpf_cid_to_cpu(s32 cid, const struct bpf_prog_aux *aux)
{
	struct scx_sched *sch;

	guard(rcu)();
	sch = scx_prog_sched(aux);
	if (unlikely(!sch))
		return -ENODEV;
	return ops_cid_to_cpu(sch, cid, NULL);
}

/**
 * scx_bpf_cid_topo - Tell where a cid is in the topology
 * @cid: cid of interest
 * @out: where to store the answer
 * @out__sz: size of @out in bytes, as the program was compiled
 * @aux: implicit BPF argument to access bpf_prog_aux hidden from BPF progs
 *
 * All fields are -1 if nothing is known of @cid: if its CPU was offline when the
 * scheduler was loaded, or after scx_bpf_cid_override(). A field which this
 * kernel doesn't know is -1 too. If there is no such @cid, the scheduler is
 * aborted.
 */
__bpf_kfunc void scx_bpf_cid_topo(s32 cid, struct scx_cid_topo *out, size_t out__sz,
				  const struct bpf_prog_aux *aux)
{
	const struct scx_cid_map *map;
	struct scx_sched *sch;

	memset(out, 0xff, out__sz);

	guard(rcu)();
	sch = scx_prog_sched(aux);
	if (unlikely(!sch))
		return;

	if (ops_cid_to_cpu(sch, cid, NULL) < 0)
		return;

	map = scx_cid_map_rcu();
	memcpy(out, &map->topo[cid], min(out__sz, sizeof(map->topo[cid])));
}

__bpf_kfunc_end_defs();

/* Take the spare table for use by one caller, who finishes and publishes it. */
static struct scx_cid_map *take_spare(void)
{
	struct scx_cid_map *spare;

	guard(raw_spinlock_irqsave)(&scx_cid_lock);
	spare = scx_cid_spare;
	scx_cid_spare = NULL;
	return spare;
}

static bool fill_override(struct scx_sched *sch, struct scx_cid_map *map, const s32 *cpu_to_cid)
{
	s32 cpu;

	for_each_possible_cpu(cpu) {
		/* BPF may change the array meanwhile: read each entry once. */
		s32 cid = READ_ONCE(cpu_to_cid[cpu]);

		switch (scx_cid_map_assign(map, cpu, cid)) {
		case 0:
			break;
		case -EEXIST:
			scx_error(sch, "cid override has cid %d twice", cid);
			return false;
		default:
			scx_error(sch, "cid override has invalid cid %d for CPU %d", cid, cpu);
			return false;
		}
	}

	/* As many different cids as there are: none can be missing. */
	WARN_ON_ONCE(scx_cid_map_finish(map));
	return true;
}

__bpf_kfunc_start_defs();

/**
 * scx_bpf_cid_override - Replace the mapping of CPUs to cids
 * @cpu_to_cid: array, indexed by CPU, with the cid of each possible CPU
 * @cpu_to_cid__sz: size of @cpu_to_cid in bytes, nr_cpu_ids entries or more
 * @aux: implicit BPF argument to access bpf_prog_aux hidden from BPF progs
 *
 * Can be called once, from ops.init() of a root scheduler. The cids of the
 * possible CPUs must be 0 to scx_bpf_nr_cids() - 1, each once; other entries are
 * ignored. Nothing is known of the topology afterwards. If the array is wrong,
 * the scheduler is aborted and the mapping stays as it was. The verifier demands
 * that the array is writable, which one in .rodata is not.
 */
__bpf_kfunc void scx_bpf_cid_override(const s32 *cpu_to_cid, u32 cpu_to_cid__sz,
				      const struct bpf_prog_aux *aux)
{
	struct scx_cid_map *map, *old;
	struct scx_sched *sch;

	guard(rcu)();
	sch = scx_prog_sched(aux);
	if (unlikely(!sch))
		return;

	/* Neither a sub-scheduler, nor a former root of which a timer still runs. */
	if (sch != rcu_access_pointer(scx_root)) {
		scx_error(sch, "only a root scheduler can override cids");
		return;
	}
	if (!IS_ALIGNED((unsigned long)cpu_to_cid, sizeof(s32))) {
		scx_error(sch, "cid override array is not aligned");
		return;
	}
	if (cpu_to_cid__sz < nr_cpu_ids * sizeof(s32)) {
		scx_error(sch, "cid override has %zu entries, %u needed",
			  cpu_to_cid__sz / sizeof(s32), nr_cpu_ids);
		return;
	}

	map = take_spare();
	if (!map) {
		scx_error(sch, "cids can be overridden once, and only in ops.init()");
		return;
	}

	/* Whichever of the two maps is not published goes. */
	old = map;
	if (fill_override(sch, map, cpu_to_cid)) {
		guard(raw_spinlock_irqsave)(&scx_cid_lock);
		if (scx_cid_overridable)
			old = publish_map(map);
	}
	if (old == map)
		scx_error(sch, "cids were not overridden before ops.init() was over");
	retire_map(old);
}

/**
 * scx_bpf_nr_cids - Return the number of cids
 *
 * Return: the number of possible CPUs. All cids are smaller.
 */
__bpf_kfunc u32 scx_bpf_nr_cids(void)
{
	return num_possible_cpus();
}

/**
 * scx_bpf_nr_online_cids - Return the number of cids whose CPU is online
 *
 * When a scheduler is loaded, these are the first ones. Later CPUs may come and go
 * anywhere.
 *
 * Return: the number of online CPUs.
 */
__bpf_kfunc u32 scx_bpf_nr_online_cids(void)
{
	return num_online_cpus();
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(scx_kfunc_ids_cid)
BTF_ID_FLAGS(func, scx_bpf_cpu_to_cid, KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, scx_bpf_cid_to_cpu, KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, scx_bpf_cid_topo, KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, scx_bpf_nr_cids)
BTF_ID_FLAGS(func, scx_bpf_nr_online_cids)
BTF_KFUNCS_END(scx_kfunc_ids_cid)

static const struct btf_kfunc_id_set scx_kfunc_set_cid = {
	.owner			= THIS_MODULE,
	.set			= &scx_kfunc_ids_cid,
	.filter			= scx_kfunc_context_filter,
};

/* only from ops.init() */
BTF_KFUNCS_START(scx_kfunc_ids_cid_init)
BTF_ID_FLAGS(func, scx_bpf_cid_override, KF_IMPLICIT_ARGS)
BTF_KFUNCS_END(scx_kfunc_ids_cid_init)

static const struct btf_kfunc_id_set scx_kfunc_set_cid_init = {
	.owner			= THIS_MODULE,
	.set			= &scx_kfunc_ids_cid_init,
	.filter			= scx_kfunc_context_filter,
};

/**
 * scx_cid_init - register the kfuncs of this file
 *
 * Return: 0 or a negative errno.
 */
int scx_cid_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &scx_kfunc_set_cid) ?:
	       register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &scx_kfunc_set_cid) ?:
	       register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &scx_kfunc_set_cid) ?:
	       register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &scx_kfunc_set_cid_init);
}
