// SPDX-License-Identifier: GPL-2.0
/*
 * The first act of `make demo`, run in the guest: each step says what is expected
 * and what happened. The exit status says whether all steps were made, and run.sh
 * adds up how many held.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "demo.h"
#include "demo.skel.h"

#define CNT 100
#define BAD_PAGE 3

static struct demo_bpf *skel;
static char *arena; /* as user space sees it */
static long page;

static void begin(const char *what, const char *expected)
{
	static int step;

	printf("\nStep %d: %s\n  expected: %s\n", ++step, what, expected);
}

static void end(bool held, const char *fmt, ...)
{
	va_list args;

	printf("  happened: ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n  %s\n", held ? "held" : "DID NOT HOLD");
}

static int run(struct bpf_program *prog, struct demo_args *args)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(*args));

	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) ?: (int)opts.retval;
}

/* What the program has on its stderr stream: that takes it away. */
static const char *stream_of(struct bpf_program *prog)
{
	static char buf[8192];
	int len = 0, ret;

	while (len < (int)sizeof(buf) - 1) {
		ret = bpf_prog_stream_read(bpf_program__fd(prog), BPF_STREAM_STDERR, buf + len,
					   sizeof(buf) - 1 - len, NULL);
		if (ret <= 0)
			break;
		len += ret;
	}
	buf[len] = '\0';
	return buf;
}

static sigjmp_buf on_segv;
static void segv(int sig)
{
	siglongjmp(on_segv, sig);
}

static bool read_segfaults(volatile char *p)
{
	if (sigsetjmp(on_segv, 1))
		return true;
	(void)*p;
	return false;
}

static void plain_pointer(void)
{
	struct demo_args args = { .cnt = CNT, .by = 3 };
	__u64 *vals;
	int i, good = 0, err;

	begin("a program makes an array of 1..100 in its arena; a kfunc sums it up and multiplies\n"
	      "        it by 3 through a plain C pointer",
	      "sum 5050, and user space sees 3, 6, .. 300 in its own mapping");
	err = run(skel->progs.share_array, &args);
	if (err) {
		end(false, "the program failed with %d", err);
		return;
	}
	vals = (__u64 *)args.ptr;
	for (i = 0; i < CNT; i++)
		good += vals[i] == 3 * (i + 1);
	end(args.ret == 5050 && good == CNT, "sum %llu; user space sees %llu, %llu, .. %llu, %d of %d right",
	    args.ret, vals[0], vals[1], vals[CNT - 1], good, CNT);
}

static void bad_pointer(void)
{
	struct demo_args args = { .ptr = BAD_PAGE * page, .cnt = 1, .by = 3, .ret = -1 };
	char expected[256], want[80];
	const char *report, *line;
	int err;

	snprintf(want, sizeof(want), "Arena READ access at unmapped address 0x%lx",
		 (long)arena + BAD_PAGE * page);
	snprintf(expected, sizeof(expected),
		 "the kernel goes on; the kfunc reads 0; the program's stderr stream has\n"
		 "            \"%s\"\n            and a stack with the program in it", want);
	begin("the same kfunc gets a pointer to a page that nobody allocated", expected);
	err = run(skel->progs.share_bad_pointer, &args);
	report = stream_of(skel->progs.share_bad_pointer);
	printf("  the program's stderr stream:\n");
	for (line = report; *line; line += strcspn(line, "\n"), line += !!*line)
		printf("  | %.*s\n", (int)strcspn(line, "\n"), line);
	end(!err && args.ret == 0 && strstr(report, want) && strstr(report, "share_bad_pointer"),
	    "the program returned %d, the kfunc %llu; that text is %son the stream, the program %sin the stack",
	    err, args.ret, strstr(report, want) ? "" : "not ",
	    strstr(report, "share_bad_pointer") ? "" : "not ");
}

static void silence(void)
{
	struct demo_args args = { .ptr = BAD_PAGE * page, .cnt = 1, .by = 3, .ret = -1 };
	const char *report;
	int err;

	begin("the kfunc gets that page again", "it reads 0, and there is no second report");
	err = run(skel->progs.share_bad_pointer, &args);
	report = stream_of(skel->progs.share_bad_pointer);
	end(!err && args.ret == 0 && !*report, "the program returned %d, the kfunc %llu; %zu bytes on the stream",
	    err, args.ret, strlen(report));
}

static void user_access(void)
{
	bool dead, fresh;

	begin("user space reads that page, and one that was never touched",
	      "SIGSEGV on the first, which is dead now; the second is allocated on the spot");
	dead = read_segfaults(arena + BAD_PAGE * page);
	fresh = read_segfaults(arena + (DEMO_PAGES - 1) * page);
	end(dead && !fresh, "page %d: %s, page %d: %s", BAD_PAGE, dead ? "SIGSEGV" : "no signal",
	    DEMO_PAGES - 1, fresh ? "SIGSEGV" : "no signal");
}

static void allocator(void)
{
	struct demo_args at = { .ptr = (__u64)arena + BAD_PAGE * page, .cnt = 1, .ret = -1 };
	struct demo_args any = { .cnt = 1 };
	/* all but the array, the dead page and the one that user space touched */
	int i, n = 0, want = DEMO_PAGES - 3, err;
	bool avoided = true;
	char got[64] = "";

	begin("the program allocates: the dead page by its address, then pages wherever there is room",
	      "NULL, then each of the 5 other pages that are free, and never the dead one");
	err = run(skel->progs.allocate, &at);
	for (i = 0; i < DEMO_PAGES && !err; i++) {
		any.ptr = 0;
		err = run(skel->progs.allocate, &any);
		if (err || !any.ret)
			break;
		n++;
		avoided &= any.ret != at.ptr;
		snprintf(got + strlen(got), sizeof(got) - strlen(got), " %lld",
			 (long long)(any.ret - (__u64)arena) / page);
	}
	end(!err && !at.ret && avoided && n == want, "%s, then pages%s",
	    at.ret ? "an address" : "NULL", got);
}

int main(void)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	size_t size;

	setvbuf(stdout, NULL, _IOLBF, 0);
	page = getpagesize();
	signal(SIGSEGV, segv);
	skel = demo_bpf__open_and_load();
	if (!skel) {
		printf("the BPF programs do not load\n");
		return 1;
	}
	arena = bpf_map__initial_value(skel->maps.arena, &size);
	if (bpf_prog_get_info_by_fd(bpf_program__fd(skel->progs.share_array), &info, &len) ||
	    !info.jited_prog_len) {
		printf("the programs are not compiled by the JIT\n");
		return 1;
	}
	printf("Programs verified and JIT-compiled (share_array: %u bytes); an arena of %d pages at %p\n",
	       info.jited_prog_len, DEMO_PAGES, arena);

	plain_pointer();
	bad_pointer();
	silence();
	user_access();
	allocator();

	demo_bpf__destroy(skel);
	return 0;
}
