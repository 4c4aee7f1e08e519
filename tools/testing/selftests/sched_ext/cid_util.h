/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user space side that the cid tests have in common.
 */
#ifndef __CID_UTIL_H__
#define __CID_UTIL_H__

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/compiler.h>
#include <linux/kernel.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "scx_test.h"
#include "cid_common.h"

/*
 * An emulated machine with more CPUs than its host may take long for anything.
 * What is waited for normally comes at once; only a failure takes this long. The
 * clock of such a machine may be off too, so there is a least number of looks.
 */
#define CID_PATIENCE_SECS	60
#define CID_PATIENCE_LOOKS	5000

double cid_now(void);
bool cid_wait_on(double end, int looks);

#define CID_WAIT_FOR(cond) ({							\
	double __end = cid_now() + CID_PATIENCE_SECS;				\
	int __looks = 0;							\
	bool __ok;								\
										\
	do {									\
		__ok = (cond);							\
	} while (!__ok && cid_wait_on(__end, ++__looks));			\
	__ok;									\
})

/* Wait for a scheduler's ops.exit(); uei.kind is written last. */
#define CID_EXIT_KIND(skel)	READ_ONCE((skel)->data->uei.kind)
#define CID_WAIT_EXIT(skel)	CID_WAIT_FOR(CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_NONE))

/* Open an object, or open and load it. NULL if that fails. */
#define CID_OPEN(name) ({							\
	__auto_type __opened = name##__open();					\
										\
	if (__opened)								\
		SCX_ENUM_INIT(__opened);					\
	__opened;								\
})

#define CID_OPEN_LOAD(name) ({							\
	__auto_type __loaded = CID_OPEN(name);					\
										\
	if (__loaded && name##__load(__loaded)) {				\
		name##__destroy(__loaded);					\
		__loaded = NULL;						\
	}									\
	__loaded;								\
})

/*
 * Attach and detach a scheduler. @link is where its skeleton has it, so that it
 * goes with the skeleton.
 */
bool cid_attach(const struct bpf_map *ops, struct bpf_link **link);
void cid_detach(struct bpf_link **link);

/* which CPUs there are */
struct cid_cpus {
	int nr_ids;
	int nr_possible;
	int nr_online;
	cpu_set_t possible;
	cpu_set_t online;
	cpu_set_t usable;		/* what the test's own tasks may run on */
};

/* setup() of most tests */
enum scx_test_status cid_setup(void **ctx);

int cid_read_cpulist(const char *path, cpu_set_t *set);
bool cid_get_cpus(struct cid_cpus *cpus);
int cid_nth_cpu(const cpu_set_t *set, int n);
void cid_rand_mask(const cpu_set_t *from, cpu_set_t *to);
int cid_rand_cpu(const cpu_set_t *from);

bool cid_cpu_can_hotplug(int cpu);
bool cid_cpu_set_online(int cpu, bool online);

/* Fill st->override_cids: cids against the order of CPUs, or any order. */
void cid_override_reverse(struct cid_state *st, const struct cid_cpus *cpus);
void cid_override_shuffle(struct cid_state *st, const struct cid_cpus *cpus);

/* A child process that sleeps, sleeps in little bits or spins. */
enum cid_worker_kind { CID_SLEEPER, CID_NAPPER, CID_SPINNER };
pid_t cid_worker_start(enum cid_worker_kind kind);
void cid_worker_stop(pid_t pid);

/* the return value of a SEC("syscall") program, or a negative error */
int cid_run_prog(const struct bpf_program *prog);

/*
 * Run on each usable CPU in turn. Whatever ran there before with interrupts off,
 * such as ops.set_cmask(), is over then.
 */
bool cid_visit_cpus(const struct cid_cpus *cpus);

/* Are CPUs and cids mapped one to one? */
enum scx_test_status cid_check_bijection(const struct cid_map *map, const struct cid_cpus *cpus);
enum scx_test_status cid_check_topo_none(const struct cid_map *map);

/* Has everything been right that BPF has compared, and has it compared anything? */
enum scx_test_status cid_check_state(const struct cid_state *st);

/* Is this the record for a task that may run on @cpus? */
bool cid_rec_is(const struct cid_map *map, const struct cid_rec *rec, const cpu_set_t *cpus);
bool cid_get_rec(const struct bpf_map *recs, pid_t pid, struct cid_rec *rec);
enum scx_test_status cid_expect_rec(const struct cid_map *map, const struct bpf_map *recs,
				    pid_t pid, const cpu_set_t *cpus);

/* Set a task's affinity, and expect that set_cmask() was told at once. */
enum scx_test_status cid_affine(const struct cid_map *map, const struct bpf_map *recs,
				pid_t pid, const cpu_set_t *cpus);

/*
 * Change the affinities of sleeping tasks, from all CPUs at the same time. If
 * @exact, look at what ops.set_cmask() got after each change.
 */
enum scx_test_status cid_storm(const struct cid_map *map, const struct bpf_map *recs,
			       const struct cid_cpus *cpus, int rounds, bool exact);

#endif /* __CID_UTIL_H__ */
