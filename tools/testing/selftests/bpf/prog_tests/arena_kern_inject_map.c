// SPDX-License-Identifier: GPL-2.0
/* How arenas come to be, and to user space and struct_ops, when memory is short */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "arena_kern_inject.skel.h"
#include "arena_kern_ops.skel.h"
#include "arena_kern_struct_ops.skel.h"
#define AK_OPS
#include "arena_kern_inject.h"

/* An allocation which is one of page tables, if these are not there already */
#define FIRST_TABLE 50
#define MAX_HOLD 16

static int create(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARENA, "inject", 0, 0, AKI_PAGES, &opts);
}

static int run_create(struct aki_step *s)
{
	s->fd = create();
	return s->fd < 0 ? s->fd : 0;
}

static bool check_create(struct aki_step *s, int err)
{
	if (err)
		return ASSERT_EQ(err, -ENOMEM, "create");
	close(s->fd);
	/* freed in the background */
	return ASSERT_TRUE(ak_wait(aki_count_ranges() <= aki_nr_ranges), "arenas in the kernel");
}

/* The creator's cgroup is charged. */
static void map_create(void)
{
	struct aki_step s = {
		.name = __func__, .run = run_create, .check = check_create,
		.once = ak_has_kasan(),		/* an arena takes it seconds to make */
	};

	if (!ASSERT_OK(join_cgroup(AKI_CGROUP), "join_cgroup"))
		return;
	/* the first time leaves something charged to the test itself */
	if (aki_inject_all(&s, 4, 0)) {
		ASSERT_OK(join_root_cgroup(), "join_root_cgroup");
		aki_charges_start(&s);
		ASSERT_OK(join_cgroup(AKI_CGROUP), "join_cgroup");
		aki_inject_all(&s, 4, 0);
		ASSERT_OK(join_root_cgroup(), "join_root_cgroup");
		aki_charges_ok(&s);
	}
	join_root_cgroup();
	ASSERT_LE(aki_count_ranges(), aki_nr_ranges, "arenas in the kernel");
	if (ak_open(&s.ak, AKI_PAGES, 0, 0)) {
		ASSERT_NEQ(ak_alloc(&s.ak, true, -1, AKI_PAGES), 0, "alloc");
		ak_close(&s.ak);
	}
}

/*
 * The kernel does not free page tables of its own, and who comes to the same address
 * later finds them there. So keep the arenas that did, until one needs page tables. A
 * failure leaves those that came before, and the next has to be beyond them.
 */
static void create_tables(void)
{
	int fds[MAX_HOLD], failed = 0, n = 0;
	long table = (long)getpagesize() * getpagesize() / sizeof(long);
	__u32 nr = FIRST_TABLE;

	if ((1L << 32) / table < 10 * FIRST_TABLE || ak_has_kasan()) {
		ak_skip("an arena has few tables, or too much memory");
		return;
	}
	do {
		aki_set_nth(nr);
		fds[n] = create();
		if (!ASSERT_EQ(aki_unset_nth() == 0, fds[n] < 0, "the failure is an error"))
			break;
		if (fds[n] < 0) {
			failed++;
			nr += nr / 4;
			if (!ASSERT_EQ(fds[n], -ENOMEM, "create"))
				break;
		} else {
			n++;
		}
	} while (failed < 5 && n < MAX_HOLD);
	printf("sites: %s: %d failures\n", __func__, failed);
	ASSERT_GE(failed, 5, "failures");
	while (n)
		close(fds[--n]);
	ASSERT_TRUE(ak_wait(aki_count_ranges() <= aki_nr_ranges), "arenas in the kernel");
}

static int set_oom_score_adj(const char *adj)
{
	return ak_file_write("/proc/self/oom_score_adj", adj);
}

/* Out of memory, the kernel has nobody to kill and has to return an error. */
static void map_create_limit(void)
{
	struct aki_step s = {
		.name = __func__, .run = run_create, .check = check_create, .inside = true,
	};

	/* see aki_squeeze() */
	if (ak_is_realtime()) {
		ak_skip("kmalloc_nolock() and a memory limit, with PREEMPT_RT");
		return;
	}
	if (!ASSERT_OK(join_cgroup(AKI_CGROUP), "join_cgroup"))
		return;
	if (ASSERT_OK(set_oom_score_adj("-1000"), "oom_score_adj")) {
		aki_squeeze(&s, 16);
		ASSERT_OK(set_oom_score_adj("0"), "oom_score_adj");
	}
	join_root_cgroup();
}

static bool prepare_mmap(struct aki_step *s)
{
	s->fd = create();
	return ASSERT_OK_FD(s->fd, "create");
}

static void *do_mmap(int fd)
{
	return mmap(NULL, AKI_PAGES * getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static int run_mmap(struct aki_step *s)
{
	void *ptr = do_mmap(s->fd);

	s->ret = (long)ptr;
	return ptr == MAP_FAILED ? -errno : 0;
}

/* An arena is where it was mapped first. A mapping that failed is none. */
static bool check_mmap(struct aki_step *s, int err)
{
	char *ptr = (char *)s->ret;
	bool ok = !err || ASSERT_EQ(err, -ENOMEM, "mmap");

	if (err)
		ptr = do_mmap(s->fd);
	if (ASSERT_NEQ(ptr, MAP_FAILED, "mmap")) {
		ptr[0] = 1;
		ptr[AKI_PAGES * getpagesize() - 1] = 1;
		munmap(ptr, AKI_PAGES * getpagesize());
	} else {
		ok = false;
	}
	close(s->fd);
	return ok;
}

static void map_mmap(void)
{
	struct aki_step s = {
		.name = __func__, .prepare = prepare_mmap, .run = run_mmap, .check = check_mmap,
		.once = true,
	};

	aki_inject(&s, AKI_NTH, 2);
}

static sigjmp_buf jmp;

static void on_signal(int sig)
{
	siglongjmp(jmp, 1);
}

static int run_user(struct aki_step *s)
{
	if (sigsetjmp(jmp, 1))
		return -EFAULT;
	WRITE_ONCE(*(char *)ak_page(&s->ak, s->nr), 'a');
	return 0;
}

static bool prepare_user(struct aki_step *s)
{
	return s->op != AK_RESERVE ||
	       ASSERT_OK((int)AK(&s->ak, .op = AK_RESERVE, .ptr = ak_page(&s->ak, s->nr),
				 .cnt = 1), "reserve");
}

/* A fault that fails changes nothing: what was free is free, what was reserved is not. */
static bool check_user(struct aki_step *s, int err)
{
	bool ok = (!err || s->op == AK_RESERVE || aki_survey_ok(s)) &&
		  ASSERT_EQ(s->op == AK_RESERVE ? ak_alloc(&s->ak, true, s->nr, 1) : 0, 0,
			    "alloc of the reserved page") &&
		  ASSERT_OK(run_user(s), "user fault with memory") &&
		  ASSERT_EQ(AK(&s->ak, .op = AK_READ, .ptr = ak_page(&s->ak, s->nr), .size = 1),
			    'a', "kernel reads");

	ak_free(&s->ak, true, s->nr, 1);
	return ok && aki_survey_ok(s);
}

static void user_faults(struct aki_step *s)
{
	struct sigaction sa = { .sa_handler = on_signal }, old_segv, old_bus;

	if (!aki_open(s, AKI_PAGES))
		return;
	sigaction(SIGSEGV, &sa, &old_segv);
	sigaction(SIGBUS, &sa, &old_bus);
	/* the page */
	if (aki_inject_all(s, 1, 0))
		aki_squeeze(s, 8);
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	aki_close(s);
}

static void user_fault(void)
{
	struct aki_step s = {
		.name = __func__, .run = run_user, .check = check_user, .nr = 7,
	};

	user_faults(&s);
}

static void user_fault_reserved(void)
{
	struct aki_step s = {
		.name = __func__, .prepare = prepare_user, .run = run_user,
		.check = check_user, .op = AK_RESERVE, .nr = 7,
	};

	user_faults(&s);
}

static struct arena_kern_struct_ops *ops;
static struct bpf_link *ops_link;

static int run_register(struct aki_step *s)
{
	ops_link = bpf_map__attach_struct_ops(ops->maps.ops_obj);
	return ops_link ? 0 : -errno;
}

static bool check_register(struct aki_step *s, int err)
{
	int run = ak_param_write("run", TEST_ARENA_RUN_OBJ);
	bool ok;

	if (err)
		return ASSERT_EQ(err, -ENOMEM, "register") &&
		       ASSERT_EQ(run, -ENODEV, "object without struct_ops");
	ok = ASSERT_OK(run, "object");
	bpf_link__destroy(ops_link);
	ops_link = NULL;
	return ok;
}

/* Its arena has 16 pages: each registration takes one, and has to give it back. */
static void struct_ops(void)
{
	struct aki_step s = { .name = __func__, .run = run_register, .check = check_register };

	ops = arena_kern_struct_ops__open_and_load();
	if (!ASSERT_OK_PTR(ops, "open_and_load"))
		return;
	aki_inject_all(&s, 7, 0);
	arena_kern_struct_ops__destroy(ops);
	ops = NULL;
}

void serial_test_arena_kern_inject_map(void)
{
	static const struct ak_subtest tests[] = {
		{ "create", map_create },
		{ "create_tables", create_tables },
		{ "create_limit", map_create_limit },
		{ "mmap", map_mmap },
		{ "user_fault", user_fault },
		{ "user_fault_reserved", user_fault_reserved },
		{ "struct_ops", struct_ops },
	};

	aki_run_subtests(tests, ARRAY_SIZE(tests));
}
