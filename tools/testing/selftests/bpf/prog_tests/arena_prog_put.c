// SPDX-License-Identifier: GPL-2.0
/*
 * A program that loses its last reference while it runs keeps what its faults,
 * its exceptions and its stack traces need until it returns.
 */
#include <test_progs.h>
#include <linux/compiler.h>
#include <pthread.h>

#include "arena_prog_put.skel.h"
#include "arena_prog_put_ext.skel.h"

/* Many times what a grace period takes that waits for nobody. */
#define RUN_ON_US	1000000

struct run {
	pthread_t thread;
	int prog_fd;
	int err;
	__u32 retval;
};

static void *run_prog(void *arg)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct run *run = arg;

	run->err = bpf_prog_test_run_opts(run->prog_fd, &opts);
	run->retval = opts.retval;
	return NULL;
}

static bool in_kallsyms(const char *name)
{
	char line[512], sym[256];
	bool found = false;
	FILE *f;

	f = fopen("/proc/kallsyms", "r");
	if (!ASSERT_OK_PTR(f, "open kallsyms"))
		return false;
	snprintf(sym, sizeof(sym), "_%s\t[bpf]", name);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, " bpf_prog_") && strstr(line, sym);
	fclose(f);
	return found;
}

static bool wait_for_faults(__u64 *faults, __u64 from)
{
	int i;

	for (i = 0; i < 1000 && READ_ONCE(*faults) <= from; i++)
		usleep(10000);
	return ASSERT_GT(READ_ONCE(*faults), from, "the program goes on");
}

/* The last reference to a program named @name, which runs, is gone. */
static void check_runs_on(struct run *run, const char *name, bool *stop, __u64 *faults)
{
	int i;

	for (i = 0; i < 3; i++) {
		usleep(RUN_ON_US / 3);
		if (!wait_for_faults(faults, READ_ONCE(*faults)))
			break;
	}
	ASSERT_TRUE(in_kallsyms(name), "symbol of a running program");

	WRITE_ONCE(*stop, true);
	pthread_join(run->thread, NULL);
	ASSERT_OK(run->err, "test_run");
	ASSERT_EQ(run->retval, 42, "retval");

	for (i = 0; i < 1000 && in_kallsyms(name); i++)
		usleep(10000);
	ASSERT_FALSE(in_kallsyms(name), "symbol of a program that is gone");
}

static void test_tail_call(bool sleepable, const char *name, const char *symbol)
{
	struct bpf_program *callee;
	struct arena_prog_put *skel;
	struct run run = {};
	struct bpf_map *map;
	int zero = 0, fd;

	skel = arena_prog_put__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;

	callee = bpf_object__find_program_by_name(skel->obj, name);
	map = sleepable ? skel->maps.sleepable_progs : skel->maps.atomic_progs;
	fd = bpf_program__fd(callee);
	if (!ASSERT_OK(bpf_map__update_elem(map, &zero, sizeof(zero), &fd, sizeof(fd), 0),
		       "fill the prog array"))
		goto out;

	run.prog_fd = bpf_program__fd(sleepable ? skel->progs.sleepable_caller :
					skel->progs.atomic_caller);
	if (!ASSERT_OK(pthread_create(&run.thread, NULL, run_prog, &run), "pthread_create"))
		goto out;

	wait_for_faults(&skel->bss->faults, 0);
	ASSERT_OK(bpf_map__delete_elem(map, &zero, sizeof(zero), 0), "empty the prog array");
	bpf_program__unload(callee);

	check_runs_on(&run, symbol, &skel->bss->stop, &skel->bss->faults);
	ASSERT_EQ(skel->bss->bad_reads, 0, "bad reads");
out:
	arena_prog_put__destroy(skel);
}

static void test_extension(bool sleepable)
{
	struct arena_prog_put_ext *ext = NULL;
	struct arena_prog_put *skel;
	struct run run = {};
	struct bpf_link *link;

	skel = arena_prog_put__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	run.prog_fd = bpf_program__fd(sleepable ? skel->progs.sleepable_target :
					skel->progs.atomic_target);

	ext = arena_prog_put_ext__open();
	if (!ASSERT_OK_PTR(ext, "open extension"))
		goto out;
	if (!ASSERT_OK(bpf_program__set_attach_target(ext->progs.extension, run.prog_fd,
						      sleepable ? "replaced_sleepable" :
						      "replaced_atomic"), "set_attach_target"))
		goto out;
	if (!ASSERT_OK(arena_prog_put_ext__load(ext), "load extension"))
		goto out;
	link = bpf_program__attach_trace(ext->progs.extension);
	if (!ASSERT_OK_PTR(link, "attach extension"))
		goto out;
	if (!ASSERT_OK(pthread_create(&run.thread, NULL, run_prog, &run), "pthread_create")) {
		bpf_link__destroy(link);
		goto out;
	}

	wait_for_faults(&ext->bss->faults, 0);
	ASSERT_OK(bpf_link__destroy(link), "detach extension");
	bpf_program__unload(ext->progs.extension);

	check_runs_on(&run, "extension", &ext->bss->stop, &ext->bss->faults);
	ASSERT_EQ(ext->bss->bad_reads, 0, "bad reads");
	ASSERT_FALSE(ext->bss->timed_out, "timed out");
out:
	arena_prog_put_ext__destroy(ext);
	arena_prog_put__destroy(skel);
}

void test_arena_prog_put(void)
{
#if !defined(__x86_64__) && !defined(__aarch64__)
	printf("%s:SKIP: no arena fault handling\n", __func__);
	test__skip();
	return;
#endif
	if (test__start_subtest("tail_call_atomic"))
		test_tail_call(false, "atomic_callee", "atomic_callee");
	if (test__start_subtest("tail_call_sleepable"))
		test_tail_call(true, "sleepable_callee", "sleepable_callee");
	if (test__start_subtest("subprog"))
		test_tail_call(false, "sub_callee", "faulting_sub");
	if (test__start_subtest("exception"))
		test_tail_call(false, "throwing_callee", "throwing_callee");
	if (test__start_subtest("freplace_atomic"))
		test_extension(false);
	if (test__start_subtest("freplace_sleepable"))
		test_extension(true);
}
