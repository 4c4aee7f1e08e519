// SPDX-License-Identifier: GPL-2.0
/*
 * What kernel access to arena memory costs. These are no tests: each subtest prints
 * lines
 *
 *	bench: BENCH WHAT UNIT SAMPLE...
 *
 * and fails only if it cannot measure. They are skipped unless ARENA_KERN_BENCH is
 * set. The times are of use where the clock counts instructions, as with QEMU's
 * -icount; subtest "clock" tells. Those of the alloc, pressure, memory and setaffinity
 * kind also run on kernels that cannot load the module.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "progs/arena_kern_bench.h"
#include "test_kmods/bpf_bench_arena.h"
#include "arena_kern_bench.skel.h"
#include "arena_kern_bench_alloc.skel.h"

#define SAMPLES		15
#define FAULTS		8	/* per sample */
#define STREAM_MAX	131072

static void print_samples(const char *bench, const char *what, const char *unit,
			  const double *vals, int cnt)
{
	int i;

	printf("bench: %s %s %s", bench, what, unit);
	for (i = 0; i < cnt; i++)
		printf(" %.3f", vals[i]);
	printf("\n");
}

static bool run(struct bpf_program *prog, struct arena_bench_args *args)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(*args));

	return ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts),
			 bpf_program__name(prog)) &&
	       ASSERT_OK(opts.retval, bpf_program__name(prog));
}

/* Run a program and return the time that it took, or -1. */
#define time_of(prog, ...) ({						\
	struct arena_bench_args __a = { __VA_ARGS__ };			\
									\
	run(prog, &__a) ? (double)__a.ns : -1;				\
})

static struct arena_kern_bench *open_arena(__u32 pages)
{
	struct arena_kern_bench *skel = arena_kern_bench__open();

	if (!ASSERT_OK_PTR(skel, "open"))
		return NULL;
	if (!ASSERT_OK(bpf_map__set_max_entries(skel->maps.arena, pages), "set_max_entries") ||
	    !ASSERT_OK(arena_kern_bench__load(skel), "load")) {
		arena_kern_bench__destroy(skel);
		return NULL;
	}
	return skel;
}

static __u64 page_of(struct arena_kern_bench *skel, int nr)
{
	size_t size;

	return (__u64)bpf_map__initial_value(skel->maps.arena, &size) + (__u64)nr * getpagesize();
}

/* Instructions per nanosecond of the clock, by a loop of a known number of them */
static void bench_clock(void)
{
	struct arena_kern_bench *skel = open_arena(1024);
	const __u32 loops = 100000;
	double vals[SAMPLES], ns;
	int i;

	if (!skel)
		return;
	for (i = 0; i < SAMPLES; i++) {
		ns = time_of(skel->progs.clock_rate, .rounds = loops);
		if (ns <= 0)
			goto out;
		vals[i] = 2.0 * loops / ns;
	}
	print_samples("clock", "rate", "insns/ns", vals, SAMPLES);
out:
	arena_kern_bench__destroy(skel);
}

static void handoff(struct arena_kern_bench *skel, const char *mapping, __u32 how, __u32 bits)
{
	const int rounds = bits > 1024 ? 20 : 100;
	double nothing, staged[SAMPLES], direct[SAMPLES];
	struct arena_bench_args args = { .cnt = bits, .how = how }, s = {}, d = {};
	char what[64];
	int i;

	if (!run(skel->progs.prepare, &args))
		return;
	s.rounds = rounds;
	d.rounds = rounds;
	if (!run(skel->progs.hand_staged, &s) || !run(skel->progs.hand_direct, &d) ||
	    !ASSERT_EQ(s.ret, d.ret, "the same is read either way"))
		return;
	for (i = 0; i < SAMPLES; i++) {
		nothing = time_of(skel->progs.hand_nothing, .rounds = rounds);
		staged[i] = time_of(skel->progs.hand_staged, .rounds = rounds);
		direct[i] = time_of(skel->progs.hand_direct, .rounds = rounds);
		staged[i] = (staged[i] - nothing) / rounds;
		direct[i] = (direct[i] - nothing) / rounds;
	}
	snprintf(what, sizeof(what), "staged/%s/%u", mapping, bits);
	print_samples("handoff", what, "insns", staged, SAMPLES);
	snprintf(what, sizeof(what), "direct/%s/%u", mapping, bits);
	print_samples("handoff", what, "insns", direct, SAMPLES);
}

static void bench_handoff(void)
{
	static const char * const mappings[] = {
		[BENCH_ARENA_IDENTITY]	= "identity",
		[BENCH_ARENA_SIBLINGS]	= "siblings",
		[BENCH_ARENA_NODES]	= "nodes",
		[BENCH_ARENA_SHUFFLED]	= "shuffled",
	};
	static const __u32 bits[] = { 8, 64, 256, 4096 };
	struct arena_kern_bench *skel = open_arena(1024);
	int m, b;

	if (!skel)
		return;
	for (m = 0; m < BENCH_ARENA_NR_MAPPINGS; m++)
		for (b = 0; b < ARRAY_SIZE(bits); b++)
			handoff(skel, mappings[m], m, bits[b]);
	arena_kern_bench__destroy(skel);
}

static void bench_deref(void)
{
	struct arena_kern_bench *skel = open_arena(1024);
	double vals[2][SAMPLES];
	const int rounds = 20;
	int i, kernel;
	__u64 ptr;

	if (!skel)
		return;
	ptr = page_of(skel, 100);
	memset((void *)ptr, 1, 1);	/* allocated */
	for (i = 0; i < SAMPLES; i++)
		for (kernel = 0; kernel < 2; kernel++)
			vals[kernel][i] = time_of(skel->progs.walk, .ptr = ptr, .how = kernel,
						  .rounds = rounds) / rounds;
	print_samples("deref", "kernel", "insns", vals[1], SAMPLES);
	print_samples("deref", "arena", "insns", vals[0], SAMPLES);
	arena_kern_bench__destroy(skel);
}

static char stream_buf[STREAM_MAX];

static void drain(struct bpf_program *prog)
{
	int len = 0, ret;

	do {
		ret = bpf_prog_stream_read(bpf_program__fd(prog), BPF_STREAM_STDERR,
					   stream_buf + len, sizeof(stream_buf) - 1 - len, NULL);
		if (ret > 0)
			len += ret;
	} while (ret > 0 && len < sizeof(stream_buf) - 1);
	stream_buf[len] = '\0';
}

/* How many frames of the stack that was reported are further in than the program's */
static int frames_in_report(void)
{
	char *line = strstr(stream_buf, "Call trace:\n");
	int cnt = 0;

	while (line && (line = strchr(line, '\n')) && *++line && strncmp(line, "bpf_prog_", 9))
		cnt++;
	return line && *line ? cnt : 0;
}

/* What a fault of @prog takes, pages from @page on being used up */
static bool faults(struct arena_kern_bench *skel, struct bpf_program *prog, const char *what,
		   __u32 depth, int *page, bool report, int samples)
{
	struct arena_bench_args args = {
		.stride = getpagesize(), .cnt = FAULTS, .how = depth,
	}, again;
	bool by_prog = prog == skel->progs.prog_touch;
	bool by_nofault = prog == skel->progs.nofault;
	double vals[SAMPLES];
	int i;

	for (i = 0; i < samples; i++, *page += FAULTS) {
		if (report)
			drain(prog);
		args.ptr = page_of(skel, *page);
		if (!run(prog, &args))
			return false;
		/* what is not the fault: the same with something there */
		if (by_prog || by_nofault) {
			struct arena_bench_args kill = args;

			kill.how = 0;
			if (!run(skel->progs.touch, &kill))
				return false;
		}
		again = args;
		if (!run(prog, &again))
			return false;
		vals[i] = (double)((__s64)args.ns - (__s64)again.ns) / FAULTS;
	}
	print_samples("fault", what, "insns", vals, samples);
	if (report)
		drain(prog);
	return true;
}

/* Reports are dropped from now on, before anything of them is made. */
static bool fill_stream(struct arena_kern_bench *skel, struct bpf_program *prog, int *page)
{
	struct arena_bench_args args = { .stride = getpagesize(), .cnt = 256 };

	args.ptr = page_of(skel, *page);
	*page += args.cnt;
	return run(prog, &args);
}

static void bench_fault(void)
{
	static const __u32 depths[] = { 4, 8, 16 };
	static const __u32 sizes[] = { 2048, 1 << 20 };
	struct arena_kern_bench *skel;
	struct arena_bench_args kalloc = { .rounds = 16384 };
	double frames, install[SAMPLES];
	struct bpf_program *touch;
	int i, page = 16;
	char what[64];

	skel = open_arena(1 << 14);
	if (!skel)
		return;
	for (i = 0; i < SAMPLES; i++)
		install[i] = time_of(skel->progs.install, .cnt = 64) / 64;
	print_samples("fault", "install", "insns", install, SAMPLES);
	touch = skel->progs.touch;
	if (!faults(skel, touch, "kernel/reported", 0, &page, true, SAMPLES))
		goto out;
	frames = frames_in_report();
	print_samples("fault", "frames/kernel", "frames", &frames, 1);
	if (!faults(skel, skel->progs.prog_touch, "program/reported", 0, &page, true, SAMPLES))
		goto out;
	frames = frames_in_report();
	print_samples("fault", "frames/program", "frames", &frames, 1);
	if (!fill_stream(skel, touch, &page) || !fill_stream(skel, skel->progs.touch_deep, &page) ||
	    !fill_stream(skel, skel->progs.prog_touch, &page) ||
	    !faults(skel, touch, "kernel/silent", 0, &page, false, SAMPLES) ||
	    !faults(skel, skel->progs.prog_touch, "program/silent", 0, &page, false, SAMPLES) ||
	    !faults(skel, skel->progs.nofault, "nofault", 0, &page, false, SAMPLES) ||
	    !faults(skel, skel->progs.touch_deep, "kernel/outer/6", 0, &page, false, SAMPLES))
		goto out;
	for (i = 0; i < ARRAY_SIZE(depths); i++) {
		snprintf(what, sizeof(what), "kernel/inner/%u", depths[i]);
		if (!faults(skel, touch, what, depths[i], &page, false, SAMPLES))
			goto out;
	}
	arena_kern_bench__destroy(skel);

	/* how large the arena is, and how much of it is in use */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		skel = open_arena(sizes[i]);
		if (!skel)
			return;
		touch = skel->progs.touch;
		page = sizes[i] - 1024;
		if (sizes[i] > kalloc.rounds && !run(skel->progs.fill, &kalloc))
			goto out;
		snprintf(what, sizeof(what), "kernel/size/%u", sizes[i]);
		if (!fill_stream(skel, touch, &page) ||
		    !faults(skel, touch, what, 0, &page, false, SAMPLES))
			goto out;
		arena_kern_bench__destroy(skel);
	}
	return;
out:
	arena_kern_bench__destroy(skel);
}

/* The deepest stack below an access that faults, reports included */
static void bench_stack(void)
{
	struct arena_kern_bench *skel = open_arena(1024);
	double first[SAMPLES], full[SAMPLES], silent[SAMPLES];
	int i, page = 16;

	if (!skel)
		return;
	for (i = 0; i < SAMPLES; i++) {
		struct arena_bench_args args = { .ptr = page_of(skel, page + i) };

		if (!run(skel->progs.stack, &args))
			goto out;
		first[i] = args.ret;
		if (!run(skel->progs.stack, &args))
			goto out;
		silent[i] = args.ret;
	}
	page += SAMPLES;
	for (i = 0; i < 256; i++) {
		struct arena_bench_args args = { .ptr = page_of(skel, page + i) };

		if (!run(skel->progs.stack, &args))
			goto out;
		full[i % SAMPLES] = args.ret;
	}
	print_samples("size", "stack/reported", "bytes", first, SAMPLES);
	print_samples("size", "stack/silent", "bytes", full, SAMPLES);
	print_samples("size", "stack/no-fault", "bytes", silent, SAMPLES);
out:
	arena_kern_bench__destroy(skel);
}

static bool alloc_run(struct arena_kern_bench_alloc *skel, bool sleepable,
		      struct arena_bench_args *args)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	if (sleepable)
		return run(skel->progs.alloc_sleepable, args);
	skel->bss->args = *args;
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.alloc_nonsleepable), &opts);
	*args = skel->bss->args;
	return ASSERT_OK(err, "alloc_nonsleepable");
}

/* One series of allocations; frees of non-sleepable programs are done later. */
static bool alloc_samples(struct arena_kern_bench_alloc *skel, bool sleepable, __u32 cnt,
			  __u32 rounds, double *alloc, double *both)
{
	double clock;
	int i;

	for (i = -1; i < SAMPLES; i++) {
		struct arena_bench_args args = { .cnt = cnt, .rounds = rounds };

		clock = time_of(skel->progs.clock_cost, .rounds = rounds);
		if (!alloc_run(skel, sleepable, &args) || !ASSERT_EQ(args.ret, 0, "failures"))
			return false;
		if (!sleepable)
			usleep(20000);
		if (i < 0)
			continue;
		alloc[i] = (args.ns - clock) / rounds;
		both[i] = (args.ns + args.free_ns - 2 * clock) / rounds;
	}
	return true;
}

static void bench_alloc(void)
{
	static const struct { __u32 cnt, rounds; } sizes[] = {
		{ 1, 64 }, { 16, 64 }, { 512, 8 }, { 4096, 2 },
	};
	double alloc[SAMPLES], both[SAMPLES];
	struct arena_kern_bench_alloc *skel;
	const char *kind;
	char what[64];
	int i, s;

	skel = arena_kern_bench_alloc__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open and load"))
		return;
	for (s = 0; s < 2; s++) {
		kind = s ? "sleepable" : "nonsleepable";
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			if (!alloc_samples(skel, s, sizes[i].cnt, sizes[i].rounds, alloc, both))
				goto out;
			snprintf(what, sizeof(what), "alloc/%s/%u", kind, sizes[i].cnt);
			print_samples("alloc", what, "insns", alloc, SAMPLES);
			snprintf(what, sizeof(what), "alloc+free/%s/%u", kind, sizes[i].cnt);
			print_samples("alloc", what, "insns", both, SAMPLES);
		}
	}
out:
	arena_kern_bench_alloc__destroy(skel);
}

/*
 * Every other page of a range dead, so that each is a hole of its own: what an
 * allocation takes, and what the first one takes that learns of them.
 */
static void bench_dead(void)
{
	static const __u32 dead[] = { 0, 10, 100, 1000 };
	const __u32 rounds = 32;
	double one[SAMPLES], many[SAMPLES], first, clock;
	struct arena_kern_bench *skel;
	char what[64];
	int d, i;

	for (d = 0; d < ARRAY_SIZE(dead); d++) {
		struct arena_bench_args kill = {
			.stride = 2 * getpagesize(), .cnt = dead[d],
		};
		struct arena_bench_args args = { .cnt = 1, .rounds = 1 };

		skel = open_arena(1 << 14);
		if (!skel)
			return;
		kill.ptr = page_of(skel, 1000);
		if (!run(skel->progs.alloc, &args) || !run(skel->progs.touch, &kill) ||
		    !run(skel->progs.alloc, &args))
			goto out;
		first = args.ns;
		for (i = 0; i < 2 * SAMPLES; i++) {
			args = (struct arena_bench_args){ .cnt = i % 2 ? 16 : 1, .rounds = rounds };
			clock = time_of(skel->progs.clock_cost, .rounds = rounds);
			if (!run(skel->progs.alloc, &args) || !ASSERT_EQ(args.ret, 0, "failures"))
				goto out;
			(i % 2 ? many : one)[i / 2] = (args.ns + args.free_ns - 2 * clock) / rounds;
		}
		snprintf(what, sizeof(what), "dead/1/%u", dead[d]);
		print_samples("alloc", what, "insns", one, SAMPLES);
		snprintf(what, sizeof(what), "dead/16/%u", dead[d]);
		print_samples("alloc", what, "insns", many, SAMPLES);
		snprintf(what, sizeof(what), "dead/first/%u", dead[d]);
		print_samples("alloc", what, "insns", &first, 1);
		arena_kern_bench__destroy(skel);
	}
	return;
out:
	arena_kern_bench__destroy(skel);
}

static __u64 mem_kib(const char *field)
{
	char line[128];
	__u64 kib = 0;
	FILE *f;

	f = fopen("/proc/meminfo", "r");
	if (!ASSERT_OK_PTR(f, "/proc/meminfo"))
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kib = strtoull(line + strlen(field), NULL, 10);
	fclose(f);
	return kib;
}

/*
 * Read a block device that has nothing in it, again and again: the page cache takes
 * all memory that nobody else wants, and can give all of it back.
 */
#define CACHED	"/dev/ram0"

static pid_t start_reader(void)
{
	static char buf[1 << 16];
	pid_t pid;
	int fd;

	fd = open(CACHED, O_RDONLY);
	if (!ASSERT_OK_FD(fd, "open " CACHED))
		return -1;
	/* once through before the others begin */
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	pid = fork();
	if (!pid) {
		for (;;) {
			lseek(fd, 0, SEEK_SET);
			while (read(fd, buf, sizeof(buf)) > 0)
				;
		}
	}
	close(fd);
	return pid;
}

#define PRESSURE_PAGES	10000

static void stop_reader(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void bench_pressure_program(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct arena_kern_bench_alloc *skel;
	int s, fd;
	double rate;
	pid_t pid;

	for (s = 0; s < 2; s++) {
		struct arena_bench_args args = { .rounds = PRESSURE_PAGES };

		skel = arena_kern_bench_alloc__open_and_load();
		if (!ASSERT_OK_PTR(skel, "open and load"))
			return;
		pid = start_reader();
		if (pid < 0)
			goto out;
		if (s) {
			run(skel->progs.fill_sleepable, &args);
		} else {
			skel->bss->args = args;
			fd = bpf_program__fd(skel->progs.fill_nonsleepable);
			ASSERT_OK(bpf_prog_test_run_opts(fd, &opts), "fill_nonsleepable");
			args = skel->bss->args;
		}
		stop_reader(pid);
		rate = 100.0 * args.ret / PRESSURE_PAGES;
		print_samples("pressure", s ? "program/sleepable" : "program/nonsleepable", "%",
			      &rate, 1);
out:
		arena_kern_bench_alloc__destroy(skel);
	}
}

static void bench_pressure_kernel(void)
{
	struct arena_bench_args args = { .rounds = PRESSURE_PAGES };
	struct arena_kern_bench *skel = open_arena(1 << 16);
	double rate, cached;
	pid_t pid;

	if (!skel)
		return;
	pid = start_reader();
	if (pid < 0)
		goto out;
	cached = 100.0 * mem_kib("MemFree:") / mem_kib("MemTotal:");
	run(skel->progs.fill, &args);
	stop_reader(pid);
	rate = 100.0 * args.ret / PRESSURE_PAGES;
	print_samples("pressure", "free-before", "%", &cached, 1);
	print_samples("pressure", "kernel/sleepable", "%", &rate, 1);
out:
	arena_kern_bench__destroy(skel);
}

/*
 * Memory that is gone when there is one arena more, which nobody has used. The kernel
 * keeps page tables for whoever has the same addresses next, so this is for addresses
 * that have not been in use yet.
 */
static void bench_memory(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	enum { BATCHES = 5, PER_BATCH = 16, ARENAS = BATCHES * PER_BATCH };
	double vals[BATCHES];
	int fds[ARENAS];
	__u64 before;
	int i;

	before = mem_kib("MemFree:");
	for (i = 0; i < ARENAS; i++) {
		fds[i] = bpf_map_create(BPF_MAP_TYPE_ARENA, "arena", 0, 0, 1024, &opts);
		if (!ASSERT_OK_FD(fds[i], "bpf_map_create"))
			goto out;
		if ((i + 1) % PER_BATCH == 0) {
			__u64 after = mem_kib("MemFree:");

			vals[i / PER_BATCH] = ((double)before - (double)after) / PER_BATCH;
			before = after;
		}
	}
	print_samples("size", "memory", "KiB", vals, BATCHES);
out:
	while (i--)
		close(fds[i]);
}

/*
 * sched_setaffinity() of a task that stays where it is, on CPU 0, under whatever
 * schedules. A round trip is to CPU 0 alone, and back to all.
 */
static void bench_setaffinity(void)
{
	const int rounds = 200;
	cpu_set_t all, one;
	double vals[SAMPLES];
	struct timespec t0, t1;
	int i, r;

	if (!ASSERT_OK(sched_getaffinity(0, sizeof(all), &all), "sched_getaffinity"))
		return;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	for (i = 0; i < SAMPLES; i++) {
		if (!ASSERT_OK(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity"))
			return;
		clock_gettime(CLOCK_MONOTONIC, &t0);
		for (r = 0; r < rounds; r++) {
			sched_setaffinity(0, sizeof(all), &all);
			sched_setaffinity(0, sizeof(one), &one);
		}
		clock_gettime(CLOCK_MONOTONIC, &t1);
		vals[i] = ((t1.tv_sec - t0.tv_sec) * 1e9 + t1.tv_nsec - t0.tv_nsec) / rounds;
	}
	sched_setaffinity(0, sizeof(all), &all);
	print_samples("setaffinity", "round-trip", "insns", vals, SAMPLES);
}

void serial_test_arena_kern_bench(void)
{
	static const struct {
		const char *name;
		void (*fn)(void);
		bool module;
	} benches[] = {
		{ "clock", bench_clock, true },
		{ "handoff", bench_handoff, true },
		{ "deref", bench_deref, true },
		{ "fault", bench_fault, true },
		{ "stack", bench_stack, true },
		{ "alloc", bench_alloc },
		{ "dead", bench_dead, true },
		{ "pressure_program", bench_pressure_program },
		{ "pressure_kernel", bench_pressure_kernel, true },
		{ "memory", bench_memory },
		{ "setaffinity", bench_setaffinity },
	};
	bool loaded;
	int i;

	for (i = 0; i < ARRAY_SIZE(benches); i++) {
		if (!test__start_subtest(benches[i].name))
			continue;
		if (!getenv("ARENA_KERN_BENCH")) {
			printf("%s:SKIP: set ARENA_KERN_BENCH to run it\n", __func__);
			test__skip();
			continue;
		}
		loaded = false;
		if (benches[i].module) {
			loaded = ASSERT_OK(load_module("bpf_bench_arena.ko",
						       env_verbosity > VERBOSE_NONE), "load");
			if (!loaded)
				continue;
		}
		benches[i].fn();
		if (loaded)
			ASSERT_OK(unload_module("bpf_bench_arena", env_verbosity > VERBOSE_NONE),
				  "unload");
	}
}
