// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of operations on arenas, one by one and in random BPF programs,
 * each compared with a model of the arena. Those that fail are shrunk and printed.
 *
 *	ARENA_KERN_FUZZ_SEED	sequences are made from it
 *	ARENA_KERN_FUZZ_COUNT	how many, for each subtest
 *	ARENA_KERN_FUZZ_PARTS	how long they are: parts that use pages of their own. It
 *				is for kernels that take long to make an arena.
 *	ARENA_KERN_FUZZ_ONLY	run the sequence of this seed only
 *	ARENA_KERN_FUZZ_KEEP	of it, run these steps only, as in 3,5-8
 *
 * What is about to run is written to the kernel's log, for when the kernel dies
 * of it.
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <test_progs.h>
#include "progs/arena_kern.h"
#include "arena_kern_ops.skel.h"
#include "arena_kern_nested.skel.h"
#define AK_OPS
#include "arena_kern.h"
#include "arena_kern_fuzz.h"

#define MAX_FAILURES 3
/* Shrinking ends after that many runs, or that much time */
#define MAX_TRIES 200
#define MAX_SHRINK_NS (300 * 1000000000ULL)

static char failure[256];
static struct akf_model model;
static struct ak ak;
static FILE *kmsg;
static int kmsg_fd = -1;	/* reads it */
static int arena_fd = -1;	/* the descriptor that programs name */
static int skel_arena_fd = -1;

static const char *subtest;
static __u64 parts;
static bool announce_steps;

bool akf_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (!failure[0])
		vsnprintf(failure, sizeof(failure), fmt, args);
	va_end(args);
	return false;
}

static void write_file(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0 && write(fd, val, strlen(val)) < 0)
		printf("%s: %s\n", path, strerror(errno));
	close(fd);
}

static sigjmp_buf segv_jmp;

static void on_segv(int sig)
{
	siglongjmp(segv_jmp, 1);
}

static __u64 user_access(const struct arena_kern_args *a)
{
	struct sigaction sa = { .sa_handler = on_segv }, old;
	__u32 *ptr = (__u32 *)a->ptr;
	__u64 ret = 0;

	sigaction(SIGSEGV, &sa, &old);
	if (sigsetjmp(segv_jmp, 1))
		ret = -EFAULT;
	else if (a->op == AKF_USER_WRITE)
		WRITE_ONCE(*ptr, a->val);
	else
		ret = READ_ONCE(*ptr);
	sigaction(SIGSEGV, &old, NULL);
	return ret;
}

static __u64 user_advise(const struct arena_kern_args *a, int advice)
{
	return madvise((void *)a->ptr, (__u64)a->cnt * ak.page, advice) ? -errno : 0;
}

/* Over itself if it is mapped already. */
static int map_arena(__u32 pages)
{
	void *addr = mmap((void *)ak.base, (__u64)pages * ak.page, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, arena_fd, 0);

	return addr == (void *)ak.base ? 0 : -errno;
}

static int step_fd(bool sleepable)
{
	return sleepable ? ak.fd : ak.fd_nonsleepable;
}

static bool run_call(const struct arena_kern_args *args, bool sleepable)
{
	struct arena_kern_args a = *args;
	__u64 want;

	switch (a.op) {
	case AK_WRITE_NOPROG: /* the kernel writes its own at any time, and nothing else */
		if (akf_model_page(&model, (__u32)a.ptr / ak.page)->state != AKF_KERN)
			return true;
		a.ret = ak_run_args(&ak, sleepable, a);
		break;
	case AKF_TOUCH:
		AK_FROM(&ak, sleepable, .op = AK_SET_CUR, .ptr = a.ptr);
		a.ret = AK_FROM(&ak, sleepable, .op = AK_CALL_HOOK, .how = AKF_WATCH);
		break;
	case AKF_USER_READ:
	case AKF_USER_WRITE:
		a.ret = user_access(&a);
		break;
	case AKF_POPULATE:
		a.ret = user_advise(&a, MADV_POPULATE_WRITE);
		break;
	case AKF_DONTNEED:
		a.ret = user_advise(&a, MADV_DONTNEED);
		break;
	case AKF_REMAP:
		a.ret = map_arena(model.pages);
		break;
	default:
		a.ret = ak_run_args(&ak, sleepable, a);
	}
	want = akf_model_op(&model, &a);
	if (a.ret != want)
		return akf_fail("%s at 0x%llx returned 0x%llx, not 0x%llx",
				akf_op_names[a.op], a.ptr, a.ret, want);
	return akf_model_reports(&model, step_fd(sleepable));
}

/*
 * Wait for frees that were deferred. They come in order, so they are done when
 * the first page, which is for that alone, is free again behind them. It may
 * have been freed along with others too.
 */
static bool settle(bool deferred)
{
	enum akf_state state = akf_model_page(&model, (__u32)ak.base / ak.page)->state;

	if (state == AKF_LIVE && !deferred)
		return true;
	if (state == AKF_LIVE)
		ak_free(&ak, false, 0, 1);
	if (ak_alloc_wait(&ak, true, 0, 1) != ak.base)
		return akf_fail("a free that was deferred was not done");
	akf_model_alloc(&model, 0, 1, AKF_LIVE);
	return true;
}

static __u64 nr_to_ptr(__s64 nr)
{
	return (ak.base & ~(SZ_4G - 1)) + nr * ak.page;
}

static bool check(__u32 op, __u64 ptr, __u32 cnt)
{
	return run_call(&(struct arena_kern_args){ .op = op, .ptr = ptr, .cnt = cnt }, true);
}

static bool check_pfns(void)
{
	const struct akf_page *p = model.known;
	int i;

	for (i = 0; i < model.nr_known; i++, p++)
		if (p->nr < SZ_4G / ak.page && !check(AK_PFN, nr_to_ptr(p->nr), 0))
			return false;
	return true;
}

/* User space sees what it has to, and no page that is none any more. */
static bool check_data(void)
{
	const struct akf_page *p = model.known;
	int i;

	for (i = 0; i < model.nr_known; i++, p++)
		if (p->data && memcmp((void *)nr_to_ptr(p->nr), p->data, ak.page))
			return akf_fail("page 0x%llx has other contents", nr_to_ptr(p->nr));
	return true;
}

/* User space cannot see the scratch page: copy it to the first page, which is not used. */
static bool check_scratch(void)
{
	const struct akf_page *p = model.known;

	while (p < model.known + model.nr_known && p->state != AKF_DEAD)
		p++;
	if (p == model.known + model.nr_known || p->nr >= SZ_4G / ak.page)
		return true;
	AK(&ak, .op = AK_MEMCPY, .ptr = ak.base, .src = nr_to_ptr(p->nr), .size = ak.page);
	if (memcmp((void *)ak.base, model.scratch, ak.page))
		return akf_fail("the scratch page has other contents");
	return true;
}

/* What the model says is free can be allocated, and nothing else. */
static bool check_free(void)
{
	bool full_size = model.pages == SZ_4G / ak.page;
	__u32 i, cnt, from = full_size ? model.pages - 64 * parts : 0;

	for (i = from; i < model.pages; i += cnt ?: 1) {
		for (cnt = 0; akf_model_is_free(&model, i, cnt + 1); cnt++)
			;
		if (cnt && !check(AK_ALLOC, ak_page(&ak, i), cnt))
			return false;
	}
	return full_size || check(AK_ALLOC, 0, 1);
}

static bool check_arena(void)
{
	if (!check_pfns() || !check_data() || !check_free() || !check_data() || !check_scratch())
		return false;
	if (ak_reports(ak.fd) || ak_reports(ak.fd_nonsleepable))
		return akf_fail("a report on a program that did not run: %.*s",
				(int)strcspn(ak_buf, "\n"), ak_buf);
	return true;
}

/* Something that the kernel complained about since the last call */
static bool splat(void)
{
	static const char * const signs[] = { "BUG: ", "WARNING: ", "UBSAN: ", "KASAN: " };
	char line[1024], *sign;
	bool found = false;
	ssize_t len;
	int i;

	while ((len = read(kmsg_fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[MAX(len, (ssize_t)0)] = '\0';
		for (i = 0; i < ARRAY_SIZE(signs); i++) {
			sign = strstr(line, signs[i]);
			if (sign)
				found = !akf_fail("the kernel says: %.200s", sign);
		}
	}
	return found;
}

static bool run_steps(const struct akf_seq *seq, const bool *keep)
{
	const struct akf_step *s;
	bool ok, deferred;
	int i, n, next;

	for (i = 0; i < seq->cnt; i = next) {
		s = &seq->steps[i];
		for (next = i + 1; s->prog && next < seq->cnt && seq->steps[next].prog == s->prog;)
			next++;
		if (!s->prog && !keep[i])
			continue;
		for (n = i; n < next && announce_steps; n++)
			if (keep[n])
				akf_print_step(kmsg, seq, n);
		ok = s->prog ? akf_prog_run(&model, seq, i, keep, arena_fd) :
			       run_call(&s->a, s->sleepable);
		deferred = !s->sleepable && (s->prog || s->a.op == AK_FREE);
		if (ok && settle(deferred))
			continue;
		i = strlen(failure);
		snprintf(failure + i, sizeof(failure) - i, " (step %d)", (int)(s - seq->steps));
		return false;
	}
	return true;
}

/*
 * Loading the skeleton takes much longer than a sequence. So it is loaded once, and
 * for each sequence its programs are cloned, with another arena behind the
 * descriptor that they name.
 */
static bool open_arena(const struct akf_seq *seq)
{
	LIBBPF_OPTS(bpf_map_create_opts, map);
	LIBBPF_OPTS(bpf_prog_load_opts, prog);
	int fd;

	ak.base = seq->base;
	ak.fd = -1;
	ak.fd_nonsleepable = -1;
	map.map_flags = BPF_F_MMAPABLE | seq->flags;
	map.map_extra = seq->base;
	fd = bpf_map_create(BPF_MAP_TYPE_ARENA, "fuzz", 0, 0, seq->pages, &map);
	if (fd < 0)
		return akf_fail("no arena: %d", fd);
	dup2(fd, arena_fd);
	close(fd);
	if (map_arena(seq->pages))
		return akf_fail("arena not mapped: %d", errno);
	prog.fd_array = akf_fd_array;
	prog.fd_array_cnt = 2;
	ak.fd = bpf_program__clone(ak.skel->progs.sleepable, &prog);
	ak.fd_nonsleepable = bpf_program__clone(ak.skel->progs.nonsleepable, &prog);
	if (ak.fd < 0 || ak.fd_nonsleepable < 0)
		return akf_fail("programs not loaded: %d %d", ak.fd, ak.fd_nonsleepable);
	return true;
}

static void close_arena(const struct akf_seq *seq)
{
	close(ak.fd);
	close(ak.fd_nonsleepable);
	munmap((void *)seq->base, (__u64)seq->pages * ak.page);
	dup2(skel_arena_fd, arena_fd);
}

/* Returns whether the arena did what it has to. */
static bool run_seq(const struct akf_seq *seq, const bool *keep)
{
	bool ok;

	failure[0] = '\0';
	write_file("/sys/kernel/debug/clear_warn_once", "1");
	fprintf(kmsg, "fuzz: %s 0x%016llx of %d steps\n", subtest, seq->seed, seq->cnt);
	akf_model_init(&model, seq);
	ok = open_arena(seq) && settle(false) && run_steps(seq, keep) && check_arena();
	akf_model_destroy(&model);
	close_arena(seq);
	if (splat())
		return akf_fail("the kernel complains: see its log");
	return ok && !failure[0];
}

/* Those that fail */

static void print_failure(const struct akf_seq *seq, const bool *keep, int tries)
{
	int i, cnt = 0;

	printf("fuzz: %s: sequence 0x%016llx fails: %s\n", subtest, seq->seed, failure);
	printf("fuzz: arena of %u pages at 0x%llx%s\n", seq->pages, seq->base,
	       seq->flags & BPF_F_SEGV_ON_FAULT ? ", SIGSEGV on faults" : "");
	for (i = 0; i < seq->cnt; i++)
		cnt += keep[i];
	printf("fuzz: shrunk from %d steps to %d in %d runs:\n", seq->cnt, cnt, tries);
	for (i = 0; i < seq->cnt; i++)
		if (keep[i])
			akf_print_step(stdout, seq, i);
	printf("fuzz: ARENA_KERN_FUZZ_ONLY=0x%016llx ARENA_KERN_FUZZ_KEEP=", seq->seed);
	for (i = 0; i < seq->cnt; i++)
		if (keep[i])
			printf("%d%s", i, --cnt ? "," : "");
	printf(" ARENA_KERN_FUZZ_PARTS=%llu ./test_progs -a arena_kern_fuzz/%s\n", parts, subtest);
}

/*
 * Leave out steps as long as it fails without them: first many at a time, in the
 * end each. Returns how many runs it took.
 */
static int shrink(const struct akf_seq *seq, bool *keep)
{
	bool fewer[AKF_MAX_STEPS];
	__u64 end = get_time_ns() + MAX_SHRINK_NS;
	int size, i, n, tries = 0;
	bool again = true;

	for (size = seq->cnt / 2; size; size = again && size == 1 ? 1 : size / 2) {
		again = false;
		for (i = 0; i < seq->cnt && tries < MAX_TRIES && get_time_ns() < end;) {
			memcpy(fewer, keep, sizeof(fewer));
			for (n = 0; n < size && i < seq->cnt; i++) {
				n += fewer[i];
				fewer[i] = false;
			}
			if (!n)
				break;
			tries++;
			if (run_seq(seq, fewer))
				continue;
			memcpy(keep, fewer, sizeof(fewer));
			again = true;
		}
	}
	/* for what is said about it */
	run_seq(seq, keep);
	return tries + 1;
}

static bool env_num(const char *name, __u64 *val)
{
	const char *str = getenv(name);
	char *end;

	if (!str)
		return false;
	errno = 0;
	*val = strtoull(str, &end, 0);
	if (errno || end == str || *end)
		AK_FAIL("%s=%s is no number", name, str);
	return true;
}

/* Returns whether the whole sequence is to be run. */
static bool env_keep(bool *keep)
{
	const char *str = getenv("ARENA_KERN_FUZZ_KEEP");
	bool *set = NULL;
	int len = 0;

	memset(keep, true, AKF_MAX_STEPS);
	if (!str)
		return true;
	memset(keep, false, AKF_MAX_STEPS);
	if (*str && parse_num_list(str, &set, &len))
		AK_FAIL("ARENA_KERN_FUZZ_KEEP=%s is no list of numbers", str);
	if (len)
		memcpy(keep, set, MIN(len, AKF_MAX_STEPS));
	free(set);
	return false;
}

static bool fuzz_one(__u64 seed, bool programs)
{
	static struct akf_seq seq;
	bool keep[AKF_MAX_STEPS], whole = env_keep(keep);
	int tries = 0;

	akf_make(&seq, seed, programs, parts);
	if (run_seq(&seq, keep))
		return true;
	if (whole)
		tries = shrink(&seq, keep);
	print_failure(&seq, keep, tries);
	return AK_FAIL("sequence 0x%llx", seed);
}

static void fuzz_all(__u32 programs)
{
	__u64 seed = 1, count = 10, only, i;
	struct arena_kern_nested *nested = NULL;
	int failures = 0;

	subtest = programs ? "programs" : "calls";
	announce_steps = env_num("ARENA_KERN_FUZZ_ONLY", &only);
	env_num("ARENA_KERN_FUZZ_SEED", &seed);
	env_num("ARENA_KERN_FUZZ_COUNT", &count);
	parts = 1;
	env_num("ARENA_KERN_FUZZ_PARTS", &parts);
	parts = MIN(MAX(parts, 1), AKF_MAX_PARTS);
	write_file("/proc/sys/kernel/printk_devkmsg", "on\n");
	kmsg = fopen("/dev/kmsg", "w");
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (!ASSERT_OK_PTR(kmsg, "open /dev/kmsg") || !ASSERT_OK_FD(kmsg_fd, "open /dev/kmsg"))
		goto out;
	setlinebuf(kmsg);
	lseek(kmsg_fd, 0, SEEK_END);
	if (!ak_open(&ak, 1, 0, 0))
		goto out;
	arena_fd = bpf_map__fd(ak.skel->maps.arena);
	skel_arena_fd = dup(arena_fd);
	nested = arena_kern_nested__open_and_load();
	if (!ASSERT_OK_PTR(nested, "open_and_load"))
		goto out;
	nested->bss->watch = AKF_WATCH;
	nested->links.inner_other = bpf_program__attach(nested->progs.inner_other);
	if (!ASSERT_OK_PTR(nested->links.inner_other, "attach") || !akf_prog_init())
		goto out;

	if (announce_steps) {
		fuzz_one(only, programs);
	} else {
		printf("ARENA_KERN_FUZZ_SEED=0x%llx ARENA_KERN_FUZZ_COUNT=%llu\n", seed, count);
		for (i = 0; i < count && failures < MAX_FAILURES; i++)
			failures += !fuzz_one(akf_rand(&seed), programs);
	}
	printf("%d programs, %d rejected by the verifier\n", akf_prog_loads, akf_prog_rejects);
	fprintf(kmsg, "fuzz: done\n");
	if (programs)
		ASSERT_GT(akf_prog_loads, akf_prog_rejects, "programs that ran");
	ASSERT_LE(akf_prog_rejects, akf_prog_loads / 10, "rejected programs");
	ASSERT_EQ(ak_reports(bpf_program__fd(nested->progs.inner_other)), 0,
		  "reports on the program on the hook");
out:
	akf_prog_exit();
	arena_kern_nested__destroy(nested);
	close(skel_arena_fd);
	ak_close(&ak);
	if (kmsg)
		fclose(kmsg);
	close(kmsg_fd);
	write_file("/proc/sys/kernel/printk_devkmsg", "ratelimit\n");
}

void serial_test_arena_kern_fuzz(void)
{
	static const struct ak_subtest tests[] = {
		{ "calls", .fn_nr = fuzz_all, .nr = false },
		{ "programs", .fn_nr = fuzz_all, .nr = true },
	};

	ak_run_subtests(tests, ARRAY_SIZE(tests));
}
