// SPDX-License-Identifier: GPL-2.0
/* Kernel accesses to arena memory: which ones work, and what is reported */
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "progs/arena_kern_faults.h"
#include "arena_kern_faults.skel.h"
#include "arena_kern_ops.skel.h"
#define AK_OPS
#include "arena_kern.h"

/* An array and a list that user space made, without any copying */
static void live_memory(void)
{
	struct bpf_test_arena_node *node;
	__u64 sum = 0, *vals;
	struct ak ak;
	int i;

	if (!ak_open(&ak, 16, 0, 0))
		return;
	vals = (__u64 *)ak_alloc(&ak, true, -1, 2);
	if (!ASSERT_OK_PTR(vals, "alloc"))
		goto out;
	for (i = 0; i < 700; i++) {
		vals[i] = i + 1;
		sum += i + 1;
	}
	ASSERT_EQ(AK(&ak, .op = AK_SUM_SCALE, .ptr = (__u64)vals, .cnt = 700, .val = 3), sum,
		  "sum");
	for (i = 0; i < 700 && vals[i] == 3 * (i + 1); i++)
		;
	ASSERT_EQ(i, 700, "scaled in place");

	node = (struct bpf_test_arena_node *)vals;
	for (i = 0; i < 100; i++)
		node[i] = (struct bpf_test_arena_node){
			.next = i < 99 ? (__u64)&node[i + 1] : 0, .val = i,
		};
	ASSERT_EQ(AK(&ak, .op = AK_WALK, .ptr = (__u64)node, .cnt = 1000), 99 * 100 / 2, "list");
	node[99].next = (__u64)node;
	ASSERT_EQ(AK(&ak, .op = AK_WALK, .ptr = (__u64)node, .cnt = 200), 99 * 100, "knot");
	/* the list leaves the live pages, and goes on in the zeroes of a dead one */
	node[99].next = ak_page(&ak, 9);
	ASSERT_EQ(AK(&ak, .op = AK_WALK, .ptr = (__u64)node, .cnt = 1000), 99 * 100 / 2,
		  "dangling");
	ak_expect_report(ak.fd, AK_READ_REPORT, ak_page(&ak, 9) + 8);
out:
	ak_close(&ak);
}

static void sizes(__u32 write)
{
	__u64 first = 0, ptr;
	struct ak ak;
	int i, size;

	if (!ak_open(&ak, 16, 0, 0))
		return;
	for (i = 0; i < 8; i++) {
		size = 1 << (i % 4);
		/* naturally aligned, then not */
		ptr = ak_page(&ak, i) + 0xab0 + (i < 4 ? size : 3);
		if (write)
			AK(&ak, .op = AK_WRITE, .ptr = ptr, .size = size, .val = ~0ULL);
		else
			ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ptr, .size = size), 0, "value");
		ak_expect_report(ak.fd, write ? AK_WRITE_REPORT : AK_READ_REPORT, ptr);
		if (!first)
			first = ak_pfn(&ak, 0);
		ASSERT_NEQ(first, 0, "scratch page");
		ASSERT_EQ(ak_pfn(&ak, i), first, "same scratch page");
	}
	ak_close(&ak);
}

/* One byte at offset @ptr + @off of the range that the kernel maps, and a neighbour */
static void edge(__u64 ptr, __s64 off, int pages_apart)
{
	struct ak ak;
	int write;

	for (write = 0; write < 2; write++) {
		if (!ak_open(&ak, 4, 0, 0))
			return;
		AK(&ak, .op = write ? AK_WRITE : AK_READ, .ptr = ptr, .off = off, .size = 1);
		ak_expect_report(ak.fd, write ? AK_WRITE_REPORT : AK_READ_REPORT,
				 ak_addr(ak.base, ptr, off));
		AK(&ak, .op = AK_READ, .ptr = ptr, .off = off + pages_apart * ak.page, .size = 1);
		ASSERT_EQ(ak_reports(ak.fd), 1, "neighbour");
		ak_close(&ak);
	}
}

static void first_byte(void)
{
	edge(0, 0, 1);
}

static void last_byte(void)
{
	edge(0xffffffff, 0, 1);
}

static void guard_first_byte(void)
{
	edge(0xffffffff, 1, -1);
}

/* As far as code may reach from a pointer that it does not check */
static void guard_last_byte(void)
{
	edge(0xffffffff, ak_guard(), -1);
}

static void expect_two(struct ak *ak, const char *fmt, __u64 one, __u64 two)
{
	if (!ASSERT_EQ(ak_reports(ak->fd), 2, "reports") ||
	    !ak_has_report(fmt, one) || !ak_has_report(fmt, two))
		printf("got: %s\n", ak_buf);
}

static void straddle(void)
{
	__u64 ptr;
	struct ak ak;

	if (!ak_open(&ak, 16, 0, 0))
		return;
	ptr = ak_page(&ak, 1) - 3;
	ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ptr, .size = 8), 0, "value");
	expect_two(&ak, AK_READ_REPORT, ptr, ptr + 3);
	ptr = ak_page(&ak, 3) - 3;
	AK(&ak, .op = AK_WRITE, .ptr = ptr, .size = 8, .val = ~0ULL);
	expect_two(&ak, AK_WRITE_REPORT, ptr, ptr + 3);
	/* from the range into the guard */
	AK(&ak, .op = AK_READ, .ptr = 0xfffffffc, .size = 8);
	expect_two(&ak, AK_READ_REPORT, ak_addr(ak.base, 0xfffffffc, 0),
		   ak_addr(ak.base, 0xfffffffc, 4));
	ak_close(&ak);
}

static void mem_functions(void)
{
	struct ak ak;
	int i;

	if (!ak_open(&ak, 16, 0, 0))
		return;
	/* all of the two source and two destination pages are missing */
	AK(&ak, .op = AK_MEMCPY, .ptr = ak_page(&ak, 2) - 100, .src = ak_page(&ak, 6) - 100,
	   .size = 300);
	ASSERT_EQ(ak_reports(ak.fd), 4, "memcpy");
	ASSERT_EQ(ak_count(ak_buf, "Arena READ"), 2, "source");
	ASSERT_EQ(ak_count(ak_buf, "Arena WRITE"), 2, "destination");
	for (i = 0; i < 2; i++) {
		ASSERT_NEQ(ak_pfn(&ak, 1 + i), 0, "destination page");
		ASSERT_NEQ(ak_pfn(&ak, 5 + i), 0, "source page");
	}
	AK(&ak, .op = AK_MEMSET, .ptr = ak_page(&ak, 10) - 100, .size = 200, .val = 0xff);
	ASSERT_EQ(ak_reports(ak.fd), 2, "memset");
	ASSERT_EQ(ak_count(ak_buf, "Arena WRITE"), 2, "memset");

	/* between a live page and a missing one */
	if (!ASSERT_NEQ(ak_alloc(&ak, true, 12, 1), 0, "alloc"))
		goto out;
	memset((void *)ak_page(&ak, 12), 0x5a, ak.page);
	AK(&ak, .op = AK_MEMCPY, .ptr = ak_page(&ak, 13), .src = ak_page(&ak, 12), .size = ak.page);
	ak_expect_report(ak.fd, AK_WRITE_REPORT, ak_page(&ak, 13));
	AK(&ak, .op = AK_MEMCPY, .ptr = ak_page(&ak, 12), .src = ak_page(&ak, 14), .size = 8);
	ak_expect_report(ak.fd, AK_READ_REPORT, ak_page(&ak, 14));
	ASSERT_EQ(*(char *)(ak_page(&ak, 12) + 8), 0x5a, "rest of the live page");
out:
	ak_close(&ak);
}

/*
 * The last word of a page and the first of the next; where the CPU can, also a
 * word that is half in either. Whether that is a read or a write, CPUs disagree.
 */
static void atomics(void)
{
	static const __u64 want[] = {
		[TEST_ARENA_ADD] = 5, [TEST_ARENA_XCHG] = 0, [TEST_ARENA_CMPXCHG] = 0,
	};
	struct ak ak;
	__u64 ptr;
	__s64 ret;
	int op;

	for (op = TEST_ARENA_ADD; op <= TEST_ARENA_CMPXCHG; op++) {
		if (!ak_open(&ak, 16, 0, 0))
			return;
		ptr = ak_page(&ak, 3);
		ret = AK(&ak, .op = AK_ATOMIC, .how = op, .ptr = ptr - 8, .val = 5);
		ASSERT_EQ(ret, want[op], "last word");
		ret = AK(&ak, .op = AK_ATOMIC, .how = op, .ptr = ptr, .val = 5);
		ASSERT_EQ(ret, want[op], "first word");
		ASSERT_EQ(ak_reports(ak.fd), 2, "reports");
		ak_has_report("access at unmapped address 0x%llx\n", ptr - 8);
		ak_has_report("access at unmapped address 0x%llx\n", ptr);

		ptr = ak_page(&ak, 9) - 4;
		/* clear of what is on the scratch page already */
		AK(&ak, .op = AK_MEMSET, .ptr = ak_page(&ak, 3), .size = ak.page);
		ret = AK(&ak, .op = AK_ATOMIC, .how = op, .ptr = ptr, .val = 5);
		if (ret != -EOPNOTSUPP) {
			ASSERT_EQ(ret, want[op], "split word");
			ASSERT_EQ(ak_reports(ak.fd), 2, "reports");
			ak_has_report("access at unmapped address 0x%llx\n", ptr);
			ak_has_report("access at unmapped address 0x%llx\n", ptr + 4);
		}
		ak_close(&ak);
	}
}

/* The user range ends at a multiple of 4 GiB, the range in the kernel goes on. */
static void wrap(void)
{
	int page = getpagesize();
	struct ak ak;
	__u64 ptr;

	if (!ak_open(&ak, 1, 0, MAP_EXTRA_HI + SZ_4G - page))
		return;
	ptr = ak_alloc(&ak, true, -1, 1);
	if (!ASSERT_EQ(ptr, MAP_EXTRA_HI + SZ_4G - page, "alloc"))
		goto out;
	/* an object that runs past the end does not wrap */
	AK(&ak, .op = AK_WRITE, .ptr = ptr + page - 4, .size = 8, .val = ~0ULL);
	ak_expect_report(ak.fd, AK_WRITE_REPORT, MAP_EXTRA_HI + SZ_4G);
	ASSERT_EQ(*(__u32 *)(ptr + page - 4), ~0U, "head of the object");
	ASSERT_EQ(AK(&ak, .op = AK_PFN, .ptr = MAP_EXTRA_HI), 0, "start untouched");
	/* a pointer past the end has low bits from the start of the range */
	AK(&ak, .op = AK_READ, .ptr = ptr + page + 8, .size = 8);
	ak_expect_report(ak.fd, AK_READ_REPORT, MAP_EXTRA_HI + 8);
	ASSERT_NEQ(AK(&ak, .op = AK_PFN, .ptr = MAP_EXTRA_HI), 0, "start touched");
out:
	ak_close(&ak);
}

static void past_user_range(void)
{
	struct ak ak;
	__u64 ptr;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	ptr = ak_page(&ak, 4) + 16;
	AK(&ak, .op = AK_READ, .ptr = ptr, .size = 8);
	ak_expect_report(ak.fd, AK_READ_REPORT, ak_addr(ak.base, ptr, 0));
	ptr = ak.base - 16;
	AK(&ak, .op = AK_WRITE, .ptr = ptr, .size = 8);
	ak_expect_report(ak.fd, AK_WRITE_REPORT, ak_addr(ak.base, ptr, 0));
	/* all of the user range is still free */
	ASSERT_NEQ(ak_alloc(&ak, true, -1, 4), 0, "alloc");
	ak_close(&ak);
}

/* The text is that of a fault of the program itself. */
static void report_text(void)
{
	char *kfunc, *prog, comm[32] = {};
	int n, cpu, uid, pid;
	struct ak ak;
	__u64 ptr;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	ptr = ak_page(&ak, 1) + 0x123;
	AK(&ak, .op = AK_READ, .ptr = ptr, .size = 1);
	if (!ak_expect_report(ak.fd, AK_READ_REPORT, ptr))
		goto out;
	n = sscanf(strchr(ak_buf, '\n') + 1, "CPU: %d UID: %d PID: %d Comm: %31s\n",
		   &cpu, &uid, &pid, comm);
	ASSERT_EQ(n, 4, "task");
	ASSERT_EQ(pid, sys_gettid(), "pid");
	kfunc = strstr(ak_buf, "bpf_test_arena_read+0x");
	prog = strstr(ak_buf, "_sleepable+0x");
	ASSERT_OK_PTR(kfunc, "kfunc on the stack");
	ASSERT_OK_PTR(prog, "program on the stack");
	ASSERT_TRUE(kfunc && prog && kfunc < prog, "innermost first");
	ASSERT_HAS_SUBSTR(ak_buf, " @ arena_kern.h:", "source line");
	/* none of it ends up with a program that was not there */
	ak_expect_silence(ak.fd_nonsleepable, "another program");

	AK_FROM(&ak, false, .op = AK_WRITE, .ptr = ptr + ak.page, .size = 1);
	ak_expect_report(ak.fd_nonsleepable, AK_WRITE_REPORT, ptr + ak.page);
	ASSERT_HAS_SUBSTR(ak_buf, "bpf_test_arena_write+0x", "kfunc");
	ASSERT_HAS_SUBSTR(ak_buf, "_nonsleepable+0x", "program");
	ak_expect_silence(ak.fd, "another program");
out:
	ak_close(&ak);
}

static void second_touch_silent(void)
{
	struct ak ak;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	AK(&ak, .op = AK_READ, .ptr = ak_page(&ak, 1), .size = 1);
	ASSERT_EQ(ak_reports(ak.fd), 1, "first touch");
	AK(&ak, .op = AK_READ, .ptr = ak_page(&ak, 1), .size = 1);
	AK(&ak, .op = AK_WRITE, .ptr = ak_page(&ak, 1) + 100, .size = 8);
	AK(&ak, .op = AK_MEMSET, .ptr = ak_page(&ak, 1), .size = ak.page);
	ak_expect_silence(ak.fd, "later touches");
	AK_FROM(&ak, false, .op = AK_READ, .ptr = ak_page(&ak, 1), .size = 1);
	ak_expect_silence(ak.fd_nonsleepable, "touch by another program");
	AK(&ak, .op = AK_READ, .ptr = ak_page(&ak, 2), .size = 1);
	ASSERT_EQ(ak_reports(ak.fd), 1, "another page");
	ak_close(&ak);
}

static void freed_page(void)
{
	struct ak ak;
	__u64 ptr;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	ptr = ak_alloc(&ak, true, -1, 1);
	if (!ASSERT_NEQ(ptr, 0, "alloc"))
		goto out;
	*(__u64 *)ptr = 0x1122334455667788;
	ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ptr, .size = 8), 0x1122334455667788, "live");
	ak_expect_silence(ak.fd, "live");
	AK(&ak, .op = AK_FREE, .ptr = ptr, .cnt = 1);
	ASSERT_EQ(AK(&ak, .op = AK_READ, .ptr = ptr, .size = 8), 0, "freed");
	ak_expect_report(ak.fd, AK_READ_REPORT, ptr);
out:
	ak_close(&ak);
}

/* What a program does itself needs no page and leaves none behind. */
static void program_faults(void)
{
	struct ak ak;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	ASSERT_EQ(AK(&ak, .op = AK_PROG_READ, .ptr = ak_page(&ak, 1) + 16), 0, "reads 0");
	ak_expect_report(ak.fd, AK_READ_REPORT, ak_page(&ak, 1) + 16);
	AK(&ak, .op = AK_PROG_WRITE, .ptr = ak_page(&ak, 1) + 24, .val = 1);
	ak_expect_report(ak.fd, AK_WRITE_REPORT, ak_page(&ak, 1) + 24);
	ASSERT_EQ(ak_pfn(&ak, 1), 0, "nothing mapped");
	ASSERT_NEQ(ak_alloc(&ak, true, 1, 1), 0, "alloc there");
	ASSERT_EQ(*(__u64 *)(ak_page(&ak, 1) + 24), 0, "dropped");
	ak_close(&ak);
}

/* On a dead page the program gets the scratch page like the kernel. */
static void program_on_dead_page(void)
{
	struct ak ak;
	__u64 pfn;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	pfn = ak_kill(&ak, 1);
	ASSERT_EQ(AK(&ak, .op = AK_PROG_READ, .ptr = ak_page(&ak, 1)), 0, "read");
	AK(&ak, .op = AK_PROG_WRITE, .ptr = ak_page(&ak, 1), .val = 1);
	AK_FROM(&ak, false, .op = AK_PROG_WRITE, .ptr = ak_page(&ak, 1) + 8, .val = 1);
	ak_expect_silence(ak.fd, "no fault");
	ak_expect_silence(ak.fd_nonsleepable, "no fault");
	ASSERT_EQ(ak_pfn(&ak, 1), pfn, "still dead");
	ak_close(&ak);
}

/* The scratch page shows nobody's data. */
static void scratch_is_zeroed(void)
{
	struct ak ak;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	ASSERT_EQ(AK(&ak, .op = AK_COUNT_NONZERO, .ptr = ak_page(&ak, 1), .size = ak.page), 0,
		  "bytes that are not 0");
	ASSERT_EQ(ak_reports(ak.fd), 1, "reports");
	ak_close(&ak);
}

/* Exception tables come first. */
static void nofault(void)
{
	struct ak ak;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	ASSERT_EQ((int)AK(&ak, .op = AK_NOFAULT, .ptr = ak_page(&ak, 1)), -EFAULT, "unmapped");
	ak_expect_silence(ak.fd, "not the arena's");
	ASSERT_EQ(ak_pfn(&ak, 1), 0, "nothing mapped");
	ASSERT_NEQ(ak_alloc(&ak, true, 1, 1), 0, "alloc there");
	ASSERT_OK((int)AK(&ak, .op = AK_NOFAULT, .ptr = ak_page(&ak, 1)), "mapped");
	ak_close(&ak);
}

/* A program can fill its stream. The accesses that are not reported work. */
static void flood(void)
{
	const int pages = 2048;
	struct ak ak;
	__u64 pfn;
	int i, bad;

	if (!ak_open(&ak, pages + 16, 0, 0))
		return;
	AK(&ak, .op = AK_MEMSET, .ptr = ak_page(&ak, 0), .size = pages * ak.page, .val = 1);
	pfn = ak_pfn(&ak, 0);
	ASSERT_NEQ(pfn, 0, "scratch page");
	for (i = 1, bad = 0; i < pages; i++)
		bad += ak_pfn(&ak, i) != pfn;
	ASSERT_EQ(bad, 0, "pages not recovered");
	ASSERT_EQ(ak_pfn(&ak, pages), 0, "next page");

	i = ak_stderr(ak.fd, ak_buf, sizeof(ak_buf));
	ASSERT_GT(i, 0, "stream");
	ASSERT_LE(i, 100000, "stream");
	AK(&ak, .op = AK_WRITE, .ptr = ak_page(&ak, pages), .size = 1);
	ak_expect_report(ak.fd, AK_WRITE_REPORT, ak_page(&ak, pages));
	ak_close(&ak);
}

/*
 * How often does an access fault? When the handler returns, the entry that it has
 * made must be visible to this CPU's table walks. If it is not, for want of a barrier,
 * the access still succeeds in the end, after some more faults. So they are counted.
 */
static struct arena_kern_faults *count_faults(struct ak *ak)
{
	struct arena_kern_faults *skel;

	if (!ak_open(ak, AK_FAULTS_PAGES, 0, 0))
		return NULL;
	skel = arena_kern_faults__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load") ||
	    !ASSERT_OK(arena_kern_faults__attach(skel), "attach")) {
		arena_kern_faults__destroy(skel);
		ak_close(ak);
		return NULL;
	}
	skel->bss->base = AK(ak, .op = AK_KERN_BASE) + (__u32)ak->base;
	skel->bss->page_size = ak->page;
	return skel;
}

static bool expect_faults(struct arena_kern_faults *skel, __u32 max)
{
	int i, bad = 0;

	for (i = 0; i < AK_FAULTS_PAGES; i++) {
		__u32 n = READ_ONCE(skel->bss->faults[i]);

		if (n < 1 || n > max) {
			if (!bad++)
				PRINT_FAIL("page %d: %u faults, at most %u expected\n", i, n, max);
		}
	}
	return ASSERT_EQ(bad, 0, "pages with another number of faults");
}

/* One, also where the architecture puts barriers off: in a lazy MMU section. */
static void one_fault_per_page(void)
{
	struct arena_kern_faults *skel;
	struct ak ak;
	int i;

	skel = count_faults(&ak);
	if (!skel)
		return;
	for (i = 0; i < AK_FAULTS_PAGES; i++)
		AK(&ak, .op = AK_READ_IN, .ptr = ak_page(&ak, i), .how = i % TEST_ARENA_SECTIONS);
	expect_faults(skel, 1);
	arena_kern_faults__destroy(skel);
	ak_close(&ak);
}

static struct ak *touch_ak;
static int touch_go;

static void *touch_all(void *arg)
{
	int i;

	while (!__atomic_load_n(&touch_go, __ATOMIC_ACQUIRE))
		;
	for (i = 0; i < AK_FAULTS_PAGES; i++)
		AK(touch_ak, .op = AK_READ_IN, .ptr = ak_page(touch_ak, i),
		   .how = i % TEST_ARENA_SECTIONS);
	return NULL;
}

/* When several CPUs hit an empty slot together, each of them once at most */
static void one_fault_per_cpu(void)
{
	struct arena_kern_faults *skel;
	pthread_t threads[4];
	struct ak ak;
	int nr = 0;

	skel = count_faults(&ak);
	if (!skel)
		return;
	touch_ak = &ak;
	touch_go = 0;
	while (nr < ARRAY_SIZE(threads) &&
	       ASSERT_OK(pthread_create(&threads[nr], NULL, touch_all, NULL), "pthread_create"))
		nr++;
	__atomic_store_n(&touch_go, 1, __ATOMIC_RELEASE);
	while (nr)
		pthread_join(threads[--nr], NULL);
	expect_faults(skel, ARRAY_SIZE(threads));
	arena_kern_faults__destroy(skel);
	ak_close(&ak);
}

/* bpf_prog_arena() and bpf_arena_map_kern_vm_start() */
static void accessors(void)
{
	struct ak ak;
	__u32 id;

	if (!ak_open(&ak, 4, 0, 0))
		return;
	id = ak_map_id(ak.skel->maps.arena);
	ASSERT_EQ(AK(&ak, .op = AK_MAP_ID), id, "arena of a program");
	ASSERT_EQ(AK_FROM(&ak, false, .op = AK_MAP_ID), id, "arena of another program");
	ak.skel->bss->map_id_noarena = 1;
	ASSERT_OK(ak_run_prog(ak.skel->progs.no_arena), "run");
	ASSERT_EQ(ak.skel->bss->map_id_noarena, 0, "program without an arena");

	ASSERT_OK(ak_run_prog(ak.skel->progs.look_inside), "run");
	ASSERT_EQ(ak.skel->bss->user_vm_start, ak.base, "user_vm_start");
	ASSERT_EQ(AK(&ak, .op = AK_KERN_BASE), ak.skel->bss->kern_vm_addr + ak_guard(),
		  "kern_vm_start");
	ak_close(&ak);
}

void serial_test_arena_kern_access(void)
{
	static const struct ak_subtest tests[] = {
		{ "live_memory", live_memory },
		{ "sizes_read", .fn_nr = sizes, .nr = false },
		{ "sizes_write", .fn_nr = sizes, .nr = true },
		{ "first_byte", first_byte },
		{ "last_byte", last_byte },
		{ "guard_first_byte", guard_first_byte },
		{ "guard_last_byte", guard_last_byte },
		{ "straddle", straddle },
		{ "mem_functions", mem_functions },
		{ "atomics", atomics },
		{ "wrap", wrap },
		{ "past_user_range", past_user_range },
		{ "report_text", report_text },
		{ "second_touch_silent", second_touch_silent },
		{ "freed_page", freed_page },
		{ "program_faults", program_faults },
		{ "program_on_dead_page", program_on_dead_page },
		{ "scratch_is_zeroed", scratch_is_zeroed },
		{ "nofault", nofault },
		{ "flood", flood },
		{ "one_fault_per_page", one_fault_per_page },
		{ "one_fault_per_cpu", one_fault_per_cpu },
		{ "accessors", accessors },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
