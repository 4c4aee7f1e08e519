// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel accesses that are not recovered: just outside the range that recovery
 * covers, and inside with no program that has the arena on the stack.
 *
 * The kernel oopses over them, so they run on request only:
 *
 *	ARENA_KERN_FATAL=CASE ./test_progs -t arena_kern_fatal
 *
 * with CASE one of the names at the end of this file. The line that this puts
 * into the kernel's log names the address that the oops after it has to name.
 * Without ARENA_KERN_FATAL, the addresses outside are accessed in a way that
 * cannot fault.
 */
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#include "arena_kern_nested.skel.h"
#define AK_OPS
#include "arena_kern.h"

/* Into the log that the oops goes to; standard output may never be seen. */
static void announce(const char *name, __u64 kaddr)
{
	char line[128];
	int fd, len;

	len = snprintf(line, sizeof(line),
		       "arena_kern_fatal: %s: oops expected for address: %016llx\n", name,
		       (unsigned long long)kaddr);
	fd = open("/dev/kmsg", O_WRONLY);
	if (!ASSERT_OK_FD(fd, "open /dev/kmsg"))
		return;
	ASSERT_EQ(write(fd, line, len), len, "write /dev/kmsg");
	close(fd);
}

/* One byte at @off from arena offset @lo32, below a program with that arena */
static void out_of_range(const char *name, __u32 lo32, __s64 off)
{
	struct ak ak;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	if (name) {
		/* what is inside works, so it is the range check that fails */
		AK(&ak, .op = AK_READ, .ptr = lo32, .off = off + (off < 0 ? 1 : -1), .size = 1);
		ASSERT_EQ(ak_reports(ak.fd), 1, "last byte inside");
		announce(name, AK(&ak, .op = AK_KERN_BASE) + lo32 + off);
		AK(&ak, .op = AK_READ, .ptr = lo32, .off = off, .size = 1);
		AK_FAIL("the kernel has survived");
	} else {
		ASSERT_EQ((int)AK(&ak, .op = AK_NOFAULT, .ptr = lo32, .off = off), -EFAULT,
			  "nothing there");
		ak_expect_silence(ak.fd, "no report");
	}
	ak_close(&ak);
}

static void above_guard(const char *name)
{
	out_of_range(name, 0xffffffff, ak_guard() + 1);
}

static void below_range(const char *name)
{
	out_of_range(name, 0, -1);
}

/* Code that a program's arena pointer was left with runs without the program. */
static void no_program(const char *name)
{
	struct ak ak;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	AK(&ak, .op = AK_SET_CUR, .ptr = ak_page(&ak, 1));
	announce(name, AK(&ak, .op = AK_KERN_BASE) + (__u32)ak_page(&ak, 1));
	ak_param_write("run", TEST_ARENA_RUN_TOUCH);
	AK_FAIL("the kernel has survived");
	ak_close(&ak);
}

/* The only program on the stack has another arena. */
static void other_arena(const char *name)
{
	struct arena_kern_nested *other;
	struct ak ak;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	other = arena_kern_nested__open_and_load();
	if (!ASSERT_OK_PTR(other, "open_and_load"))
		goto out;
	AK(&ak, .op = AK_SET_CUR, .ptr = ak_page(&ak, 1));
	announce(name, AK(&ak, .op = AK_KERN_BASE) + (__u32)ak_page(&ak, 1));
	ak_run_prog(other->progs.touch_others);
	AK_FAIL("the kernel has survived");
out:
	arena_kern_nested__destroy(other);
	ak_close(&ak);
}

static const struct {
	const char *name;
	void (*fn)(const char *name);
} cases[] = {
	{ "above_guard", above_guard },
	{ "below_range", below_range },
	{ "no_program", no_program },
	{ "other_arena", other_arena },
};

static void above_guard_nofault(void)
{
	above_guard(NULL);
}

static void below_range_nofault(void)
{
	below_range(NULL);
}

static void fatal(void)
{
	const char *name = getenv("ARENA_KERN_FATAL");
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (!strcmp(cases[i].name, name))
			return cases[i].fn(name);
	AK_FAIL("ARENA_KERN_FATAL: no case %s", name);
}

void serial_test_arena_kern_fatal(void)
{
	static const struct ak_subtest harmless[] = {
		{ "above_guard_nofault", above_guard_nofault },
		{ "below_range_nofault", below_range_nofault },
	};
	static const struct ak_subtest on_request[] = {
		{ "fatal", fatal },
	};

	if (getenv("ARENA_KERN_FATAL"))
		ak_run_subtests(on_request, ARRAY_SIZE(on_request));
	else
		ak_run_subtests(harmless, ARRAY_SIZE(harmless));
}
