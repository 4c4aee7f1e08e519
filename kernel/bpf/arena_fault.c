// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recovery from kernel faults on arena memory
 *
 * An arena is sparse: page-table entries exist for allocated pages only. Kernel
 * code that runs under a BPF program may nevertheless dereference any address of
 * that program's arena. Where it hits a slot without a page, the fault handler of
 * the architecture calls bpf_arena_handle_page_fault(), which maps the scratch
 * page of the arena there, so that the access can be retried and succeeds.
 *
 * A page is dead from then on, until the arena is destroyed: the program that
 * passed such a pointer is broken, other CPUs may be using the translation, and
 * what the kernel has written there is lost. Nothing is ever allocated there.
 *
 * The states of a slot, and who may change them, are described in arena.c. The
 * handler holds no lock, and cannot: it may have interrupted the holder of
 * arena->spinlock on the same CPU. All page tables above the entries exist from
 * the creation of the map to its destruction. Programs hold a reference on the
 * map, and a program that is on the stack is alive, so both outlast the handler.
 */
#include <linux/bpf.h>
#include <linux/bpf_defs.h>
#include <linux/filter.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/vmalloc.h>
#include "arena.h"

struct find_prog_ctx {
	unsigned long addr;
	struct bpf_prog *prog;
};

/* Stop at the innermost program whose arena covers ctx->addr */
static bool find_prog_cb(void *cookie, u64 ip, u64 sp, u64 bp)
{
	struct find_prog_ctx *ctx = cookie;
	struct bpf_prog *prog;

	prog = bpf_prog_ksym_find(ip);
	if (!prog)
		return true;

	/* A subprogram has the arena, and the streams, of its main program */
	prog = prog->aux->main_prog_aux->prog;
	if (!prog->aux->arena)
		return true;

	if (ctx->addr - bpf_arena_get_kern_vm_start(prog->aux->arena) >= KERN_FAULT_SZ)
		return true;

	ctx->prog = prog;
	return false;
}

/*
 * Find the program on whose behalf the arena address @addr is used: the innermost
 * one on the stack whose arena covers it. A program with another arena or with
 * none, such as a tracing program that runs a kfunc of its own, does not hide it.
 * @ip is an instruction address of the innermost frame, which is tried first, or 0.
 *
 * The stack is walked because nothing else says it. A run context would have to be
 * kept for programs of every type, on each run, for a case that is a program's
 * bug. Where the stack cannot be walked (arch_bpf_stack_walk() needs the ORC
 * unwinder on x86) nothing is found.
 */
static struct bpf_prog *arena_find_prog(unsigned long addr, unsigned long ip)
{
	struct find_prog_ctx ctx = { .addr = addr };

	if (!ip || find_prog_cb(&ctx, ip, 0, 0))
		arch_bpf_stack_walk(find_prog_cb, &ctx);
	return ctx.prog;
}

static bool find_ip_cb(void *cookie, u64 ip, u64 sp, u64 bp)
{
	unsigned long *missing = cookie;

	if (ip != *missing)
		return true;
	*missing = 0;
	return false;
}

/*
 * Where leaf functions have no frame record, the stack walk misses who called
 * one. If that is a program, and @ip is in it, say so after the stack.
 */
static void arena_dump_missing_caller(struct bpf_stream_stage *ss, unsigned long ip)
{
	struct bpf_prog *prog = ip ? bpf_prog_ksym_find(ip) : NULL;
	const char *file, *line;
	int num;

	if (!prog)
		return;
	arch_bpf_stack_walk(find_ip_cb, &ip);
	if (!ip)
		return;
	if (bpf_prog_get_file_line(prog, ip, &file, &line, &num))
		bpf_stream_stage_printk(ss, "Called from %pS\n\n", (void *)ip);
	else
		bpf_stream_stage_printk(ss, "Called from %pS\n  %s @ %s:%d\n\n", (void *)ip, line,
					file, num);
}

/*
 * Report on the stderr stream of @prog what is done to @addr, as far as there is
 * memory and room in the stream. To format a stack trace takes much longer than
 * to recover from a fault, so a full stream is looked for first.
 */
static void arena_report(struct bpf_prog *prog, const char *what, unsigned long addr,
			 unsigned long ip)
{
	struct bpf_arena *arena = prog->aux->arena;
	u64 uaddr = bpf_arena_get_user_vm_start(arena) & ~(u64)U32_MAX;
	struct bpf_stream_stage ss;

	if (!bpf_stream_has_room(prog, BPF_STDERR, sizeof("ERROR: Arena  0x") + strlen(what)))
		return;

	uaddr += addr - bpf_arena_get_kern_vm_start(arena);
	bpf_stream_stage_init(&ss);
	if (bpf_stream_printk(ss, "ERROR: Arena %s 0x%llx\n", what, uaddr))
		return;
	if (!bpf_stream_dump_stack(ss))
		arena_dump_missing_caller(&ss, ip);
	else
		bpf_stream_printk(ss, "\n");
	bpf_stream_stage_commit_fitting(&ss, prog, BPF_STDERR);
	bpf_stream_stage_free(&ss);
}

/**
 * bpf_arena_report_kernel_owned - report that a program frees a kernel-owned page
 * @arena: arena of the page
 * @kaddr: kernel address of the page
 *
 * Context: any, NMI included, under the program.
 */
void bpf_arena_report_kernel_owned(struct bpf_arena *arena, unsigned long kaddr)
{
	struct bpf_prog *prog;

	guard(rcu)();
	prog = arena_find_prog(kaddr, 0);
	if (prog)
		arena_report(prog, "FREE of kernel-owned page at address", kaddr, 0);
}

/**
 * bpf_arena_handle_page_fault - recover a kernel access to unpopulated arena memory
 * @addr: faulting address
 * @is_write: whether the access was a write
 * @fault_ip: address of the faulting instruction, or of its caller where the
 *	stack walk misses that
 *
 * Called by the architecture's fault handler for a data access by the kernel to
 * a not-present page that is about to be an oops. If the innermost BPF program on
 * the stack whose arena covers @addr can be found, the scratch page of the arena
 * is mapped at @addr, and the first such access to a page is reported on the
 * stderr stream of the program.
 *
 * Covered are the 4 GiB of the arena and the upper half of its guard, as far as a
 * kfunc that was handed an arena pointer may reach forwards without a bounds
 * check. The lower half is not: no correct kfunc reads backwards.
 *
 * Context: any, NMI and sections that hold the arena's own lock included. Takes no
 * lock, does not allocate other than for the report, does not sleep.
 * Return: true if the access shall be retried.
 */
bool bpf_arena_handle_page_fault(unsigned long addr, bool is_write, unsigned long fault_ip)
{
	struct bpf_arena *arena;
	struct bpf_prog *prog;
	struct page *scratch;
	pte_t *ptep, pte, dead;

	if (!is_vmalloc_addr((void *)addr))
		return false;

	/* for the lookup of other frames than that of the program */
	guard(rcu)();

	prog = arena_find_prog(addr, fault_ip);
	if (!prog)
		return false;

	arena = prog->aux->arena;
	scratch = bpf_arena_scratch_page(arena);
	if (!scratch)
		return false;

	ptep = virt_to_kpte(addr);
	if (WARN_ON_ONCE(!ptep))
		return false;

	/*
	 * Where the slot is filled, or changes meanwhile, another CPU has filled it or
	 * is about to empty it; then the access is retried as well. No TLB flush: not
	 * present entries are not cached, and both functions do what this CPU needs to
	 * see the new entry.
	 */
	pte = ptep_get(ptep);
	dead = mk_pte(scratch, PAGE_KERNEL);
	if (pte_present(pte) ||
	    !(pte_none(pte) ? ptep_try_set(ptep, dead) : ptep_try_replace(addr, ptep, pte, dead)))
		return true;

	bpf_arena_page_died(arena);
	arena_report(prog, is_write ? "WRITE access at unmapped address" :
				      "READ access at unmapped address", addr, fault_ip);
	return true;
}
