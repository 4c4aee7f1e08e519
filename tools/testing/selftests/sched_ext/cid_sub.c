// SPDX-License-Identifier: GPL-2.0
/*
 * Sub-schedulers. A hierarchy is in cid form throughout: would catch one that mixes
 * the two, in which a scheduler is asked for CPUs that its parent cannot name, and
 * a sub-scheduler whose cmasks are written into the arena of another one.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "cid_util.h"
#include "cid_sub.bpf.skel.h"

#define CGROUP	"/sys/fs/cgroup/cid_sub"

static enum scx_test_status setup(void **ctx)
{
	enum scx_test_status status = cid_setup(ctx);
	struct cid_cpus cpus;

	if (status != SCX_TEST_PASS)
		return status;
	if (!__COMPAT_struct_has_field("scx_sched", "sub_kset")) {
		fprintf(stderr, "SKIP: the kernel has no sub-schedulers\n");
		return SCX_TEST_SKIP;
	}
	if (!cid_get_cpus(&cpus) || CPU_COUNT(&cpus.usable) < 2) {
		fprintf(stderr, "SKIP: one CPU, so no affinity to change\n");
		return SCX_TEST_SKIP;
	}
	if (access("/sys/fs/cgroup/cgroup.procs", W_OK) ||
	    (mkdir(CGROUP, 0755) && errno != EEXIST)) {
		fprintf(stderr, "SKIP: no cgroup2 at /sys/fs/cgroup to make a cgroup in\n");
		return SCX_TEST_SKIP;
	}
	return SCX_TEST_PASS;
}

static bool cgroup_attach(const char *cgroup, pid_t pid)
{
	char path[128];
	FILE *f;
	int err;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	f = fopen(path, "w");
	if (!f)
		return false;
	err = fprintf(f, "%d\n", pid) < 0;
	return !(fclose(f) || err);
}

static struct cid_sub *load(__u64 sub_cgroup_id)
{
	struct cid_sub *skel = CID_OPEN(cid_sub);

	if (!skel)
		return NULL;
	skel->struct_ops.cid_sub_ops->sub_cgroup_id = sub_cgroup_id;
	skel->struct_ops.cpu_sub_ops->sub_cgroup_id = sub_cgroup_id;
	if (cid_sub__load(skel)) {
		cid_sub__destroy(skel);
		return NULL;
	}
	return skel;
}

static enum scx_test_status expect_refused(struct cid_sub *root, const struct bpf_map *ops,
					   struct bpf_link **link, int err)
{
	errno = 0;
	cid_attach(ops, link);
	SCX_FAIL_IF(*link, "The sub-scheduler was attached");
	SCX_EQ(errno, err);
	SCX_EQ(root->bss->nr_attached, 0);
	SCX_EQ(CID_EXIT_KIND(root), EXIT_KIND(SCX_EXIT_NONE));
	return SCX_TEST_PASS;
}

/* What is asked for a task in the cgroup reaches the sub-scheduler, and it alone. */
static enum scx_test_status check_sub(struct cid_sub *root, struct cid_sub *sub, pid_t pid)
{
	struct cid_cpus cpus;
	struct cid_rec rec;
	cpu_set_t mask;
	int i;

	SCX_FAIL_IF(!cid_get_cpus(&cpus), "Cannot tell the CPUs");
	for (i = 0; i < 50; i++) {
		cid_rand_mask(&cpus.usable, &mask);
		if (cid_affine(&sub->bss->st.map, sub->maps.cid_recs, pid, &mask) != SCX_TEST_PASS)
			return SCX_TEST_FAIL;
	}
	SCX_FAIL_IF(cid_get_rec(root->maps.cid_recs, pid, &rec) && rec.nr_calls >= 50,
		    "The root was told of a task of the sub-scheduler");
	SCX_EQ(CID_EXIT_KIND(root), EXIT_KIND(SCX_EXIT_NONE));
	SCX_EQ(CID_EXIT_KIND(sub), EXIT_KIND(SCX_EXIT_NONE));
	return SCX_TEST_PASS;
}

static enum scx_test_status attach_sub(struct cid_sub *root, struct cid_sub *sub, pid_t pid)
{
	/* A sub-scheduler takes over the tasks that are in its cgroup at this time. */
	SCX_FAIL_IF(!cgroup_attach(CGROUP, pid), "Cannot move a task into the cgroup");
	SCX_FAIL_IF(!cid_attach(sub->maps.cid_sub_ops, &sub->links.cid_sub_ops),
		    "Failed to attach the sub-scheduler");
	SCX_EQ(root->bss->nr_attached, 1);
	root->bss->sub_id = sub->struct_ops.cid_sub_ops->sub_cgroup_id;

	return check_sub(root, sub, pid);
}

static enum scx_test_status run_cid_root(struct cid_sub *root, struct cid_sub *sub)
{
	enum scx_test_status status;
	pid_t pid;

	SCX_FAIL_IF(!cid_attach(root->maps.cid_sub_ops, &root->links.cid_sub_ops),
		    "Failed to attach the root");

	status = expect_refused(root, sub->maps.cpu_sub_ops, &sub->links.cpu_sub_ops, EINVAL);
	if (status != SCX_TEST_PASS)
		return status;

	pid = cid_worker_start(CID_SLEEPER);
	SCX_FAIL_IF(pid <= 0, "No child process");
	status = attach_sub(root, sub, pid);
	cid_worker_stop(pid);
	return status;
}

static enum scx_test_status run_cpu_root(struct cid_sub *root, struct cid_sub *sub)
{
	SCX_FAIL_IF(!cid_attach(root->maps.cpu_sub_ops, &root->links.cpu_sub_ops),
		    "Failed to attach the root");
	return expect_refused(root, sub->maps.cid_sub_ops, &sub->links.cid_sub_ops, EOPNOTSUPP);
}

static enum scx_test_status run_with(enum scx_test_status (*fn)(struct cid_sub *root,
								struct cid_sub *sub))
{
	enum scx_test_status status = SCX_TEST_FAIL;
	struct cid_sub *root, *sub;
	struct stat st;

	SCX_FAIL_IF(stat(CGROUP, &st), "Cannot stat %s", CGROUP);
	root = load(0);
	sub = load(st.st_ino);
	if (root && sub)
		status = fn(root, sub);
	else
		SCX_ERR("Failed to load the schedulers");
	/* the root last: it would take the other one with it */
	if (sub)
		cid_sub__destroy(sub);
	if (root)
		cid_sub__destroy(root);
	return status;
}

static enum scx_test_status run(void *ctx)
{
	enum scx_test_status status = run_with(run_cid_root);

	return status == SCX_TEST_PASS ? run_with(run_cpu_root) : status;
}

static void cleanup(void *ctx)
{
	rmdir(CGROUP);
}

static struct scx_test cid_sub = {
	.name = "cid_sub",
	.description = "Sub-schedulers, which are in cid form as their parents are",
	.setup = setup,
	.run = run,
	.cleanup = cleanup,
};

REGISTER_SCX_TEST(&cid_sub)
