// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recovery of kernel faults on arena memory
 *
 * An arena is sparse: PTEs exist for allocated pages only. Kernel code that runs
 * under a BPF program may nevertheless dereference any address of that program's
 * arena. Where it hits an empty slot, the architecture's fault handler comes
 * here, and the arena's scratch page is mapped into the slot, so that the access
 * can be retried and succeeds.
 *
 * The rules that the rest of the arena relies on, and keeps:
 *
 * - Who fills a slot does so by ptep_try_set(), from empty. The fault handler
 *   holds no lock, and cannot: it may have interrupted the holder of
 *   arena->spinlock on the same CPU.
 * - Slots are cleared under arena->spinlock only, by ptep_get_and_clear(), and
 *   those that hold the scratch page never. So the slot that the handler finds
 *   present or fills is good for the retry, unless the page is being freed at
 *   this moment; then there is one more fault.
 * - A page once scratched is dead until the arena is destroyed: the program that
 *   passed such a pointer is broken, other CPUs may be using the translation, and
 *   what the kernel has written there is lost. Nothing is ever allocated there.
 * - All page tables above the PTEs exist from the creation of the map to its
 *   destruction. Programs hold a reference on the map, and a program that is on
 *   the stack is alive, so both outlast the handler.
 *
 * The handler cannot tell the range tree, which is under the lock, that a page
 * has died. It sets a bit in arena_scratch::chunks. The allocator looks there
 * before it trusts the tree, and takes what it finds filled out of the tree; this
 * is called to absorb. So each dead page costs the allocator once.
 */
#include <linux/bpf.h>
#include <linux/bpf_defs.h>
#include <linux/filter.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/rcupdate.h>
#include <linux/vmalloc.h>
#include "arena_scratch.h"
#include "range_tree.h"

/* How many chunks to absorb with the lock held and interrupts off */
#define ABSORB_BUDGET	4

/**
 * arena_scratch_init - set up fault recovery for a new arena
 * @scratch: to be initialised
 * @start: kernel address of arena offset 0
 * @end: first kernel address that recovery does not cover
 * @node: NUMA node for the scratch page, or NUMA_NO_NODE
 *
 * Context: process context, may sleep.
 * Return: 0, or -ENOMEM.
 */
int arena_scratch_init(struct arena_scratch *scratch, unsigned long start, unsigned long end,
		       int node)
{
	scratch->start = start;
	scratch->end = end;
#ifdef ptep_try_set
	scratch->page = alloc_pages_node(node, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN, 0);
	if (!scratch->page)
		return -ENOMEM;
#endif
	return 0;
}

/**
 * arena_scratch_destroy - free the scratch page
 * @scratch: of an arena whose kernel mapping is gone
 *
 * Context: process context.
 */
void arena_scratch_destroy(struct arena_scratch *scratch)
{
	if (scratch->page)
		__free_page(scratch->page);
}

/**
 * arena_scratch_mark - note that a slot is filled while the range tree may not know
 * @scratch: of the arena
 * @addr: kernel address in the arena
 *
 * To be called after the slot was filled or found filled. In the upper
 * half-guard there is nothing to allocate and nothing to note.
 *
 * Context: any, NMI included.
 */
void arena_scratch_mark(struct arena_scratch *scratch, unsigned long addr)
{
	unsigned long chunk = (addr - scratch->start) >> ARENA_CHUNK_SHIFT;

	if (chunk >= ARENA_NR_CHUNKS)
		return;

	/*
	 * PTE, then bit, then flag; arena_scratch_absorb() resets the flag, then
	 * the bit, then reads the PTEs. Whatever it misses is still flagged.
	 */
	smp_mb__before_atomic();
	set_bit(chunk, scratch->chunks);
	smp_store_release(&scratch->pending, true); /* after the bit, as above */
}

struct absorb_data {
	struct range_tree *rt;
	unsigned long kaddr;	/* kernel address of page offset 0 of the user range */
	unsigned long run;	/* the run of filled slots seen last: [run, run_end) */
	unsigned long run_end;
};

static int absorb_run(struct absorb_data *d)
{
	if (d->run == d->run_end)
		return 0;
	return range_tree_clear(d->rt, (d->run - d->kaddr) >> PAGE_SHIFT,
				(d->run_end - d->run) >> PAGE_SHIFT);
}

/* Called for filled slots only */
static int absorb_cb(pte_t *ptep, unsigned long addr, void *data)
{
	struct absorb_data *d = data;
	int err;

	if (addr != d->run_end) {
		err = absorb_run(d);
		if (err)
			return err;
		d->run = addr;
	}
	d->run_end = addr + PAGE_SIZE;
	return 0;
}

/*
 * A slot that is filled is not free, whoever filled it: live pages are not in the
 * tree and clearing them again does nothing.
 */
static int absorb_chunk(struct arena_scratch *scratch, struct range_tree *rt, unsigned long chunk,
			u64 user_vm_start, u64 user_vm_end)
{
	u64 user_off = (u32)user_vm_start, user_end = user_off + user_vm_end - user_vm_start;
	u64 lo = max_t(u64, (u64)chunk << ARENA_CHUNK_SHIFT, user_off);
	u64 hi = min_t(u64, (u64)(chunk + 1) << ARENA_CHUNK_SHIFT, user_end);
	struct absorb_data d = { .rt = rt, .kaddr = scratch->start + user_off };
	int err;

	/* outside the user range there is nothing to allocate */
	if (lo >= hi)
		return 0;

	err = apply_to_existing_page_range(&init_mm, scratch->start + lo, hi - lo, absorb_cb, &d);
	return err ?: absorb_run(&d);
}

/**
 * arena_scratch_absorb - take dead pages out of the tree of free ranges
 * @scratch: of the arena
 * @rt: the arena's free ranges
 * @user_vm_start: where user space maps the arena
 * @user_vm_end: end of that range
 *
 * To be called while arena_scratch_pending() says so. The work is bounded, since
 * interrupts are off. One pending chunk takes a look at its PTEs and a tree
 * operation per run of dead pages.
 *
 * Context: any; the lock that guards @rt is held.
 * Return: 0 if @rt holds no page that was marked before the call; -EAGAIN if
 * there is more to do: drop the lock and call again; -ENOMEM if @rt could not be
 * changed, with the rest still pending.
 */
int arena_scratch_absorb(struct arena_scratch *scratch, struct range_tree *rt,
			 u64 user_vm_start, u64 user_vm_end)
{
	unsigned long chunk, word, bit;
	int budget = ABSORB_BUDGET;
	int i, err = 0;

	WRITE_ONCE(scratch->pending, false);
	smp_mb(); /* flag before bits, see arena_scratch_mark() */

	for (i = 0; i < BITS_TO_LONGS(ARENA_NR_CHUNKS) && !err; i++) {
		word = READ_ONCE(scratch->chunks[i]);
		for_each_set_bit(bit, &word, BITS_PER_LONG) {
			if (!budget--) {
				err = -EAGAIN;
				break;
			}
			chunk = i * BITS_PER_LONG + bit;
			/* fully ordered: bit before PTEs */
			test_and_clear_bit(chunk, scratch->chunks);
			err = absorb_chunk(scratch, rt, chunk, user_vm_start, user_vm_end);
			if (err) {
				set_bit(chunk, scratch->chunks);
				break;
			}
		}
	}
	if (err)
		smp_store_release(&scratch->pending, true); /* after the bits */
	return err;
}

struct find_prog_ctx {
	unsigned long addr;
	struct bpf_prog *prog;
};

/* Stop at the innermost program whose arena covers ctx->addr */
static bool find_prog_cb(void *cookie, u64 ip, u64 sp, u64 bp)
{
	struct find_prog_ctx *ctx = cookie;
	struct arena_scratch *scratch;
	struct bpf_prog *prog;

	prog = bpf_prog_ksym_find(ip);
	if (!prog)
		return true;

	/* A subprogram has the arena, and the streams, of its main program */
	prog = prog->aux->main_prog_aux->prog;
	if (!prog->aux->arena)
		return true;

	scratch = bpf_arena_scratch(prog->aux->arena);
	if (ctx->addr < scratch->start || ctx->addr >= scratch->end)
		return true;

	ctx->prog = prog;
	return false;
}

/**
 * arena_find_prog - find the program on whose behalf an arena address is used
 * @addr: kernel address
 * @ip: an instruction address of the innermost frame, which is tried first, or 0
 *
 * That is the innermost BPF program on the stack whose arena covers @addr; one
 * with another arena or with none, such as a tracing program that ran a kfunc of
 * its own, does not hide it. Its arena is the only one that covers @addr.
 *
 * The stack is walked because there is nothing else to know it from: a run
 * context would have to be kept for programs of every type, on each run, for a
 * case that is a program's bug. Where the stack cannot be walked
 * (arch_bpf_stack_walk() needs the ORC unwinder on x86) nothing is found.
 *
 * Context: any, NMI included, under rcu_read_lock(). The program is alive as long
 * as it is on the stack, or until the end of the RCU read-side section.
 * Return: the (main) program, or NULL.
 */
struct bpf_prog *arena_find_prog(unsigned long addr, unsigned long ip)
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
static int dump_missing_caller(struct bpf_stream_stage *ss, unsigned long ip)
{
	struct bpf_prog *prog = ip ? bpf_prog_ksym_find(ip) : NULL;
	const char *file, *line;
	int num;

	if (!prog)
		return 0;
	arch_bpf_stack_walk(find_ip_cb, &ip);
	if (!ip)
		return 0;
	if (bpf_prog_get_file_line(prog, ip, &file, &line, &num))
		return bpf_stream_stage_printk(ss, "Called from %pS\n\n", (void *)ip);
	return bpf_stream_stage_printk(ss, "Called from %pS\n  %s @ %s:%d\n\n", (void *)ip, line,
				       file, num);
}

/**
 * arena_report - report a program's misuse of its arena on its stderr stream
 * @prog: program with an arena
 * @what: the access, as in "READ access at unmapped address"
 * @uaddr: address as the program and user space see it
 * @ip: as for arena_find_prog()
 *
 * Formatting a stack trace takes much longer than the recovery from a fault. A
 * program that floods its stream must not make the kernel do so just to drop
 * the text: nothing is formatted while the stream lacks the room that the last
 * dropped report would have needed.
 *
 * Context: any, NMI included; under rcu_read_lock() if @ip is not 0. The report is
 * dropped when memory is short or the stream is full.
 */
void arena_report(struct bpf_prog *prog, const char *what, unsigned long uaddr, unsigned long ip)
{
	struct arena_scratch *scratch = bpf_arena_scratch(prog->aux->arena);
	struct bpf_stream_stage ss;
	int err;

	if (!bpf_stream_has_room(prog, BPF_STDERR, READ_ONCE(scratch->dropped_len)))
		return;

	bpf_stream_stage_init(&ss);
	/* All of it or nothing: half a report would be taken for a part of another one. */
	err = bpf_stream_printk(ss, "ERROR: Arena %s 0x%lx\n", what, uaddr) ?:
	      bpf_stream_dump_stack(ss) ?:
	      dump_missing_caller(&ss, ip) ?:
	      bpf_stream_stage_commit(&ss, prog, BPF_STDERR);
	if (err == -ENOSPC)
		WRITE_ONCE(scratch->dropped_len, min(ss.len, (int)BPF_STREAM_MAX_CAPACITY / 2));
	bpf_stream_stage_free(&ss);
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
 * the stack whose arena covers @addr can be found, the arena's scratch page is
 * mapped at @addr, and the first such access to a page is reported on the
 * program's stderr stream.
 *
 * Covered are the 4 GiB of the arena and the upper half of its guard, as far as a
 * kfunc that was handed an arena pointer may reach forwards without a bounds
 * check. The lower half is not: no correct kfunc reads backwards.
 *
 * Context: any, NMI and the arena's own lock included. Takes no lock, does not
 * allocate other than for the report, does not sleep.
 * Return: true if the access shall be retried.
 */
bool bpf_arena_handle_page_fault(unsigned long addr, bool is_write, unsigned long fault_ip)
{
	struct arena_scratch *scratch;
	struct bpf_prog *prog;
	pte_t *ptep, pte;
	u64 uaddr;

	if (!is_vmalloc_addr((void *)addr))
		return false;

	/* On top of the running program's own protection: see arena_find_prog() */
	guard(rcu)();

	prog = arena_find_prog(addr, fault_ip);
	if (!prog)
		return false;

	scratch = bpf_arena_scratch(prog->aux->arena);
	if (!scratch->page)
		return false;

	ptep = virt_to_kpte(addr);
	if (WARN_ON_ONCE(!ptep))
		return false;

	/*
	 * No TLB flush: not-present entries are not cached, and ptep_try_set()
	 * does what this CPU needs to see the entry.
	 *
	 * When the slot turns out to be filled, another CPU has scratched or
	 * allocated the page since the fault. It may even have freed it again.
	 */
	if (!ptep_try_set(ptep, mk_pte(scratch->page, PAGE_KERNEL))) {
		pte = ptep_get(ptep);
		return pte_present(pte) || pte_none(pte);
	}

	arena_scratch_mark(scratch, addr);
	uaddr = bpf_arena_get_user_vm_start(prog->aux->arena) & ~(u64)U32_MAX;
	uaddr += addr - scratch->start;
	arena_report(prog, is_write ? "WRITE access at unmapped address" :
				      "READ access at unmapped address", uaddr, fault_ip);
	return true;
}
