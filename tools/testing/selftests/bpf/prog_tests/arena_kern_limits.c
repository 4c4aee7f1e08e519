// SPDX-License-Identifier: GPL-2.0
/* Arenas at their limits: sizes that do not match, ends of ranges, and a lot to free */
#include <test_progs.h>
#include <sys/mman.h>
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#define AK_OPS
#include "arena_kern.h"

static __u32 all_pages(void)
{
	return SZ_4G / getpagesize();
}

/*
 * An arena of @pages of which user space has mapped @mapped before programs that use
 * it are loaded, at @addr if that is not 0.
 */
static bool open_mapped(struct ak *ak, __u32 pages, __u32 mapped, __u64 addr)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct arena_kern_ops *skel;
	void *mem;
	int fd;

	memset(ak, 0, sizeof(*ak));
	ak->page = getpagesize();
	fd = bpf_map_create(BPF_MAP_TYPE_ARENA, "limits", 0, 0, pages, &opts);
	if (!ASSERT_OK_FD(fd, "create"))
		return false;
	mem = mmap((void *)addr, (size_t)mapped * ak->page, PROT_READ | PROT_WRITE,
		   MAP_SHARED | (addr ? MAP_FIXED_NOREPLACE : 0), fd, 0);
	skel = arena_kern_ops__open();
	if (ASSERT_NEQ(mem, MAP_FAILED, "mmap") && ASSERT_OK_PTR(skel, "open") &&
	    ASSERT_OK(bpf_map__set_max_entries(skel->maps.arena, pages), "set_max_entries") &&
	    ASSERT_OK(bpf_map__reuse_fd(skel->maps.arena, fd), "reuse_fd") &&
	    ASSERT_OK(arena_kern_ops__load(skel), "load")) {
		ak->skel = skel;
		ak->fd = bpf_program__fd(skel->progs.sleepable);
		ak->fd_nonsleepable = bpf_program__fd(skel->progs.nonsleepable);
		ak->base = (__u64)mem;
	} else {
		arena_kern_ops__destroy(skel);
		if (mem != MAP_FAILED)
			munmap(mem, (size_t)mapped * ak->page);
	}
	close(fd);
	return ak->skel;
}

static void close_mapped(struct ak *ak, __u32 mapped)
{
	arena_kern_ops__destroy(ak->skel);
	munmap((void *)ak->base, (size_t)mapped * ak->page);
}

/* User space has mapped less than max_entries, and a page behind that dies. */
static void small_mmap(bool sleepable)
{
	struct ak ak;
	int i;

	if (!open_mapped(&ak, 16, 8, 0))
		return;
	AK(&ak, .op = AK_READ, .ptr = ak_page(&ak, 8), .size = 8);
	ak_expect_report(ak.fd, AK_READ_REPORT, ak_page(&ak, 8));
	for (i = 0; i < 8; i++)
		ASSERT_NEQ(ak_alloc(&ak, sleepable, -1, 1), 0, "a page that is mapped");
	ASSERT_EQ(ak_alloc(&ak, sleepable, -1, 1), 0, "one more");
	ASSERT_EQ(ak_alloc(&ak, sleepable, 8, 1), 0, "behind the user range");
	ASSERT_EQ(ak_kalloc(&ak, -1, 1), 0, "for the kernel");
	close_mapped(&ak, 8);
}

/* The user range ends where the 4 GiB end, and the guard has a dead page. */
static void dead_guard(bool sleepable)
{
	const int cnt = 256;
	struct ak ak;

	if (!open_mapped(&ak, all_pages(), cnt, 5 * SZ_4G - (__u64)cnt * getpagesize()))
		return;
	AK(&ak, .op = AK_READ, .ptr = 5 * SZ_4G - 4, .size = 8);
	ak_stderr(ak.fd, ak_buf, sizeof(ak_buf));
	ASSERT_EQ(ak_alloc(&ak, sleepable, -1, cnt), 0, "all pages, of which one is dead");
	ASSERT_NEQ(ak_alloc(&ak, sleepable, -1, cnt - 1), 0, "the others");
	ASSERT_EQ(ak_alloc(&ak, sleepable, -1, 1), 0, "one more");
	close_mapped(&ak, cnt);
}

/* That arena, and one behind it: nothing that is asked of the first changes the second. */
static void neighbours(bool sleepable)
{
	const int cnt = 256;
	struct ak a, b;
	__u64 base;

	if (!open_mapped(&a, all_pages(), cnt, 5 * SZ_4G - (__u64)cnt * getpagesize()))
		return;
	if (open_mapped(&b, 64, 64, 6 * SZ_4G)) {
		base = a.base;
		ASSERT_EQ(ak_alloc(&a, sleepable, -1, cnt - 1), base, "all but one");
		ASSERT_EQ(ak_alloc(&a, sleepable, -1, cnt), 0, "more than there is");
		ASSERT_EQ(ak_alloc(&a, sleepable, -1, 2), 0, "one more than there is");
		ASSERT_EQ(AK(&a, .op = AK_RESERVE, .ptr = 5 * SZ_4G, .cnt = 1), (__u64)-EINVAL,
			  "reserve behind the end");
		ak_free(&a, sleepable, cnt, 64);
		ASSERT_EQ(AK(&b, .op = AK_PROG_READ, .ptr = b.base), 0, "program reads");
		ak_expect_report(b.fd, AK_READ_REPORT, b.base);
		ASSERT_EQ(ak_alloc(&b, sleepable, -1, 64), b.base, "all of the other arena");
		ak_check_live(&b, b.base, 64, 0);
		close_mapped(&b, 64);
	}
	close_mapped(&a, cnt);
}

/* Frees of 4 GiB that are deferred do not keep an allocation from its page. */
static void flood(void)
{
	struct ak ak;
	bool failed = false;
	int i;

	if (!ak_open(&ak, all_pages(), 0, MAP_EXTRA_HI))
		return;
	if (ASSERT_NEQ(ak_alloc(&ak, true, 0, 1), 0, "alloc")) {
		for (i = 0; i < 200; i++) {
			ak_free(&ak, false, 0, all_pages());
			failed |= !ak_alloc(&ak, false, 16 + i, 1);
		}
		ASSERT_FALSE(failed, "an allocation that has free pages fails");
		/* The page was freed once, and what came later may be gone or not. */
		ASSERT_NEQ(ak_alloc_wait(&ak, true, 0, 1), 0, "freed");
	}
	ak_close(&ak);
}

/* The page that a NULL arena pointer points to is for BPF only. */
static void first_page(void)
{
	struct ak ak;

	if (!ak_open(&ak, 32, 0, MAP_EXTRA_HI))
		return;
	ASSERT_EQ(ak_kalloc(&ak, 0, 1), 0, "kernel, at its address");
	ASSERT_EQ(ak_kalloc(&ak, -1, 32), 0, "kernel, all");
	ASSERT_EQ(ak_kalloc(&ak, -1, 31), ak_page(&ak, 1), "kernel, all others");
	ASSERT_EQ(ak_kalloc(&ak, -1, 1), 0, "kernel, one more");
	ASSERT_EQ(ak_alloc(&ak, true, -1, 1), ak.base, "BPF");
	ak_kfree(&ak, 1, 31);
	ASSERT_EQ(ak_alloc(&ak, true, -1, 31), ak_page(&ak, 1), "BPF, all others");
	ak_close(&ak);
	/* elsewhere there is no such page */
	if (!ak_open(&ak, 32, 0, MAP_EXTRA_HI + 32 * getpagesize()))
		return;
	ASSERT_EQ(ak_kalloc(&ak, -1, 32), ak.base, "kernel, all of another one");
	ak_close(&ak);
}

static long pages_used(struct ak *ak)
{
	char path[64], buf[4096], *p;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(ak->skel->maps.arena));
	if (ak_file_read(path, buf, sizeof(buf)) < 0)
		return -1;
	p = strstr(buf, "memlock:");
	return p ? atol(p + 8) / ak->page : -1;
}

/* What an arena says of its memory */
static void usage(void)
{
	struct ak ak;

	if (!ak_open(&ak, 2048, 0, 0))
		return;
	ASSERT_EQ(pages_used(&ak), 0, "nothing");
	ak_alloc(&ak, true, 0, 1024);
	ak_alloc(&ak, false, 1024, 2);
	ASSERT_EQ(pages_used(&ak), 1026, "of BPF");
	ASSERT_NEQ(ak_kalloc(&ak, 1500, 3), 0, "kalloc");
	ASSERT_EQ(pages_used(&ak), 1029, "and of the kernel");
	*(char *)ak_page(&ak, 1600) = 1;
	ASSERT_EQ(pages_used(&ak), 1030, "and by a user fault");
	ak_kill(&ak, 1700);
	ASSERT_EQ(pages_used(&ak), 1030, "a dead page takes nothing");
	ak_free(&ak, true, 0, 2048);
	ASSERT_EQ(pages_used(&ak), 3, "kernel-owned pages stay");
	ak_kfree(&ak, 1500, 3);
	ASSERT_EQ(pages_used(&ak), 0, "nothing again");
	ak_close(&ak);
}

/* Every other page is dead: single pages are found, and no two. */
static void comb(bool sleepable)
{
	const int nr = 4096;
	struct ak ak;
	int i, n = 0;
	__u64 ptr = 0;

	if (!ak_open(&ak, nr, 0, 0))
		return;
	AK(&ak, .op = AK_TOUCH, .ptr = ak_page(&ak, 0), .size = 2 * ak.page, .cnt = nr / 2);
	/* one that cannot sleep may give up, and has found out something then */
	for (i = 0; i < nr && !ptr; i++)
		ptr = ak_alloc(&ak, sleepable, -1, 2);
	ASSERT_EQ(ptr, 0, "two adjacent pages");
	for (i = 0; i < nr; i++)
		n += !!ak_alloc(&ak, sleepable, -1, 1);
	ASSERT_EQ(n, nr / 2, "single pages");
	ak_close(&ak);
}

void serial_test_arena_kern_limits(void)
{
	static const struct ak_subtest tests[] = {
		{ "small_mmap", .fn_both = small_mmap },
		{ "dead_guard", .fn_both = dead_guard },
		{ "neighbours", .fn_both = neighbours },
		{ "flood", flood },
		{ "first_page", first_page },
		{ "usage", usage },
		{ "comb", .fn_both = comb },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
