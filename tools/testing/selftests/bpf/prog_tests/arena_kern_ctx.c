// SPDX-License-Identifier: GPL-2.0
/* Kernel faults on arena memory: under which program, and in which context */
#include <test_progs.h>
#include "arena_kern_ctx.skel.h"
#include "arena_kern_nested.skel.h"
#include "arena_kern_freplace.skel.h"
#include "arena_kern_lock.skel.h"
#include "arena_kern.h"

static struct arena_kern_ctx *skel;
static struct arena_kern_nested *other;	/* has another arena */
static struct bpf_link *links[2];
static int nr_links;

static void teardown(void)
{
	while (nr_links)
		bpf_link__destroy(links[--nr_links]);
	arena_kern_nested__destroy(other);
	other = NULL;
	arena_kern_ctx__destroy(skel);
	skel = NULL;
}

static bool setup(void)
{
	skel = arena_kern_ctx__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return false;
	/* With PREEMPT_RT the verifier takes no program that has a timer. */
	bpf_program__set_autoload(skel->progs.call_timer, !ak_is_realtime());
	if (!ASSERT_OK(arena_kern_ctx__load(skel), "load")) {
		arena_kern_ctx__destroy(skel);
		return false;
	}
	/* a page that nobody has allocated */
	skel->bss->ptr = ak_map_base(skel->maps.arena) + getpagesize() + 0x10;
	return true;
}

static bool setup_other(void)
{
	if (!setup())
		return false;
	other = arena_kern_nested__open_and_load();
	if (ASSERT_OK_PTR(other, "open_and_load"))
		return true;
	teardown();
	return false;
}

static bool attach(struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach(prog);

	if (!ASSERT_OK_PTR(link, bpf_program__name(prog)))
		return false;
	links[nr_links++] = link;
	return true;
}

static void expect_blame(struct bpf_program *prog)
{
	ak_expect_report(bpf_program__fd(prog), AK_READ_REPORT, skel->bss->ptr);
	ASSERT_HAS_SUBSTR(ak_buf, bpf_program__name(prog), "program on the stack");
	ASSERT_HAS_SUBSTR(ak_buf, " @ arena_kern_", "source line");
}

static void caller(const char *name, const char *on_stack)
{
	struct bpf_program *prog;

	if (!setup())
		return;
	prog = bpf_object__find_program_by_name(skel->obj, name);
	if (!ASSERT_OK_PTR(prog, name))
		goto out;
	ASSERT_OK(ak_run_prog(prog), "run");
	ak_expect_report(bpf_program__fd(prog), AK_READ_REPORT, skel->bss->ptr);
	ASSERT_HAS_SUBSTR(ak_buf, on_stack, "function on the stack");
	ASSERT_OK(ak_run_prog(prog), "run again");
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
	ASSERT_OK(ak_run_prog(skel->progs.tail_caller), "run");
	expect_blame(skel->progs.tail_callee);
	ak_expect_silence(bpf_program__fd(skel->progs.tail_caller), "caller");
	teardown();
}

static void timer_callback(void)
{
	if (ak_is_realtime()) {
		ak_skip("no timers with PREEMPT_RT");
		return;
	}
	if (!setup())
		return;
	ASSERT_OK(ak_run_prog(skel->progs.call_timer), "run");
	ASSERT_TRUE(ak_wait(READ_ONCE(skel->bss->timer_done)), "timer");
	ak_expect_report(bpf_program__fd(skel->progs.call_timer), AK_READ_REPORT, skel->bss->ptr);
	ASSERT_HAS_SUBSTR(ak_buf, "_timer_cb+0x", "callback on the stack");
	teardown();
}

/* Whose arena an extension has */
enum ext_arena { EXT_SAME_ARENA, EXT_OWN_ARENA, EXT_NO_ARENA };

static void freplace(__u32 which)
{
	struct arena_kern_freplace *ext;
	struct bpf_link *link = NULL;
	struct bpf_program *prog, *unused;
	__u64 ptr;

	if (!setup())
		return;
	ext = arena_kern_freplace__open();
	if (!ASSERT_OK_PTR(ext, "open"))
		goto out;
	prog = which == EXT_NO_ARENA ? ext->progs.ext_noarena : ext->progs.ext_arena;
	unused = which == EXT_NO_ARENA ? ext->progs.ext_arena : ext->progs.ext_noarena;
	bpf_program__set_autoload(unused, false);
	if (!ASSERT_OK(bpf_program__set_attach_target(prog,
						      bpf_program__fd(skel->progs.call_ext),
						      "ext_target"), "set_attach_target"))
		goto out;
	if (which == EXT_SAME_ARENA &&
	    !ASSERT_OK(bpf_map__reuse_fd(ext->maps.arena, bpf_map__fd(skel->maps.arena)),
		       "reuse_fd"))
		goto out;
	if (!ASSERT_OK(arena_kern_freplace__load(ext), "load"))
		goto out;
	link = bpf_program__attach_freplace(prog, 0, NULL);
	if (!ASSERT_OK_PTR(link, "attach_freplace"))
		goto out;

	ptr = skel->bss->ptr;
	/* its pointer means the same place, in another arena */
	if (which == EXT_OWN_ARENA)
		ptr = ak_addr(ak_map_base(ext->maps.arena), ptr, 0);
	ASSERT_OK(ak_run_prog(skel->progs.call_ext), "run");
	ASSERT_EQ(ext->bss->calls, 1, "calls");
	if (which == EXT_NO_ARENA) {
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

/* The program calls a kfunc, which makes itself uncomfortable. */
static void section(__u32 nr)
{
	if (!setup())
		return;
	skel->bss->section = nr;
	ASSERT_OK(ak_run_prog(skel->progs.call_section), "run");
	expect_blame(skel->progs.call_section);
	teardown();
}

/* The state of the CPU where the kernel calls the hook */
static const __u32 states[] = {
	[TEST_ARENA_RUN_TASK]		= TEST_ARENA_IN_TASK,
	[TEST_ARENA_RUN_KWORKER]	= TEST_ARENA_IN_TASK,
	[TEST_ARENA_RUN_SOFTIRQ]	= TEST_ARENA_IN_SOFTIRQ,
	[TEST_ARENA_RUN_IRQ_WORK]	= TEST_ARENA_IN_HARDIRQ | TEST_ARENA_IRQS_ARE_OFF,
	[TEST_ARENA_RUN_HRTIMER]	= TEST_ARENA_IN_HARDIRQ | TEST_ARENA_IRQS_ARE_OFF,
	[TEST_ARENA_RUN_IPI]		= TEST_ARENA_IN_HARDIRQ | TEST_ARENA_IRQS_ARE_OFF,
	[TEST_ARENA_RUN_NMI]		= TEST_ARENA_IN_NMI | TEST_ARENA_IRQS_ARE_OFF,
	[TEST_ARENA_RUN_LOCKED]		= TEST_ARENA_IN_TASK | TEST_ARENA_IRQS_ARE_OFF,
};

/* The kernel calls a program in some context, and that calls a kfunc. */
static void context(__u32 what)
{
	int i, err;

	if (!setup())
		return;
	skel->bss->watch = what;
	if (!attach(skel->progs.on_hook))
		goto out;
	for (i = 0; i < 2; i++) {
		err = ak_param_write("run", what);
		if (err == -EOPNOTSUPP) {
			ak_skip(what == TEST_ARENA_RUN_IPI ? "takes two CPUs" :
				"no way to do it on this machine");
			goto out;
		}
		if (!ASSERT_OK(err, "run"))
			goto out;
		ASSERT_EQ(skel->bss->hook_calls, i + 1, "calls");
		ASSERT_EQ(skel->bss->hook_state, states[what], "state of the CPU");
		/* with PREEMPT_RT neither has memory for a report */
		if (!i && !(ak_is_realtime() &&
			    states[what] & (TEST_ARENA_IN_HARDIRQ | TEST_ARENA_IN_NMI)))
			expect_blame(skel->progs.on_hook);
		else
			ak_expect_silence(bpf_program__fd(skel->progs.on_hook), "touch");
	}
out:
	teardown();
}

/* @outer has the arena, the inner program runs below it, and kernel code below that touches. */
static void nested(const char *inner, bool blame_inner)
{
	struct bpf_program *prog;

	if (!setup())
		return;
	skel->bss->watch = 7;
	skel->bss->inner = 7;
	prog = bpf_object__find_program_by_name(skel->obj, inner);
	if (!ASSERT_OK_PTR(prog, inner) || !attach(prog))
		goto out;
	ASSERT_OK(ak_run_prog(skel->progs.outer), "run");
	ASSERT_EQ(skel->bss->hook_calls, 1, "inner program");
	expect_blame(blame_inner ? prog : skel->progs.outer);
	ASSERT_HAS_SUBSTR(ak_buf, inner, "inner program on the stack");
	ASSERT_HAS_SUBSTR(ak_buf, "_outer+0x", "outer program on the stack");
	ak_expect_silence(bpf_program__fd(blame_inner ? skel->progs.outer : prog), "the other");
out:
	teardown();
}

static void nested_same_arena(void)
{
	nested("inner_same", true);
}

static void nested_no_arena(void)
{
	nested("inner_noarena", false);
}

static void nested_other_arena(void)
{
	if (!setup_other())
		return;
	skel->bss->watch = 7;
	other->bss->watch = 7;
	if (!attach(other->progs.inner_other))
		goto out;
	ASSERT_OK(ak_run_prog(skel->progs.outer), "run");
	ASSERT_EQ(other->bss->calls, 1, "inner program");
	expect_blame(skel->progs.outer);
	ASSERT_HAS_SUBSTR(ak_buf, "_inner_other+0x", "inner program on the stack");
	ak_expect_silence(bpf_program__fd(other->progs.inner_other), "inner program");
out:
	teardown();
}

/* This arena, then another one, then none */
static void nested_twice(void)
{
	if (!setup_other())
		return;
	skel->bss->watch = 7;
	other->bss->watch = 7;
	other->bss->inner = 8;
	skel->bss->inner = 8;
	if (!attach(other->progs.middle_other) || !attach(skel->progs.inner_noarena))
		goto out;
	ASSERT_OK(ak_run_prog(skel->progs.outer), "run");
	ASSERT_EQ(other->bss->calls, 1, "middle program");
	ASSERT_EQ(skel->bss->hook_calls, 1, "inner program");
	expect_blame(skel->progs.outer);
	ASSERT_HAS_SUBSTR(ak_buf, "_middle_other+0x", "middle program on the stack");
	ASSERT_HAS_SUBSTR(ak_buf, "_inner_noarena+0x", "inner program on the stack");
	ak_expect_silence(bpf_program__fd(other->progs.middle_other), "middle program");
	ak_expect_silence(bpf_program__fd(skel->progs.inner_noarena), "inner program");
out:
	teardown();
}

/* The fault handler must not need the lock that the faulting code is under. */
static void own_lock(void)
{
	struct arena_kern_lock *lock;
	struct bpf_link *link = NULL;
	int i;

	lock = arena_kern_lock__open_and_load();
	if (!ASSERT_OK_PTR(lock, "open_and_load"))
		return;
	/* from page 32 on: what is allocated comes from the front */
	lock->bss->page_size = getpagesize();
	lock->bss->bad_ptr = ak_map_base(lock->maps.arena) + 32 * getpagesize();
	link = bpf_program__attach(lock->progs.on_range_tree_clear);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_OK(ak_run_prog(lock->progs.allocate), "run");
	ASSERT_NEQ(lock->bss->allocated, 0, "allocation");
	ASSERT_GT(lock->bss->lock_held, 0, "calls under the lock");
	ASSERT_EQ(lock->bss->touched, lock->bss->lock_held, "faults under the lock");
	ASSERT_EQ(ak_reports(bpf_program__fd(lock->progs.on_range_tree_clear)), lock->bss->touched,
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
		{ "freplace_same_arena", .fn_nr = freplace, .nr = EXT_SAME_ARENA },
		{ "freplace_own_arena", .fn_nr = freplace, .nr = EXT_OWN_ARENA },
		{ "freplace_no_arena", .fn_nr = freplace, .nr = EXT_NO_ARENA },
		{ "irqs_off", .fn_nr = section, .nr = TEST_ARENA_IRQS_OFF },
		{ "bh_off", .fn_nr = section, .nr = TEST_ARENA_BH_OFF },
		{ "preempt_off", .fn_nr = section, .nr = TEST_ARENA_PREEMPT_OFF },
		{ "raw_spinlock", .fn_nr = section, .nr = TEST_ARENA_RAW_SPINLOCK },
		{ "lazy_mmu", .fn_nr = section, .nr = TEST_ARENA_LAZY_MMU },
		{ "in_task", .fn_nr = context, .nr = TEST_ARENA_RUN_TASK },
		{ "in_kworker", .fn_nr = context, .nr = TEST_ARENA_RUN_KWORKER },
		{ "in_softirq", .fn_nr = context, .nr = TEST_ARENA_RUN_SOFTIRQ },
		{ "in_irq_work", .fn_nr = context, .nr = TEST_ARENA_RUN_IRQ_WORK },
		{ "in_hrtimer", .fn_nr = context, .nr = TEST_ARENA_RUN_HRTIMER },
		{ "in_ipi", .fn_nr = context, .nr = TEST_ARENA_RUN_IPI },
		{ "in_nmi", .fn_nr = context, .nr = TEST_ARENA_RUN_NMI },
		{ "under_lock", .fn_nr = context, .nr = TEST_ARENA_RUN_LOCKED },
		{ "nested_same_arena", nested_same_arena },
		{ "nested_no_arena", nested_no_arena },
		{ "nested_other_arena", nested_other_arena },
		{ "nested_twice", nested_twice },
		{ "own_lock", own_lock },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
