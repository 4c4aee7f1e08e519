// SPDX-License-Identifier: GPL-2.0
/*
 * The user-space part of scx_ladder. The scheduler's state is in its arena, which
 * libbpf maps; all that is printed here is read from there through plain pointers.
 */
#include <stdio.h>
#include <unistd.h>
#include <signal.h>
#include <libgen.h>
#include <bpf/bpf.h>
#include <scx/common.h>

#include "scx_ladder.h"
#include "scx_ladder.bpf.skel.h"

const char help_fmt[] =
"A sched_ext scheduler in cid form, with its state in a BPF arena.\n"
"\n"
"See the top-level comment in .bpf.c for more details.\n"
"\n"
"Usage: %s [-m] [-c] [-p] [-v]\n"
"\n"
"  -m            Print each change of a task's affinity, as BPF read it in the arena\n"
"  -c            Compare each with a copy made CPU by CPU from the task's cpumask\n"
"  -p            Switch only tasks on SCHED_EXT policy instead of all\n"
"  -v            Print libbpf debug messages\n"
"  -h            Display this help and exit\n"
"\n"
"Once a second it prints these totals:\n"
"\n"
"  prev core llc node far   tasks woken onto an idle CPU: the same, or how near\n"
"  busy                     tasks woken when no CPU allowed to them was idle\n"
"  queued fetched stolen    tasks that went through the queue of an LLC, and CPUs\n"
"                           that got one from their own or from another LLC's\n"
"  kicked                   idle CPUs called to fetch a queued task\n"
"  set_cmask                changes of affinity, each a cmask in the arena\n"
"  copies mismatches        masks copied by BPF out of kernel memory (-c)\n"
"  tasks forks inherited    contexts in the arena; forks; forks that got a mask\n"
"                           from their parent's context\n"
"  online idle              cmasks of these CPUs, as cids\n";

static bool verbose;
static volatile int exit_req;

static int libbpf_print_fn(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_DEBUG && !verbose)
		return 0;
	return vfprintf(stderr, format, args);
}

static void sigint_handler(int sig)
{
	exit_req = 1;
}

/* Print the numbers for which @has is true like 0-3,8. */
static void print_list(const bool *has, u32 nr)
{
	const char *sep = "";
	u32 i, first;

	for (i = 0; i < nr; i++) {
		if (!has[i])
			continue;
		first = i;
		while (i + 1 < nr && has[i + 1])
			i++;
		printf(first == i ? "%s%u" : "%s%u-%u", sep, first, i);
		sep = ",";
	}
}

/* A cmask of @nr_words: its cids, and the CPUs that they stand for. */
static void print_mask(const struct ladder *lad, u32 base, u32 nr_cids, const u64 *words,
		       u32 nr_words)
{
	u32 nr_cpus = 0, end = base + nr_cids, cid, i;
	bool *cids, *cpus;

	for (cid = 0; cid < lad->nr_cids; cid++)
		if (lad->cids[cid].cpu >= (s32)nr_cpus)
			nr_cpus = lad->cids[cid].cpu + 1;
	cids = calloc(lad->nr_cids, sizeof(*cids));
	cpus = calloc(nr_cpus, sizeof(*cpus));
	SCX_BUG_ON(!cids || !cpus, "out of memory");

	for (cid = base; cid < end && cid < lad->nr_cids; cid++) {
		i = cid / 64 - base / 64;
		if (i >= nr_words || !(words[i] >> (cid % 64) & 1))
			continue;
		cids[cid] = true;
		if (lad->cids[cid].cpu >= 0)
			cpus[lad->cids[cid].cpu] = true;
	}
	printf(" cids=");
	print_list(cids, lad->nr_cids);
	printf(" cpus=");
	print_list(cpus, nr_cpus);
	free(cids);
	free(cpus);
}

static void print_cmask(const struct ladder *lad, const char *name, const struct scx_cmask *m)
{
	bool *cids = calloc(lad->nr_cids, sizeof(*cids));
	u32 cid;

	SCX_BUG_ON(!cids, "out of memory");
	for (cid = 0; cid < lad->nr_cids; cid++)
		cids[cid] = m->bits[cid / 64] >> (cid % 64) & 1;
	printf(" %s=", name);
	print_list(cids, lad->nr_cids);
	free(cids);
}

/* Print those calls of set_cmask() that are new since the last time. */
static void print_changes(const struct ladder *lad)
{
	static u64 next;
	u64 end = __atomic_load_n(&lad->nr_changes, __ATOMIC_ACQUIRE);
	struct ladder_change e;
	u32 i, nr;

	if (end - next > LADDER_NR_CHANGES) {
		printf("set_cmask lost=%lu\n", (unsigned long)(end - LADDER_NR_CHANGES - next));
		next = end - LADDER_NR_CHANGES;
	}
	for (; next < end; next++) {
		struct ladder_change *slot = &lad->changes[next % LADDER_NR_CHANGES];
		u64 seq = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);

		if (seq <= next)
			break;		/* not written yet */
		e = *slot;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (seq != next + 1 || __atomic_load_n(&slot->seq, __ATOMIC_RELAXED) != seq) {
			printf("set_cmask lost=1\n");
			continue;
		}

		e.comm[LADDER_COMM_LEN - 1] = 0;
		nr = e.nr_words < LADDER_CHANGE_WORDS ? e.nr_words : LADDER_CHANGE_WORDS;
		printf("set_cmask pid=%u addr=%#lx base=%u nr_cids=%u words=", e.pid,
		       (unsigned long)e.addr, e.base, e.nr_cids);
		for (i = 0; i < nr; i++)
			printf("%s%#lx", i ? "," : "", (unsigned long)e.words[i]);
		print_mask(lad, e.base, e.nr_cids, e.words, nr);
		printf(" comm=%s\n", e.comm);	/* last, since it can have blanks in it */
	}
}

static void print_topo(const struct ladder *lad)
{
	u32 i;

	for (i = 0; i < lad->nr_cids; i++) {
		const struct ladder_cid *c = &lad->cids[i];

		printf("cid=%u cpu=%d core=%u-%u llc=%u-%u node=%u-%u queue=%u topology=%s\n",
		       i, c->cpu, c->core, c->core_end - 1, c->llc, c->llc_end - 1,
		       c->node, c->node_end - 1, c->queue, c->has_topo ? "yes" : "no");
	}
}

static void print_stats(const struct ladder *lad)
{
	static const char * const rungs[] = { "prev", "core", "llc", "node", "far" };
	struct ladder_stats sum = {};
	u32 i, r;

	for (i = 0; i < lad->nr_cids; i++) {
		const struct ladder_stats *s = &lad->cids[i].stats;

		for (r = 0; r < LADDER_NR_RUNGS; r++)
			sum.placed[r] += s->placed[r];
		sum.busy += s->busy;
		sum.queued += s->queued;
		sum.kicked += s->kicked;
		sum.fetched += s->fetched;
		sum.stolen += s->stolen;
		sum.set_cmask += s->set_cmask;
		sum.copies += s->copies;
		sum.mismatches += s->mismatches;
	}

	printf("stats");
	for (r = 0; r < LADDER_NR_RUNGS; r++)
		printf(" %s=%lu", rungs[r], (unsigned long)sum.placed[r]);
	printf(" busy=%lu queued=%lu fetched=%lu stolen=%lu kicked=%lu",
	       (unsigned long)sum.busy, (unsigned long)sum.queued, (unsigned long)sum.fetched,
	       (unsigned long)sum.stolen, (unsigned long)sum.kicked);
	printf(" set_cmask=%lu copies=%lu mismatches=%lu", (unsigned long)sum.set_cmask,
	       (unsigned long)sum.copies, (unsigned long)sum.mismatches);
	printf(" tasks=%lu forks=%lu inherited=%lu", (unsigned long)lad->nr_tasks,
	       (unsigned long)lad->nr_forks, (unsigned long)lad->nr_inherited);
	print_cmask(lad, "online", lad->online);
	print_cmask(lad, "idle", lad->idle);
	printf("\n");
}

int main(int argc, char **argv)
{
	bool print_masks = false;
	struct scx_ladder *skel;
	struct bpf_link *link;
	struct ladder *lad;
	u32 ticks = 0;
	int opt;

	libbpf_set_print(libbpf_print_fn);
	signal(SIGINT, sigint_handler);
	signal(SIGTERM, sigint_handler);

	skel = SCX_OPS_OPEN(ladder_ops, scx_ladder);

	while ((opt = getopt(argc, argv, "mcpvh")) != -1) {
		switch (opt) {
		case 'm':
			print_masks = true;
			break;
		case 'c':
			skel->rodata->cross_check = true;
			break;
		case 'p':
			skel->struct_ops.ladder_ops->flags |= SCX_OPS_SWITCH_PARTIAL;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			fprintf(stderr, help_fmt, basename(argv[0]));
			return opt != 'h';
		}
	}

	SCX_OPS_LOAD(skel, ladder_ops, scx_ladder, uei);
	lad = &skel->arena->lad;
	link = SCX_OPS_ATTACH(skel, ladder_ops, scx_ladder);
	if (lad->ready)
		print_topo(lad);

	/* ten times a second, lest the changes overwrite one another */
	while (!exit_req && !UEI_EXITED(skel, uei) && lad->ready) {
		if (print_masks)
			print_changes(lad);
		if (ticks++ % 10 == 0)
			print_stats(lad);
		fflush(stdout);
		usleep(100 * 1000);
	}

	bpf_link__destroy(link);
	if (lad->ready) {
		if (print_masks)
			print_changes(lad);
		print_stats(lad);
		fflush(stdout);
	}
	UEI_REPORT(skel, uei);
	scx_ladder__destroy(skel);
	/* It implements ops_cid.cid_on/offline() and need not restart on CPU hotplug. */
	return 0;
}
