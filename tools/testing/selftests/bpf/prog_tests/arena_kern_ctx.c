// SPDX-License-Identifier: GPL-2.0
/* Kernel faults on arena memory: under which program, and in which context */
#include <test_progs.h>
#include "arena_kern_ctx.skel.h"
#include "arena_kern_nested.skel.h"
#include "arena_kern_freplace.skel.h"
#include "arena_kern_lock.skel.h"
#include "arena_kern.h"

static struct arena_kern_ctx *skel;
static __u64 base;

static bool setup(void)
{
	size_t size;

	skel = arena_kern_ctx__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return false;
	base = (__u64)bpf_map__initial_value(skel->maps.arena, &size);
	/* a page that nobody has allocated */
	skel->bss->ptr = base + getpagesize() + 0x10;
	return true;
}

static void teardown(void)
{
	arena_kern_ctx__destroy(skel);
	skel = NULL;
}

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return err ?: opts.retval;
}

static void expect_blame(struct bpf_program *prog)
{
	ak_expect_report(bpf_program__fd(prog), AK_READ_REPORT, skel->bss->ptr);
	ASSERT_HAS_SUBSTR(ak_buf, bpf_program__name(prog), "program on the stack");
}

static void caller(const char *name, const char *on_stack)
{
	struct bpf_program *prog;

	if (!setup())
		return;
	prog = bpf_object__find_program_by_name(skel->obj, name);
	if (!ASSERT_OK_PTR(prog, name))
		goto out;
	ASSERT_OK(run(prog), "run");
	ak_expect_report(bpf_program__fd(prog), AK_READ_REPORT, skel->bss->ptr);
	ASSERT_HAS_SUBSTR(ak_buf, on_stack, "function on the stack");
	ASSERT_OK(run(prog), "run again");
	ak_expect_silence(bpf_program__fd(prog), "second touch");
out:
	teardown();
}

static void subprog(void)
{
	caller("call_subprog", "_subprog+0x");
}

static void global_subprog(void)
{
	caller("call_global_subprog", "_global_subprog+0x");
}

static void loop_callback(void)
{
	caller("call_loop", "_loop_cb+0x");
}

static void elem_callback(void)
{
	caller("call_for_each", "_elem_cb+0x");
}

static void nonsleepable(void)
{
	caller("nonsleepable", "_nonsleepable+0x");
}

/* The report is for the program that is there: the caller has left the stack. */
static void tail_call(void)
{
	if (!setup())
		return;
	ASSERT_OK(run(skel->progs.tail_caller), "run");
	expect_blame(skel->progs.tail_callee);
	ak_expect_silence(bpf_program__fd(skel->progs.tail_caller), "caller");
	teardown();
}

static void timer_callback(void)
{
	if (!setup())
		return;
	ASSERT_OK(run(skel->progs.call_timer), "run");
	ASSERT_TRUE(ak_wait(READ_ONCE(skel->bss->timer_done)), "timer");
	ak_expect_report(bpf_program__fd(skel->progs.call_timer), AK_READ_REPORT, skel->bss->ptr);
	ASSERT_HAS_SUBSTR(ak_buf, "_timer_cb+0x", "callback on the stack");
	teardown();
}

/* An extension that shares the target's arena, has its own, or none */
static void freplace(bool share, bool none)
{
	struct bpf_program *prog;
	struct bpf_link *link = NULL;
	struct arena_kern_freplace *ext;
	size_t size;
	__u64 ptr;

	if (!setup())
		return;
	ext = arena_kern_freplace__open();
	if (!ASSERT_OK_PTR(ext, "open"))
		goto out;
	prog = none ? ext->progs.ext_noarena : ext->progs.ext_arena;
	bpf_program__set_autoload(none ? ext->progs.ext_arena : ext->progs.ext_noarena, false);
	if (!ASSERT_OK(bpf_program__set_attach_target(prog,
						      bpf_program__fd(skel->progs.call_ext),
						      "ext_target"), "set_attach_target"))
		goto out;
	if (share && !ASSERT_OK(bpf_map__reuse_fd(ext->maps.arena,
						  bpf_map__fd(skel->maps.arena)), "reuse_fd"))
		goto out;
	if (!ASSERT_OK(arena_kern_freplace__load(ext), "load"))
		goto out;
	link = bpf_program__attach_freplace(prog, 0, NULL);
	if (!ASSERT_OK_PTR(link, "attach_freplace"))
		goto out;

	ptr = skel->bss->ptr;
	if (!share && !none) {
		/* its pointer means the same place, in another arena */
		base = (__u64)bpf_map__initial_value(ext->maps.arena, &size);
		ptr = ak_addr(base, ptr, 0);
	}
	ASSERT_OK(run(skel->progs.call_ext), "run");
	ASSERT_EQ(ext->bss->calls, 1, "calls");
	if (none) {
		expect_blame(skel->progs.call_ext);
		ASSERT_HAS_SUBSTR(ak_buf, "_ext_noarena+0x", "extension on the stack");
		ak_expect_silence(bpf_program__fd(prog), "extension");
	} else {
		ak_expect_report(bpf_program__fd(prog), AK_READ_REPORT, ptr);
		ASSERT_HAS_SUBSTR(ak_buf, "_call_ext+0x", "target on the stack");
		ak_expect_silence(bpf_program__fd(skel->progs.call_ext), "target");
	}
out:
	bpf_link__destroy(link);
	arena_kern_freplace__destroy(ext);
	teardown();
}

static void freplace_same_arena(void)
{
	freplace(true, false);
}

static void freplace_own_arena(void)
{
	freplace(false, false);
}

static void freplace_no_arena(void)
{
	freplace(false, true);
}

/* The program calls a kfunc, which makes itself uncomfortable. */
static void section(__u32 nr)
{
	if (!setup())
		return;
	skel->bss->section = nr;
	ASSERT_OK(run(skel->progs.call_section), "run");
	expect_blame(skel->progs.call_section);
	teardown();
}

static void irqs_off(void)
{
	section(TEST_ARENA_IRQS_OFF);
}

static void bh_off(void)
{
	section(TEST_ARENA_BH_OFF);
}

static void preempt_off(void)
{
	section(TEST_ARENA_PREEMPT_OFF);
}

static void raw_spinlock(void)
{
	section(TEST_ARENA_RAW_SPINLOCK);
}

/* The kernel calls a program in some context, and that calls a kfunc. */
static void context(enum bpf_test_arena_run what, __u32 state)
{
	struct bpf_link *link = NULL;
	int i, err;

	if (!setup())
		return;
	skel->bss->watch = what;
	link = bpf_program__attach(skel->progs.on_hook);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	for (i = 0; i < 2; i++) {
		err = ak_param_write("run", what);
		if (err == -EOPNOTSUPP) {
			printf("%s:SKIP: no way to run %d on this machine\n", __func__, what);
			test__skip();
			goto out;
		}
		if (!ASSERT_OK(err, "run"))
			goto out;
		ASSERT_EQ(skel->bss->hook_calls, i + 1, "calls");
		/* an idle CPU may run the function from its loop, with no interrupt */
		if (what != TEST_ARENA_RUN_IPI ||
		    skel->bss->hook_state != (TEST_ARENA_IN_TASK | TEST_ARENA_IRQS_ARE_OFF))
			ASSERT_EQ(skel->bss->hook_state, state, "state of the CPU");
		if (!i)
			expect_blame(skel->progs.on_hook);
		else
			ak_expect_silence(bpf_program__fd(skel->progs.on_hook), "second touch");
	}
out:
	bpf_link__destroy(link);
	teardown();
}

static void in_task(void)
{
	context(TEST_ARENA_RUN_TASK, TEST_ARENA_IN_TASK);
}

static void in_kworker(void)
{
	context(TEST_ARENA_RUN_KWORKER, TEST_ARENA_IN_TASK);
}

static void in_softirq(void)
{
	context(TEST_ARENA_RUN_SOFTIRQ, TEST_ARENA_IN_SOFTIRQ);
}

static void in_irq_work(void)
{
	context(TEST_ARENA_RUN_IRQ_WORK, TEST_ARENA_IN_HARDIRQ | TEST_ARENA_IRQS_ARE_OFF);
}

static void in_hrtimer(void)
{
	context(TEST_ARENA_RUN_HRTIMER, TEST_ARENA_IN_HARDIRQ | TEST_ARENA_IRQS_ARE_OFF);
}

static void in_ipi(void)
{
	context(TEST_ARENA_RUN_IPI, TEST_ARENA_IN_HARDIRQ | TEST_ARENA_IRQS_ARE_OFF);
}

static void in_nmi(void)
{
	context(TEST_ARENA_RUN_NMI, TEST_ARENA_IN_NMI | TEST_ARENA_IRQS_ARE_OFF);
}

static void under_lock(void)
{
	context(TEST_ARENA_RUN_LOCKED, TEST_ARENA_IN_TASK | TEST_ARENA_IRQS_ARE_OFF);
}

/* @outer has the arena, @prog runs below it, and kernel code below @prog touches. */
static void nested(struct bpf_program *prog, bool blame_inner)
{
	struct bpf_link *link;

	skel->bss->watch = 7;
	skel->bss->inner = 7;
	link = bpf_program__attach(prog);
	if (!ASSERT_OK_PTR(link, "attach"))
		return;
	ASSERT_OK(run(skel->progs.outer), "run");
	ASSERT_EQ(skel->bss->hook_calls, 1, "inner program");
	expect_blame(blame_inner ? prog : skel->progs.outer);
	ASSERT_HAS_SUBSTR(ak_buf, bpf_program__name(prog), "inner program on the stack");
	ASSERT_HAS_SUBSTR(ak_buf, "_outer+0x", "outer program on the stack");
	ak_expect_silence(bpf_program__fd(blame_inner ? skel->progs.outer : prog), "the other");
	bpf_link__destroy(link);
}

static void nested_same_arena(void)
{
	if (!setup())
		return;
	nested(skel->progs.inner_same, true);
	teardown();
}

static void nested_no_arena(void)
{
	if (!setup())
		return;
	nested(skel->progs.inner_noarena, false);
	teardown();
}

static void nested_other_arena(void)
{
	struct arena_kern_nested *other;
	struct bpf_link *link = NULL;

	if (!setup())
		return;
	other = arena_kern_nested__open_and_load();
	if (!ASSERT_OK_PTR(other, "open_and_load"))
		goto out;
	other->bss->watch = 7;
	skel->bss->watch = 7;
	link = bpf_program__attach(other->progs.inner_other);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_OK(run(skel->progs.outer), "run");
	ASSERT_EQ(other->bss->calls, 1, "inner program");
	expect_blame(skel->progs.outer);
	ASSERT_HAS_SUBSTR(ak_buf, "_inner_other+0x", "inner program on the stack");
	ak_expect_silence(bpf_program__fd(other->progs.inner_other), "inner program");
out:
	bpf_link__destroy(link);
	arena_kern_nested__destroy(other);
	teardown();
}

/* This arena, then another one, then none */
static void nested_twice(void)
{
	struct bpf_link *link1 = NULL, *link2 = NULL;
	struct arena_kern_nested *other;

	if (!setup())
		return;
	other = arena_kern_nested__open_and_load();
	if (!ASSERT_OK_PTR(other, "open_and_load"))
		goto out;
	skel->bss->watch = 7;
	other->bss->watch = 7;
	other->bss->inner = 8;
	skel->bss->inner = 8;
	link1 = bpf_program__attach(other->progs.middle_other);
	link2 = bpf_program__attach(skel->progs.inner_noarena);
	if (!ASSERT_OK_PTR(link1, "attach") || !ASSERT_OK_PTR(link2, "attach"))
		goto out;
	ASSERT_OK(run(skel->progs.outer), "run");
	ASSERT_EQ(other->bss->calls, 1, "middle program");
	ASSERT_EQ(skel->bss->hook_calls, 1, "inner program");
	expect_blame(skel->progs.outer);
	ASSERT_HAS_SUBSTR(ak_buf, "_middle_other+0x", "middle program on the stack");
	ASSERT_HAS_SUBSTR(ak_buf, "_inner_noarena+0x", "inner program on the stack");
	ak_expect_silence(bpf_program__fd(other->progs.middle_other), "middle program");
	ak_expect_silence(bpf_program__fd(skel->progs.inner_noarena), "inner program");
out:
	bpf_link__destroy(link1);
	bpf_link__destroy(link2);
	arena_kern_nested__destroy(other);
	teardown();
}

/* The fault handler must not need the lock that the faulting code is under. */
static void own_lock(void)
{
	struct arena_kern_lock *lock;
	struct bpf_link *link = NULL;
	size_t size;
	__u64 start;
	int i;

	lock = arena_kern_lock__open_and_load();
	if (!ASSERT_OK_PTR(lock, "open_and_load"))
		return;
	start = (__u64)bpf_map__initial_value(lock->maps.arena, &size);
	/* from page 32 on: what is allocated comes from the front */
	lock->bss->bad_ptr = start + 32 * getpagesize();
	link = bpf_program__attach(lock->progs.on_page_alloc);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_OK(run(lock->progs.allocate), "run");
	ASSERT_NEQ(lock->bss->allocated, 0, "allocation");
	ASSERT_GT(lock->bss->lock_held, 0, "pages allocated under the lock");
	ASSERT_EQ(lock->bss->touched, lock->bss->lock_held, "faults under the lock");
	ASSERT_EQ(ak_reports(bpf_program__fd(lock->progs.on_page_alloc)), lock->bss->touched,
		  "reports");
	for (i = 0; i < lock->bss->touched; i++)
		ak_has_report(AK_READ_REPORT, lock->bss->bad_ptr + i * getpagesize());
	ASSERT_HAS_SUBSTR(ak_buf, "_allocate+0x", "allocating program on the stack");
	ak_expect_silence(bpf_program__fd(lock->progs.allocate), "outer program");
out:
	bpf_link__destroy(link);
	arena_kern_lock__destroy(lock);
}

void serial_test_arena_kern_ctx(void)
{
	static const struct ak_subtest tests[] = {
		{ "subprog", subprog },
		{ "global_subprog", global_subprog },
		{ "loop_callback", loop_callback },
		{ "for_each_callback", elem_callback },
		{ "nonsleepable", nonsleepable },
		{ "tail_call", tail_call },
		{ "timer_callback", timer_callback },
		{ "freplace_same_arena", freplace_same_arena },
		{ "freplace_own_arena", freplace_own_arena },
		{ "freplace_no_arena", freplace_no_arena },
		{ "irqs_off", irqs_off },
		{ "bh_off", bh_off },
		{ "preempt_off", preempt_off },
		{ "raw_spinlock", raw_spinlock },
		{ "in_task", in_task },
		{ "in_kworker", in_kworker },
		{ "in_softirq", in_softirq },
		{ "in_irq_work", in_irq_work },
		{ "in_hrtimer", in_hrtimer },
		{ "in_ipi", in_ipi },
		{ "in_nmi", in_nmi },
		{ "under_lock", under_lock },
		{ "nested_same_arena", nested_same_arena },
		{ "nested_no_arena", nested_no_arena },
		{ "nested_other_arena", nested_other_arena },
		{ "nested_twice", nested_twice },
		{ "own_lock", own_lock },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
