// SPDX-License-Identifier: GPL-2.0
/*
 * A scheduler in cid form uses exactly one arena. Would catch one that is
 * registered though there is nowhere to put its cmasks, or though the kernel
 * cannot tell where: set_cmask() would be called with a bad or a foreign address.
 */
#include <errno.h>
#include <stdio.h>

#include "cid_util.h"
#include "cid_arena.bpf.skel.h"

enum variant { NONE, ONE, ONE_TWICE, OTHER, TWO };

static enum scx_test_status try_attach(struct cid_arena *skel, bool good)
{
	errno = 0;
	cid_attach(skel->maps.cid_arena_ops, &skel->links.cid_arena_ops);
	if (good) {
		SCX_FAIL_IF(!skel->links.cid_arena_ops, "Failed to attach scheduler");
		SCX_EQ(CID_EXIT_KIND(skel), EXIT_KIND(SCX_EXIT_NONE));
		return SCX_TEST_PASS;
	}
	SCX_FAIL_IF(skel->links.cid_arena_ops, "The scheduler was attached");
	SCX_EQ(errno, EINVAL);
	return SCX_TEST_PASS;
}

static enum scx_test_status run_variant(enum variant variant, bool good)
{
	struct cid_arena *skel = CID_OPEN(cid_arena);
	enum scx_test_status status = SCX_TEST_FAIL;
	struct bpf_map *map;

	SCX_FAIL_IF(!skel, "Failed to open skel");
	map = skel->maps.arena2;
	if (bpf_map__set_type(map, BPF_MAP_TYPE_ARENA) || bpf_map__set_key_size(map, 0) ||
	    bpf_map__set_value_size(map, 0) || bpf_map__set_map_flags(map, BPF_F_MMAPABLE) ||
	    bpf_map__set_max_entries(map, CID_ARENA_PAGES)) {
		SCX_ERR("Cannot make a second arena");
		goto out;
	}

	if (variant == ONE || variant == TWO)
		skel->struct_ops.cid_arena_ops->runnable = skel->progs.cid_arena_first;
	if (variant == TWO || variant == OTHER)
		skel->struct_ops.cid_arena_ops->quiescent = skel->progs.cid_arena_second;
	if (variant == ONE_TWICE) {
		skel->struct_ops.cid_arena_ops->runnable = skel->progs.cid_arena_first;
		skel->struct_ops.cid_arena_ops->set_cmask = skel->progs.cid_set_cmask;
	}

	if (cid_arena__load(skel)) {
		SCX_ERR("Failed to load skel");
		goto out;
	}
	status = try_attach(skel, good);
out:
	cid_arena__destroy(skel);
	return status;
}

static enum scx_test_status run_none(void *ctx)
{
	enum scx_test_status status = run_variant(NONE, false);

	return status == SCX_TEST_PASS ? run_variant(ONE, true) : status;
}

static enum scx_test_status run_two(void *ctx)
{
	enum scx_test_status status = run_variant(TWO, false);

	if (status == SCX_TEST_PASS)
		status = run_variant(ONE_TWICE, true);
	/* It is the programs that count, so the other arena is as good. */
	return status == SCX_TEST_PASS ? run_variant(OTHER, true) : status;
}

static struct scx_test cid_arena_none = {
	.name = "cid_arena_none",
	.description = "Register a scheduler in cid form that uses no arena",
	.run = run_none,
};

static struct scx_test cid_arena_two = {
	.name = "cid_arena_two",
	.description = "Register a scheduler in cid form that uses two arenas",
	.run = run_two,
};

__attribute__((constructor))
static void cid_arena_register(void)
{
	scx_test_register(&cid_arena_none);
	scx_test_register(&cid_arena_two);
}
