// SPDX-License-Identifier: GPL-2.0
/* struct_ops whose programs share an arena with the kernel */
#include <test_progs.h>
#include "test_kmods/bpf_test_arena.h"
#include "arena_kern_struct_ops.skel.h"
#include "arena_kern.h"

#define WORDS TEST_ARENA_OBJ_WORDS
#define SUM (WORDS * (WORDS + 1) / 2)

static struct arena_kern_struct_ops *skel;
static struct bpf_link *ops_link;

static void teardown(void)
{
	bpf_link__destroy(ops_link);
	ops_link = NULL;
	arena_kern_struct_ops__destroy(skel);
	skel = NULL;
}

/* Load everything, and register the struct_ops of that name. */
static bool setup(const char *ops)
{
	struct bpf_map *map;

	skel = arena_kern_struct_ops__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return false;
	/* a page that nobody has allocated */
	skel->bss->ptr = ak_map_base(skel->maps.arena) + 5 * getpagesize() + 0x10;
	map = bpf_object__find_map_by_name(skel->obj, ops);
	if (ASSERT_OK_PTR(map, ops)) {
		ops_link = bpf_map__attach_struct_ops(map);
		if (ASSERT_OK_PTR(ops_link, "attach"))
			return true;
	}
	teardown();
	return false;
}

static __u32 prog_id(struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	ASSERT_OK(bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len), "prog info");
	return info.id;
}

static long param(const char *name)
{
	char buf[64];

	if (!ASSERT_OK(ak_param_read(name, buf, sizeof(buf)), name))
		return -1;
	return atol(buf);
}

static int count_of(__u32 id, const __u32 *vals, int cnt)
{
	int i, n = 0;

	for (i = 0; i < cnt; i++)
		n += vals[i] == id;
	return n;
}

/* Have the programs visited. Returns how many were. */
static int walk(enum bpf_test_arena_run how, int ret, __u32 progs[TEST_ARENA_WALK_MAX])
{
	ASSERT_OK(ak_param_write("run", how), "walk");
	ASSERT_EQ(param("run_ret"), ret, "return value");
	return ak_param_list("walk_progs", progs, TEST_ARENA_WALK_MAX);
}

/* bpf_struct_ops_for_each_prog() sees each member that is a program once. */
static void walk_all(void)
{
	__u32 progs[TEST_ARENA_WALK_MAX], arenas[TEST_ARENA_WALK_MAX];
	int cnt;

	if (!setup("ops_walk"))
		return;
	cnt = walk(TEST_ARENA_RUN_WALK, 0, progs);
	ASSERT_EQ(cnt, 3, "programs");
	ASSERT_EQ(count_of(prog_id(skel->progs.on_obj), progs, cnt), 1, "on_obj");
	ASSERT_EQ(count_of(prog_id(skel->progs.on_event), progs, cnt), 1, "on_event");
	ASSERT_EQ(count_of(prog_id(skel->progs.unused), progs, cnt), 1, "unused");
	/* and bpf_prog_arena() tells which of them have an arena */
	cnt = ak_param_list("walk_arenas", arenas, ARRAY_SIZE(arenas));
	ASSERT_EQ(cnt, 3, "arenas");
	ASSERT_EQ(count_of(ak_map_id(skel->maps.arena), arenas, cnt), 2, "with the arena");
	ASSERT_EQ(count_of(0, arenas, cnt), 1, "without");
	teardown();
}

static void walk_unset_members(void)
{
	__u32 progs[TEST_ARENA_WALK_MAX];

	if (!setup("ops_event"))
		return;
	ASSERT_EQ(walk(TEST_ARENA_RUN_WALK, 0, progs), 1, "programs");
	ASSERT_EQ(progs[0], prog_id(skel->progs.on_event), "on_event");
	teardown();
}

static void walk_stop(void)
{
	__u32 progs[TEST_ARENA_WALK_MAX];

	if (!setup("ops_walk"))
		return;
	ASSERT_EQ(walk(TEST_ARENA_RUN_WALK_STOP, 42, progs), 2, "programs");
	ASSERT_NEQ(progs[0], progs[1], "not the same twice");
	teardown();
}

/* The kernel hands out an object, the program uses it in place. */
static void obj(bool sleepable, bool do_free)
{
	struct bpf_program *prog;
	char line[128];
	int i;

	if (!setup(sleepable ? "ops_obj_sleepable" : "ops_obj"))
		return;
	prog = sleepable ? skel->progs.on_obj_sleepable : skel->progs.on_obj;
	skel->bss->do_free = do_free;
	for (i = 0; i < 3; i++) {
		ASSERT_OK(ak_param_write("run", TEST_ARENA_RUN_OBJ), "run");
		ASSERT_EQ(skel->bss->calls, i + 1, "calls");
		ASSERT_EQ(param("run_ret"), WORDS, "return value");
		ASSERT_EQ(skel->bss->obj_sum, SUM, "what the program read");
		ASSERT_EQ(param("obj_sum"), 2 * SUM, "what the kernel read afterwards");
		if (!do_free) {
			ak_expect_silence(bpf_program__fd(prog), "no misuse");
			continue;
		}
		/* the kernel goes on using the page, with no program on the stack */
		snprintf(line, sizeof(line), AK_FREE_REPORT,
			 (unsigned long long)skel->bss->obj_seen);
		ASSERT_EQ(ak_reports(bpf_program__fd(prog)), 1, "reports");
		ASSERT_HAS_SUBSTR(ak_buf, line, "report");
		ASSERT_HAS_SUBSTR(ak_buf, bpf_program__name(prog), "program on the stack");
	}
	teardown();
}

static void obj_in_place(bool sleepable)
{
	obj(sleepable, false);
}

static void obj_freed(bool sleepable)
{
	obj(sleepable, true);
}

/* A fault below a struct_ops program */
static void fault(void)
{
	if (!setup("ops_event"))
		return;
	ASSERT_OK(ak_param_write("run", TEST_ARENA_RUN_EVENT), "run");
	ASSERT_EQ(param("run_ret"), 7, "return value");
	ak_expect_report(bpf_program__fd(skel->progs.on_event), AK_READ_REPORT, skel->bss->ptr);
	ASSERT_HAS_SUBSTR(ak_buf, "_on_event+0x", "program on the stack");
	teardown();
}

void serial_test_arena_kern_struct_ops(void)
{
	static const struct ak_subtest tests[] = {
		{ "for_each_prog", walk_all },
		{ "for_each_prog_unset_members", walk_unset_members },
		{ "for_each_prog_stop", walk_stop },
		{ "obj_in_place", .fn_both = obj_in_place },
		{ "obj_freed", .fn_both = obj_freed },
		{ "fault", fault },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
