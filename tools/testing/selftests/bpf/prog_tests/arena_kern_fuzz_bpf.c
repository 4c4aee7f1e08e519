// SPDX-License-Identifier: GPL-2.0
/* How the fuzzer turns the steps of a program into instructions, and runs them */
#include <sys/mman.h>
#include <test_progs.h>
#include <bpf/btf.h>
#include "arena_kern.h"
#include "arena_kern_fuzz.h"

#ifndef BPF_ADDR_SPACE_CAST
#define BPF_ADDR_SPACE_CAST 1
#endif
#define CAST_KERN(DST, SRC)							\
	BPF_RAW_INSN(BPF_ALU64 | BPF_MOV | BPF_X, DST, SRC, BPF_ADDR_SPACE_CAST, 1)
#define CAST_USER(DST, SRC)							\
	BPF_RAW_INSN(BPF_ALU64 | BPF_MOV | BPF_X, DST, SRC, BPF_ADDR_SPACE_CAST, 1U << 16)

#define NO_RESULT 0x6e6f726573756c74ULL

static struct akf_result *result;
static int result_fd = -1;

int akf_fd_array[2] = { -1, -1 };

int akf_prog_loads, akf_prog_rejects;
bool akf_prog_atomics;

/*
 * Arguments: p is .ptr, s .src, o .off, z .size, v .val, c .cnt, h .how, w the
 * program on the hook, m the arena, n a node, - none of them, 0 nothing. Returned
 * is a u64, an int, or nothing.
 */
static struct kfunc {
	const char *name, *args;
	char ret;
	int id;
} kfuncs[] = {
	[AK_READ]		= { "bpf_test_arena_read", "poz", 'u' },
	[AK_WRITE]		= { "bpf_test_arena_write", "pozv", '-' },
	[AK_SUM_SCALE]		= { "bpf_test_arena_sum_scale", "pcv", 'u' },
	[AK_WALK]		= { "bpf_test_arena_walk", "pc", 'u' },
	[AK_MEMCPY]		= { "bpf_test_arena_memcpy", "psz", '-' },
	[AK_MEMSET]		= { "bpf_test_arena_memset", "pzv", '-' },
	[AK_COUNT_NONZERO]	= { "bpf_test_arena_count_nonzero", "pz", 'u' },
	[AK_ATOMIC]		= { "bpf_test_arena_atomic", "phv", 'u' },
	[AK_READ_IN]		= { "bpf_test_arena_read_in", "ph", 'u' },
	[AK_NOFAULT]		= { "bpf_test_arena_nofault", "po", 'i' },
	[AK_PFN]		= { "bpf_test_arena_pfn", "p", 'u' },
	[AK_ALLOC]		= { "bpf_arena_alloc_pages", "mpc-0", 'u' },
	[AK_FREE]		= { "bpf_arena_free_pages", "mpc", '-' },
	[AK_RESERVE]		= { "bpf_arena_reserve_pages", "mpc", 'i' },
	[AK_KALLOC]		= { "bpf_test_arena_kalloc", "mpcn", 'u' },
	[AK_KFREE]		= { "bpf_test_arena_kfree", "mpc", '-' },
	[AK_SET_CUR]		= { "bpf_test_arena_set_cur", "p", '-' },
	[AK_CALL_HOOK]		= { "bpf_test_arena_call_hook", "w", 'i' },
	[AKF_TOUCH]		= { "bpf_test_arena_touch_cur", "", 'u' },
};

static bool in_module(const struct kfunc *k)
{
	return !strncmp(k->name, "bpf_test_", 9);
}

/* The kfunc whose result is that of the step */
static const struct kfunc *last_kfunc(const struct akf_step *s)
{
	return &kfuncs[s->a.op == AKF_TOUCH && !s->a.how ? AK_CALL_HOOK : s->a.op];
}

bool akf_returns(const struct akf_step *s)
{
	return last_kfunc(s)->ret != '-';
}

struct compile {
	const struct akf_seq *seq;
	const bool *keep;
	int arena_fd;
	int depth;	/* of loops */
	int nr_calls;
	struct {
		int insn, from, to;
	} calls[AKF_PART_STEPS];
	int cnt;
	struct bpf_insn insns[AKF_PART_STEPS * 40];
};

static void emit_insns(struct compile *c, const struct bpf_insn *insns, int cnt)
{
	if (c->cnt + cnt > ARRAY_SIZE(c->insns)) {
		akf_fail("program too long");
		return;
	}
	memcpy(&c->insns[c->cnt], insns, cnt * sizeof(*insns));
	c->cnt += cnt;
}

#define EMIT(c, ...) ({								\
	const struct bpf_insn __insns[] = { __VA_ARGS__ };			\
										\
	emit_insns(c, __insns, ARRAY_SIZE(__insns));				\
})

/* R0 is lost */
static void emit_ptr(struct compile *c, int reg, const struct akf_step *s)
{
	EMIT(c, BPF_LD_IMM64(reg, s->a.ptr));
	if (s->index)
		EMIT(c,
		     BPF_MOV64_REG(BPF_REG_0, s->index),
		     BPF_ALU64_IMM(BPF_AND, BPF_REG_0, s->mask),
		     BPF_ALU64_REG(BPF_ADD, reg, BPF_REG_0));
	if (s->cast)
		EMIT(c, CAST_KERN(reg, reg));
}

static void emit_arg(struct compile *c, int reg, const struct akf_step *s, char arg)
{
	switch (arg) {
	case 'p':
		return emit_ptr(c, reg, s);
	case 's':
		EMIT(c, BPF_LD_IMM64(reg, s->a.src));
		break;
	case 'o':
		EMIT(c, BPF_LD_IMM64(reg, (__u64)s->a.off));
		break;
	case 'z':
		EMIT(c, BPF_MOV64_IMM(reg, s->a.size));
		break;
	case 'v':
		if (s->src)
			EMIT(c, BPF_MOV64_REG(reg, s->src));
		else
			EMIT(c, BPF_LD_IMM64(reg, s->a.val));
		break;
	case 'c':
		EMIT(c, BPF_MOV32_IMM(reg, s->a.cnt));
		break;
	case 'h':
		EMIT(c, BPF_MOV64_IMM(reg, s->a.how));
		break;
	case 'w':
		EMIT(c, BPF_MOV64_IMM(reg, AKF_WATCH));
		break;
	case 'm':
		EMIT(c, BPF_LD_MAP_FD(reg, c->arena_fd));
		break;
	case 'n':
		EMIT(c, BPF_MOV64_IMM(reg, (int)s->a.how - 1));
		break;
	case '-':
		EMIT(c, BPF_MOV64_IMM(reg, -1));
		break;
	default:
		EMIT(c, BPF_MOV64_IMM(reg, 0));
	}
}

static void emit_call(struct compile *c, const struct akf_step *s, const struct kfunc *k)
{
	int i;

	for (i = 0; k->args[i]; i++)
		emit_arg(c, BPF_REG_1 + i, s, k->args[i]);
	EMIT(c, BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, in_module(k), k->id));
	if (k->ret == 'i')
		EMIT(c, BPF_MOVSX64_REG(BPF_REG_0, BPF_REG_0, 32));
}

static void emit_kfunc(struct compile *c, int nr, const struct akf_step *s)
{
	if (s->a.op == AKF_TOUCH)
		emit_call(c, s, &kfuncs[AK_SET_CUR]);
	emit_call(c, s, last_kfunc(s));
	if (!akf_returns(s))
		return;
	EMIT(c,
	     BPF_LD_MAP_VALUE(BPF_REG_1, result_fd, offsetof(struct akf_result, steps[nr])),
	     BPF_STX_MEM(BPF_DW, BPF_REG_1, BPF_REG_0, 0));
	if (s->dst)
		EMIT(c, BPF_MOV64_REG(s->dst, BPF_REG_0));
}

static void emit_rmw(struct compile *c, const struct akf_step *s)
{
	emit_ptr(c, BPF_REG_1, s);
	/* where it faults the register keeps what the verifier believes is 32 bits */
	if (BPF_SIZE(s->code) == BPF_W)
		EMIT(c, BPF_MOV32_REG(s->src, s->src));
	if (s->a.how == BPF_CMPXCHG)
		EMIT(c, BPF_MOV64_IMM(BPF_REG_0, s->a.val));
	EMIT(c, BPF_RAW_INSN(s->code, BPF_REG_1, s->src, s->off, s->a.how));
	if (s->a.how == BPF_CMPXCHG)
		EMIT(c, BPF_MOV64_REG(s->dst, BPF_REG_0));
}

static void emit_block(struct compile *c, int from, int to);

static void emit_if(struct compile *c, const struct akf_step *s, int from, int to)
{
	int insn = c->cnt;

	EMIT(c, BPF_RAW_INSN(s->code, s->dst, s->src, 0, s->a.val));
	emit_block(c, from, to);
	c->insns[insn].off = c->cnt - insn - 1;
}

static void emit_loop(struct compile *c, const struct akf_step *s, int from, int to)
{
	int slot = -8 * ++c->depth, insn;

	EMIT(c, BPF_ST_MEM(BPF_DW, BPF_REG_10, slot, 0));
	insn = c->cnt;
	emit_block(c, from, to);
	EMIT(c,
	     BPF_LDX_MEM(BPF_DW, BPF_REG_0, BPF_REG_10, slot),
	     BPF_ALU64_IMM(BPF_ADD, BPF_REG_0, 1),
	     BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_0, slot),
	     BPF_JMP_IMM(BPF_JLT, BPF_REG_0, s->a.cnt, insn - c->cnt - 4));
	c->depth--;
}

/* A subprogram is given the registers, and returns the first. */
static void emit_subprog_call(struct compile *c, int from, int to)
{
	int i;

	for (i = 0; i < AKF_NR_REGS; i++)
		EMIT(c, BPF_MOV64_REG(BPF_REG_1 + i, AKF_FIRST_REG + i));
	c->calls[c->nr_calls].insn = c->cnt;
	c->calls[c->nr_calls].from = from;
	c->calls[c->nr_calls++].to = to;
	EMIT(c, BPF_CALL_REL(0), BPF_MOV64_REG(AKF_FIRST_REG, BPF_REG_0));
}

static void emit_subprogs(struct compile *c)
{
	int nr, i;

	/* they add to the list */
	for (nr = 0; nr < c->nr_calls; nr++) {
		c->insns[c->calls[nr].insn].imm = c->cnt - c->calls[nr].insn - 1;
		for (i = 0; i < AKF_NR_REGS; i++)
			EMIT(c, BPF_MOV64_REG(AKF_FIRST_REG + i, BPF_REG_1 + i));
		emit_block(c, c->calls[nr].from, c->calls[nr].to);
		EMIT(c, BPF_MOV64_REG(BPF_REG_0, AKF_FIRST_REG), BPF_EXIT_INSN());
	}
}

static void emit_step(struct compile *c, int nr, const struct akf_step *s)
{
	switch (s->a.op) {
	case AKF_ALU:
		EMIT(c, BPF_RAW_INSN(s->code, s->dst, s->src, 0, s->a.val));
		break;
	case AKF_LOAD:
		emit_ptr(c, BPF_REG_1, s);
		EMIT(c, BPF_RAW_INSN(s->code, s->dst, BPF_REG_1, s->off, 0));
		break;
	case AKF_STORE:
		emit_ptr(c, BPF_REG_1, s);
		EMIT(c, BPF_RAW_INSN(s->code, BPF_REG_1, s->src, s->off, s->src ? 0 : s->a.val));
		break;
	case AKF_RMW:
		emit_rmw(c, s);
		break;
	case AKF_CAST:
		emit_ptr(c, BPF_REG_1, s);
		EMIT(c,
		     BPF_RAW_INSN(s->code, BPF_REG_1, s->src, 0, s->a.val),
		     CAST_USER(s->dst, BPF_REG_1));
		break;
	default:
		emit_kfunc(c, nr, s);
	}
}

int akf_block_end(const struct akf_seq *seq, int nr, int to)
{
	return MIN(nr + 1 + seq->steps[nr].body, to);
}

static void emit_block(struct compile *c, int from, int to)
{
	const struct akf_step *s;
	int nr, end;

	for (nr = from; nr < to; nr = end) {
		s = &c->seq->steps[nr];
		end = c->keep[nr] ? akf_block_end(c->seq, nr, to) : nr + 1;
		if (!c->keep[nr])
			continue;
		if (s->a.op == AKF_IF)
			emit_if(c, s, nr + 1, end);
		else if (s->a.op == AKF_LOOP)
			emit_loop(c, s, nr + 1, end);
		else if (s->a.op == AKF_CALL)
			emit_subprog_call(c, nr + 1, end);
		else
			emit_step(c, nr, s);
	}
}

static void emit_prog(struct compile *c, int from, int to)
{
	int i;

	/* the program's only arena */
	EMIT(c, BPF_LD_MAP_FD(BPF_REG_1, c->arena_fd));
	EMIT(c, BPF_LD_MAP_VALUE(BPF_REG_1, result_fd, offsetof(struct akf_result, in)));
	for (i = 0; i < AKF_NR_REGS; i++)
		EMIT(c, BPF_LDX_MEM(BPF_DW, AKF_FIRST_REG + i, BPF_REG_1, 8 * i));
	emit_block(c, from, to);
	EMIT(c, BPF_LD_MAP_VALUE(BPF_REG_1, result_fd, offsetof(struct akf_result, out)));
	for (i = 0; i < AKF_NR_REGS; i++)
		EMIT(c, BPF_STX_MEM(BPF_DW, BPF_REG_1, AKF_FIRST_REG + i, 8 * i));
	EMIT(c, BPF_MOV64_REG(BPF_REG_0, AKF_FIRST_REG), BPF_EXIT_INSN());
	emit_subprogs(c);
}

static void reset_result(struct akf_result *r, __u64 seed)
{
	int i;

	for (i = 0; i < AKF_MAX_STEPS; i++)
		r->steps[i] = NO_RESULT;
	for (i = 0; i < AKF_NR_REGS; i++)
		r->in[i] = akf_rand(&seed) >> (i * 20);
}

static bool check_result(const struct akf_result *want)
{
	int i;

	for (i = 0; i < AKF_MAX_STEPS; i++)
		if (result->steps[i] != want->steps[i])
			return akf_fail("step %d returned 0x%llx, not 0x%llx", i,
					result->steps[i], want->steps[i]);
	for (i = 0; i < AKF_NR_REGS; i++)
		if (result->out[i] != want->out[i])
			return akf_fail("r%d is 0x%llx, not 0x%llx", AKF_FIRST_REG + i,
					result->out[i], want->out[i]);
	return true;
}

static int load_insns(const struct bpf_insn *insns, int cnt, bool sleepable, char *log, int size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	enum bpf_prog_type type = BPF_PROG_TYPE_RAW_TRACEPOINT;

	if (sleepable) {
		type = BPF_PROG_TYPE_SYSCALL;
		opts.prog_flags = BPF_F_SLEEPABLE;
	}
	opts.fd_array = akf_fd_array;
	opts.log_buf = log;
	opts.log_size = size;
	opts.log_level = log ? 1 : 0;
	return bpf_prog_load(type, "fuzz", "GPL", insns, cnt, &opts);
}

/* The end of what the verifier says about the first one that it does not like */
static void show_reject(const struct compile *c, bool sleepable)
{
	static char log[1 << 20];
	int len;

	if (akf_prog_rejects++)
		return;
	load_insns(c->insns, c->cnt, sleepable, log, sizeof(log));
	len = strlen(log);
	printf("program of sequence 0x%llx: %d insns rejected:\n...%s\n", c->seq->seed, c->cnt,
	       log + MAX(len - 2000, 0));
}

bool akf_prog_run(struct akf_model *m, const struct akf_seq *seq, int from, const bool *keep,
		  int arena_fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	bool sleepable = seq->steps[from].sleepable, ok;
	static struct compile c;
	struct akf_result want;
	int to, fd, err;

	for (to = from; to < seq->cnt && seq->steps[to].prog == seq->steps[from].prog; to++)
		;
	c = (struct compile){ .seq = seq, .keep = keep, .arena_fd = arena_fd };
	emit_prog(&c, from, to);
	akf_prog_loads++;
	fd = load_insns(c.insns, c.cnt, sleepable, NULL, 0);
	if (fd < 0) {
		show_reject(&c, sleepable);
		return true;
	}
	reset_result(result, seq->seed + from);
	reset_result(&want, seq->seed + from);
	err = bpf_prog_test_run_opts(fd, &opts);
	akf_interpret(m, seq, keep, from, to, result, &want);
	ok = err ? akf_fail("program not run: %d", err) : check_result(&want);
	if (ok && opts.retval != (__u32)result->out[0])
		ok = akf_fail("returned 0x%x, not 0x%llx", opts.retval, result->out[0]);
	ok = akf_model_reports(m, fd) && ok;
	close(fd);
	return ok;
}

static int arena_create(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	opts.map_flags = BPF_F_MMAPABLE;
	opts.map_extra = 1ULL << 32;
	return bpf_map_create(BPF_MAP_TYPE_ARENA, "fuzz", 0, 0, 1, &opts);
}

/* JITs may lack atomic instructions on arenas, as arm64's does where the CPU has no LSE. */
static bool probe_atomics(void)
{
	int arena_fd = arena_create();
	const struct bpf_insn insns[] = {
		BPF_LD_MAP_FD(BPF_REG_1, arena_fd),
		BPF_MOV64_IMM(BPF_REG_0, 0),
		CAST_KERN(BPF_REG_1, BPF_REG_0),
		BPF_ATOMIC_OP(BPF_DW, BPF_ADD | BPF_FETCH, BPF_REG_1, BPF_REG_0, 0),
		BPF_EXIT_INSN(),
	};
	int fd = load_insns(insns, ARRAY_SIZE(insns), true, NULL, 0);

	close(fd);
	close(arena_fd);
	return fd >= 0;
}

static int btf_fd_by_name(const char *name)
{
	struct bpf_btf_info info;
	char buf[64];
	__u32 id = 0, len;
	int fd;

	while (!bpf_btf_get_next_id(id, &id)) {
		fd = bpf_btf_get_fd_by_id(id);
		if (fd < 0)
			continue;
		memset(&info, 0, sizeof(info));
		info.name = (__u64)(long)buf;
		info.name_len = sizeof(buf);
		len = sizeof(info);
		if (!bpf_btf_get_info_by_fd(fd, &info, &len) && !strcmp(buf, name))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static bool find_kfuncs(void)
{
	struct btf *vmlinux = btf__load_vmlinux_btf(), *module = NULL, *btf;
	struct kfunc *k;
	bool ok = false;

	if (ASSERT_OK_PTR(vmlinux, "btf of vmlinux"))
		module = btf__load_module_btf("bpf_test_arena", vmlinux);
	if (!ASSERT_OK_PTR(module, "btf of the module"))
		goto out;
	for (k = kfuncs; k < kfuncs + ARRAY_SIZE(kfuncs); k++) {
		if (!k->name)
			continue;
		btf = in_module(k) ? module : vmlinux;
		k->id = btf__find_by_name_kind(btf, k->name, BTF_KIND_FUNC);
		if (!ASSERT_GT(k->id, 0, k->name))
			goto out;
	}
	ok = true;
out:
	btf__free(module);
	btf__free(vmlinux);
	return ok;
}

bool akf_prog_init(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	void *mem;

	akf_prog_loads = 0;
	akf_prog_rejects = 0;
	if (!find_kfuncs())
		return false;
	akf_fd_array[1] = btf_fd_by_name("bpf_test_arena");
	akf_fd_array[0] = akf_fd_array[1];
	if (!ASSERT_OK_FD(akf_fd_array[1], "fd of the module's btf"))
		return false;
	result_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "result", 4, sizeof(*result), 1, &opts);
	if (!ASSERT_OK_FD(result_fd, "map of results"))
		return false;
	mem = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED, result_fd, 0);
	if (!ASSERT_NEQ(mem, MAP_FAILED, "mmap"))
		return false;
	result = mem;
	akf_prog_atomics = probe_atomics();
	return true;
}

void akf_prog_exit(void)
{
	if (result)
		munmap(result, sizeof(*result));
	result = NULL;
	close(result_fd);
	close(akf_fd_array[1]);
	result_fd = -1;
	akf_fd_array[1] = -1;
}
