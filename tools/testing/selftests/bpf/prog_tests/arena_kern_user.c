// SPDX-License-Identifier: GPL-2.0
/* What user space meets in an arena that kernel code has touched */
#include <setjmp.h>
#include <signal.h>
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#define AK_OPS
#include "arena_kern.h"

static sigjmp_buf segv_jmp;
static void *segv_addr;

static void on_segv(int sig, siginfo_t *info, void *ctx)
{
	WRITE_ONCE(segv_addr, info->si_addr);
	siglongjmp(segv_jmp, 1);
}

/* Read a byte, or write it if it is not 0. Returns -EFAULT after SIGSEGV there. */
static int user_access(__u64 ptr, char *byte)
{
	struct sigaction sa = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO }, old;
	int ret;

	if (!ASSERT_OK(sigaction(SIGSEGV, &sa, &old), "sigaction"))
		return -errno;
	WRITE_ONCE(segv_addr, NULL);
	if (!sigsetjmp(segv_jmp, 1)) {
		if (*byte)
			WRITE_ONCE(*(char *)ptr, *byte);
		else
			*byte = READ_ONCE(*(char *)ptr);
		ret = 0;
	} else {
		ret = READ_ONCE(segv_addr) == (void *)ptr ? -EFAULT : -EINVAL;
	}
	sigaction(SIGSEGV, &old, NULL);
	return ret;
}

static int user_read(__u64 ptr)
{
	char byte = 0;

	return user_access(ptr, &byte) ?: (unsigned char)byte;
}

static int user_write(__u64 ptr, char byte)
{
	return user_access(ptr, &byte);
}

static void live_page(__u32 flags)
{
	struct ak ak;
	__u64 ptr;

	if (!ak_open(&ak, 8, flags, 0))
		return;
	ptr = ak_alloc(&ak, true, -1, 1);
	if (!ASSERT_NEQ(ptr, 0, "alloc"))
		goto out;
	ASSERT_EQ(user_read(ptr), 0, "read");
	ASSERT_OK(user_write(ptr, 'a'), "write");
	ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ptr, .size = 1), 'a', "kernel reads");
	AK(&ak, .op = AK_WRITE, .ptr = ptr, .size = 1, .val = 'b');
	ASSERT_EQ(user_read(ptr), 'b', "user reads");
	ak_expect_silence(ak.fd, "live page");
out:
	ak_close(&ak);
}

static void untouched_lazy(void)
{
	struct ak ak;

	if (!ak_open(&ak, 8, 0, 0))
		return;
	/* neighbours of a dead page are as good as any */
	ak_kill(&ak, 2);
	ASSERT_EQ(user_read(ak_page(&ak, 1)), 0, "read");
	ASSERT_OK(user_write(ak_page(&ak, 3), 'a'), "write");
	ASSERT_NEQ(ak_pfn(&ak, 1), 0, "page allocated");
	ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ak_page(&ak, 3), .size = 1), 'a', "kernel reads");
	ak_expect_silence(ak.fd, "live pages");
	ASSERT_EQ(ak_alloc(&ak, true, 1, 1), 0, "alloc over it");
	ak_close(&ak);
}

static void untouched_segv(void)
{
	struct ak ak;

	if (!ak_open(&ak, 8, BPF_F_SEGV_ON_FAULT, 0))
		return;
	ASSERT_EQ(user_read(ak_page(&ak, 1)), -EFAULT, "read");
	ASSERT_EQ(user_write(ak_page(&ak, 2), 'a'), -EFAULT, "write");
	ASSERT_EQ(ak_pfn(&ak, 1), 0, "nothing mapped");
	ASSERT_NEQ(ak_alloc(&ak, true, 1, 2), 0, "alloc there");
	ASSERT_EQ(user_read(ak_page(&ak, 1)), 0, "read");
	ak_close(&ak);
}

static void dead_page(__u32 flags)
{
	struct ak ak;
	__u64 pfn;
	int fd[2];

	if (!ak_open(&ak, 8, flags, 0))
		return;
	pfn = ak_kill(&ak, 2);
	ASSERT_EQ(user_read(ak_page(&ak, 2)), -EFAULT, "read");
	ASSERT_EQ(user_write(ak_page(&ak, 2) + 8, 'a'), -EFAULT, "write");
	/* on behalf of user space */
	if (ASSERT_OK(pipe(fd), "pipe")) {
		ASSERT_EQ(write(fd[1], (void *)ak_page(&ak, 2), 8), -1, "write(2)");
		ASSERT_EQ(errno, EFAULT, "errno");
		close(fd[0]);
		close(fd[1]);
	}
	ASSERT_EQ(ak_pfn(&ak, 2), pfn, "still dead");
	ASSERT_EQ(AK(&ak, .op = AK_COUNT_NONZERO, .ptr = ak_page(&ak, 2), .size = ak.page), 0,
		  "nothing written");
	ak_expect_silence(ak.fd, "no kernel fault");
	ak_close(&ak);
}

/* A page that user space had mapped, then the program freed it, then it died */
static void mapped_then_dead(void)
{
	struct ak ak;
	__u64 ptr;

	if (!ak_open(&ak, 8, 0, 0))
		return;
	ptr = ak_alloc(&ak, true, -1, 1);
	if (!ASSERT_NEQ(ptr, 0, "alloc"))
		goto out;
	ASSERT_OK(user_write(ptr, 'a'), "write");
	AK(&ak, .op = AK_FREE, .ptr = ptr, .cnt = 1);
	AK(&ak, .op = AK_WRITE, .ptr = ptr, .size = 1, .val = 'b');
	ak_expect_report(ak.fd, AK_WRITE_REPORT, ptr);
	ASSERT_EQ(user_read(ptr), -EFAULT, "read");
out:
	ak_close(&ak);
}

/* User space gets a page of its own first: then the kernel finds it. */
static void user_first(void)
{
	struct ak ak;

	if (!ak_open(&ak, 8, 0, 0))
		return;
	ASSERT_OK(user_write(ak_page(&ak, 4) + 100, 'x'), "write");
	ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ak_page(&ak, 4) + 100, .size = 1), 'x', "read");
	ak_expect_silence(ak.fd, "live page");
	ak_close(&ak);
}

void serial_test_arena_kern_user(void)
{
	static const struct ak_subtest tests[] = {
		{ "live_lazy", .fn_nr = live_page, .nr = 0 },
		{ "live_segv", .fn_nr = live_page, .nr = BPF_F_SEGV_ON_FAULT },
		{ "untouched_lazy", untouched_lazy },
		{ "untouched_segv", untouched_segv },
		{ "dead_lazy", .fn_nr = dead_page, .nr = 0 },
		{ "dead_segv", .fn_nr = dead_page, .nr = BPF_F_SEGV_ON_FAULT },
		{ "mapped_then_dead", mapped_then_dead },
		{ "user_first", user_first },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
