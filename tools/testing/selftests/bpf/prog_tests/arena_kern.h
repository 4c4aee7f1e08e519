/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

/*
 * What the arena_kern_* tests share. Those that use struct ak include
 * arena_kern_ops.skel.h and define AK_OPS first.
 */
#include <stdarg.h>
#include <unistd.h>
#include <sys/utsname.h>
#include "testing_helpers.h"
#include "progs/arena_kern.h"
#include "test_kmods/bpf_test_arena.h"

#define AK_PARAMS "/sys/module/bpf_test_arena/parameters/"
#define AK_READ_REPORT "ERROR: Arena READ access at unmapped address 0x%llx\n"
#define AK_WRITE_REPORT "ERROR: Arena WRITE access at unmapped address 0x%llx\n"
#define AK_FREE_REPORT "ERROR: Arena FREE of kernel-owned page at address 0x%llx\n"

#define SZ_4G 0x100000000ULL
/* A multiple of it where the address space has room; arm64 may have 39 bits. */
#ifdef __aarch64__
#define MAP_EXTRA_HI SZ_4G
#else
#define MAP_EXTRA_HI 0x100000000000ULL
#endif

/* A stream holds 100000 bytes. */
#define AK_STREAM_MAX 131072

struct ak_subtest {
	const char *name;
	void (*fn)(void);
	/* instead: run from a sleepable and from a non-sleepable program */
	void (*fn_both)(bool sleepable);
	/* instead: one of several that differ in a number */
	void (*fn_nr)(__u32 nr);
	__u32 nr;
};

/* Poll for what the kernel does in the background; 10 s are too much for it. */
#define ak_wait(cond) ({						\
	bool __ok;							\
	int __i;							\
									\
	for (__i = 0; !(__ok = (cond)) && __i < 10000; __i++)		\
		usleep(1000);						\
	__ok;								\
})

/* ASSERT_FAIL() does not fail the test. */
#define AK_FAIL(fmt, args...) ({					\
	PRINT_FAIL(fmt "\n", ##args);					\
	false;								\
})

/* Why shows without -v too. */
#define ak_skip(why) ({							\
	printf("%s:SKIP: %s\n", __func__, why);				\
	test__skip();							\
	test__force_log();						\
})

static inline int ak_file_read(const char *path, char *buf, size_t size)
{
	ssize_t len = 0, done = 0;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	while (done < size - 1 && (len = read(fd, buf + done, size - 1 - done)) > 0)
		done += len;
	close(fd);
	buf[done] = '\0';
	return len < 0 ? -EIO : done;
}

static inline int ak_file_write(const char *path, const char *val)
{
	int fd, err = 0;

	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, val, strlen(val)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static inline int ak_param_read(const char *name, char *buf, size_t size)
{
	char path[128];
	int len;

	snprintf(path, sizeof(path), AK_PARAMS "%s", name);
	len = ak_file_read(path, buf, size);
	return len < 0 ? len : 0;
}

/* A parameter that is a list of numbers. Returns how many there are. */
static inline int ak_param_list(const char *name, __u32 *vals, int max)
{
	char buf[4096], *tok, *save = NULL;
	int cnt = 0;

	if (!ASSERT_OK(ak_param_read(name, buf, sizeof(buf)), name))
		return -1;
	for (tok = strtok_r(buf, " ,\n", &save); tok && cnt < max;
	     tok = strtok_r(NULL, " ,\n", &save))
		vals[cnt++] = atoi(tok);
	return cnt;
}

/* The module does what "run" says in the context of this write. */
static inline int ak_param_write(const char *name, unsigned int val)
{
	char path[128], buf[16];

	snprintf(path, sizeof(path), AK_PARAMS "%s", name);
	snprintf(buf, sizeof(buf), "%u", val);
	return ak_file_write(path, buf);
}

/* Then an arena takes half a gigabyte of memory for its shadow. */
static inline bool ak_has_kasan(void)
{
	unsigned long long addr;

	return !kallsyms_find("kasan_quarantine_put", &addr);
}

static inline bool ak_is_realtime(void)
{
	struct utsname uts;

	return !uname(&uts) && strstr(uts.version, "PREEMPT_RT");
}

static inline void ak_run_subtests(const struct ak_subtest *tests, int cnt)
{
	char recovers[16], name[64];
	int i, s;

	if (!ASSERT_OK(load_module("bpf_test_arena.ko", env_verbosity > VERBOSE_NONE), "load"))
		return;
	if (!ASSERT_OK(ak_param_read("recovers", recovers, sizeof(recovers)), "recovers"))
		goto out;
	if (recovers[0] != 'Y') {
		ak_skip("no ptep_try_set() on this architecture");
		goto out;
	}
	for (i = 0; i < cnt; i++) {
		if (tests[i].fn && test__start_subtest(tests[i].name))
			tests[i].fn();
		if (tests[i].fn_nr && test__start_subtest(tests[i].name))
			tests[i].fn_nr(tests[i].nr);
		for (s = 0; s < 2 && tests[i].fn_both; s++) {
			snprintf(name, sizeof(name), "%s_%s", tests[i].name,
				 s ? "sleepable" : "nonsleepable");
			if (test__start_subtest(name))
				tests[i].fn_both(s);
		}
	}
out:
	ASSERT_OK(unload_module("bpf_test_arena", env_verbosity > VERBOSE_NONE), "unload");
}

static inline int ak_run_prog(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return err ?: opts.retval;
}

/* Address of an arena in user space */
static inline __u64 ak_map_base(struct bpf_map *arena)
{
	size_t size;

	return (__u64)bpf_map__initial_value(arena, &size);
}

static inline __u32 ak_map_id(struct bpf_map *map)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	ASSERT_OK(bpf_map_get_info_by_fd(bpf_map__fd(map), &info, &len), "map info");
	return info.id;
}

/* Everything that is on the program's stderr stream: that takes it away. */
static inline int ak_stderr(int prog_fd, char *buf, int size)
{
	int len = 0, ret;

	do {
		ret = bpf_prog_stream_read(prog_fd, BPF_STREAM_STDERR, buf + len, size - 1 - len,
					   NULL);
		if (ret > 0)
			len += ret;
	} while (ret > 0 && len < size - 1);
	buf[len] = '\0';
	return len;
}

static inline int ak_count(const char *str, const char *sub)
{
	int cnt = 0;

	while ((str = strstr(str, sub))) {
		str += strlen(sub);
		cnt++;
	}
	return cnt;
}

static char ak_buf[AK_STREAM_MAX];

static inline int ak_reports(int prog_fd)
{
	ak_stderr(prog_fd, ak_buf, sizeof(ak_buf));
	return ak_count(ak_buf, "ERROR: Arena");
}

static inline bool ak_expect_silence(int prog_fd, const char *what)
{
	if (ASSERT_EQ(ak_reports(prog_fd), 0, what))
		return true;
	printf("%s\n", ak_buf);
	return false;
}

/* One report, its text as given, and a stack. It stays in ak_buf. */
static inline bool ak_expect_report(int prog_fd, const char *fmt, __u64 addr)
{
	char line[128];

	snprintf(line, sizeof(line), fmt, (unsigned long long)addr);
	if (ASSERT_EQ(ak_reports(prog_fd), 1, "reports") &&
	    ASSERT_OK(strncmp(ak_buf, line, strlen(line)), "text of the report") &&
	    ASSERT_OK(strncmp(ak_buf + strlen(line), "CPU: ", 5), "CPU line follows") &&
	    ASSERT_HAS_SUBSTR(ak_buf, "Call trace:\n", "stack"))
		return true;
	printf("expected: %sgot: %s\n", line, ak_buf);
	return false;
}

static inline bool ak_has_report(const char *fmt, __u64 addr)
{
	char line[128];

	snprintf(line, sizeof(line), fmt, (unsigned long long)addr);
	return ASSERT_HAS_SUBSTR(ak_buf, line, "report");
}

/* Kernel code touches base + (u32)ptr + off; this is how that is reported. */
static inline __u64 ak_addr(__u64 base, __u64 ptr, __s64 off)
{
	return (base & ~0xffffffffULL) + (__u32)ptr + off;
}

static inline int ak_guard(void)
{
	int page = getpagesize();

	return (65536 > 2 * page ? 65536 : 2 * page) / 2;
}

/* Pages are allocated in batches of that many: ARENA_BATCH in arena.c */
static inline int ak_batch(void)
{
	return 512;
}

#ifdef AK_OPS
/* An arena and the programs that operate on it */
struct ak {
	struct arena_kern_ops *skel;
	int fd, fd_nonsleepable;
	__u64 base;	/* address of the arena in user space */
	int page;
};

static inline bool ak_open(struct ak *ak, __u32 pages, __u32 flags, __u64 extra)
{
	struct arena_kern_ops *skel;

	memset(ak, 0, sizeof(*ak));
	skel = arena_kern_ops__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return false;
	ak->skel = skel;
	if (!ASSERT_OK(bpf_map__set_max_entries(skel->maps.arena, pages), "set_max_entries") ||
	    !ASSERT_OK(bpf_map__set_map_flags(skel->maps.arena, BPF_F_MMAPABLE | flags),
		       "set_map_flags") ||
	    !ASSERT_OK(bpf_map__set_map_extra(skel->maps.arena, extra), "set_map_extra") ||
	    !ASSERT_OK(arena_kern_ops__load(skel), "load")) {
		arena_kern_ops__destroy(skel);
		ak->skel = NULL;
		return false;
	}
	ak->fd = bpf_program__fd(skel->progs.sleepable);
	ak->fd_nonsleepable = bpf_program__fd(skel->progs.nonsleepable);
	ak->base = ak_map_base(skel->maps.arena);
	ak->page = getpagesize();
	return true;
}

static inline void ak_close(struct ak *ak)
{
	arena_kern_ops__destroy(ak->skel);
}

static inline __u64 ak_run_args(struct ak *ak, bool sleepable, struct arena_kern_args args)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	if (sleepable) {
		opts.ctx_in = &args;
		opts.ctx_size_in = sizeof(args);
		err = bpf_prog_test_run_opts(ak->fd, &opts);
	} else {
		ak->skel->bss->args = args;
		err = bpf_prog_test_run_opts(ak->fd_nonsleepable, &opts);
		args.ret = ak->skel->bss->args.ret;
	}
	if (err)
		ASSERT_OK(err, "bpf_prog_test_run_opts");
	return args.ret;
}

/* Run one operation from a program that can sleep, or from either kind */
#define AK(ak, ...) ak_run_args(ak, true, (struct arena_kern_args){ __VA_ARGS__ })
#define AK_FROM(ak, sleepable, ...)					\
	ak_run_args(ak, sleepable, (struct arena_kern_args){ __VA_ARGS__ })

static inline __u64 ak_page(struct ak *ak, int nr)
{
	return ak->base + (__u64)nr * ak->page;
}

static inline __u64 ak_pfn(struct ak *ak, int nr)
{
	return AK(ak, .op = AK_PFN, .ptr = ak_page(ak, nr));
}

/* Make a page dead. Returns the number of the page that is behind it now. */
static inline __u64 ak_kill(struct ak *ak, int nr)
{
	__u64 pfn;

	AK(ak, .op = AK_READ, .ptr = ak_page(ak, nr), .size = 1);
	pfn = ak_pfn(ak, nr);
	ak_stderr(ak->fd, ak_buf, sizeof(ak_buf));
	if (!pfn)
		ASSERT_NEQ(pfn, 0, "scratch page");
	return pfn;
}

static inline __u64 ak_alloc(struct ak *ak, bool sleepable, int nr, int cnt)
{
	return AK_FROM(ak, sleepable, .op = AK_ALLOC, .cnt = cnt,
		       .ptr = nr < 0 ? 0 : ak_page(ak, nr));
}

/* An allocation that may have to wait: frees are deferred. */
static inline __u64 ak_alloc_wait(struct ak *ak, bool sleepable, int nr, int cnt)
{
	__u64 ptr;

	(void)ak_wait((ptr = ak_alloc(ak, sleepable, nr, cnt)));
	return ptr;
}

static inline void ak_free(struct ak *ak, bool sleepable, int nr, int cnt)
{
	AK_FROM(ak, sleepable, .op = AK_FREE, .ptr = ak_page(ak, nr), .cnt = cnt);
}

static inline __u64 ak_kalloc(struct ak *ak, int nr, int cnt)
{
	return AK(ak, .op = AK_KALLOC, .ptr = nr < 0 ? 0 : ak_page(ak, nr), .cnt = cnt);
}

static inline void ak_kfree(struct ak *ak, int nr, int cnt)
{
	AK(ak, .op = AK_KFREE, .ptr = ak_page(ak, nr), .cnt = cnt);
}

/* Live pages hold what is written to them, and each something else. */
static inline bool ak_check_live(struct ak *ak, __u64 ptr, int cnt, __u64 scratch)
{
	int i, bad = 0;
	__u64 p;

	for (i = 0; i < cnt; i++) {
		p = ptr + (__u64)i * ak->page;
		AK(ak, .op = AK_WRITE, .ptr = p, .size = 8, .val = ~ptr + i);
	}
	for (i = 0; i < cnt; i++) {
		p = ptr + (__u64)i * ak->page;
		bad += AK(ak, .op = AK_PROG_READ, .ptr = p) != ~ptr + i;
		bad += scratch && AK(ak, .op = AK_PFN, .ptr = p) == scratch;
	}
	return ASSERT_EQ(bad, 0, "live pages are private");
}
#endif /* AK_OPS */
