// SPDX-License-Identifier: GPL-2.0
/* What an arena has to do, on 64-bit machines that are little endian: the fuzzer's model */
#include <test_progs.h>
#include "arena_kern.h"
#include "arena_kern_fuzz.h"

static __u64 base_hi(struct akf_model *m)
{
	return m->base & ~0xffffffffULL;
}

static __s64 page_nr(struct akf_model *m, __s64 off)
{
	return off < 0 ? -1 : off / m->page;
}

void akf_model_init(struct akf_model *m, const struct akf_seq *seq)
{
	memset(m, 0, sizeof(*m));
	m->base = seq->base;
	m->pages = seq->pages;
	m->flags = seq->flags;
	m->page = getpagesize();
	m->scratch = calloc(1, m->page);
}

void akf_model_destroy(struct akf_model *m)
{
	int i;

	for (i = 0; i < m->nr_known; i++)
		free(m->known[i].data);
	free(m->scratch);
}

struct akf_page *akf_model_page(struct akf_model *m, __s64 nr)
{
	int i;

	if (m->last < m->nr_known && m->known[m->last].nr == nr)
		return &m->known[m->last];
	for (i = 0; i < m->nr_known; i++) {
		if (m->known[i].nr != nr)
			continue;
		m->last = i;
		return &m->known[i];
	}
	if (m->nr_known == ARRAY_SIZE(m->known)) {
		akf_fail("more pages than the model has room for");
		m->nr_known--;
	}
	m->known[m->nr_known] = (struct akf_page){ .nr = nr };
	return &m->known[m->nr_known++];
}

static __u8 *page_data(struct akf_model *m, __s64 nr)
{
	struct akf_page *p = akf_model_page(m, nr);

	return p->state == AKF_DEAD ? m->scratch : p->data;
}

static void expect(struct akf_model *m, __u8 kinds, __s64 lo, __s64 hi)
{
	struct akf_report *r = &m->reports[m->nr_reports];

	if (m->nr_reports == ARRAY_SIZE(m->reports)) {
		akf_fail("more reports than the model has room for");
		return;
	}
	*r = (struct akf_report){ .kinds = kinds, .step = m->step, .lo = lo, .hi = hi };
	m->nr_reports++;
}

/*
 * Kernel code accesses a range: what is not mapped in there dies. In which order
 * it accesses the bytes of the range is not known, so each page is reported at
 * any of its addresses in the range. Where it is in both ranges of a memcpy(), it
 * may be read first, or written.
 */
static void touch(struct akf_model *m, __s64 off, __s64 len, __u8 kinds)
{
	__s64 nr, lo, hi;
	int i;

	for (nr = page_nr(m, off); len && nr <= page_nr(m, off + len - 1); nr++) {
		lo = MAX(off, nr * m->page);
		hi = MIN(off + len, (nr + 1) * m->page);
		if (!page_data(m, nr)) {
			akf_model_page(m, nr)->state = AKF_DEAD;
			expect(m, kinds, lo, hi);
			continue;
		}
		for (i = 0; i < m->nr_reports; i++) {
			struct akf_report *r = &m->reports[i];

			if (r->step != m->step || r->lo / m->page != nr || r->kinds & kinds)
				continue;
			r->kinds |= kinds;
			r->lo = MIN(r->lo, lo);
			r->hi = MAX(r->hi, hi);
		}
	}
}

bool akf_model_access(struct akf_model *m, __s64 off, int size, __u8 kind)
{
	m->step++;
	if (off >= 0 && page_data(m, page_nr(m, off)) && page_data(m, page_nr(m, off + size - 1)))
		return true;
	expect(m, kind, off, off + 1);
	return false;
}

/* The bytes are mapped, and what is read and written is little endian. */
__u64 akf_model_read(struct akf_model *m, __s64 off, int size)
{
	__u64 val = 0;
	int i;

	for (i = 0; i < size; i++, off++)
		val |= (__u64)page_data(m, page_nr(m, off))[off % m->page] << (8 * i);
	return val;
}

void akf_model_write(struct akf_model *m, __s64 off, int size, __u64 val)
{
	int i;

	for (i = 0; i < size; i++, off++)
		page_data(m, page_nr(m, off))[off % m->page] = val >> (8 * i);
}

static __u64 kernel_read(struct akf_model *m, __s64 off, int size)
{
	touch(m, off, size, AKF_READ);
	return akf_model_read(m, off, size);
}

static __u64 sum_scale(struct akf_model *m, __s64 off, __u32 cnt, __u64 by)
{
	__u64 sum = 0, val;

	for (; cnt--; off += 8) {
		val = kernel_read(m, off, 8);
		akf_model_write(m, off, 8, val * by);
		sum += val;
	}
	return sum;
}

static __u64 walk(struct akf_model *m, __u64 next, __u32 max)
{
	__u64 sum = 0;
	__u32 node;

	for (; next && max; max--) {
		node = next;
		sum += kernel_read(m, (__s64)node + 8, 8);
		next = kernel_read(m, node, 8);
	}
	return sum;
}

static void copy(struct akf_model *m, __s64 dst, __s64 src, __u32 size)
{
	static __u8 bytes[65536];
	__u32 i;

	touch(m, src, size, AKF_READ);
	touch(m, dst, size, AKF_WRITE);
	for (i = 0; i < size; i++)
		bytes[i] = akf_model_read(m, src + i, 1);
	for (i = 0; i < size; i++)
		akf_model_write(m, dst + i, 1, bytes[i]);
}

static void set(struct akf_model *m, __s64 off, __u32 size, __u8 val)
{
	touch(m, off, size, AKF_WRITE);
	for (; size--; off++)
		akf_model_write(m, off, 1, val);
}

static __u64 count_nonzero(struct akf_model *m, __s64 off, __u32 size)
{
	__u64 cnt = 0;

	touch(m, off, size, AKF_READ);
	for (; size--; off++)
		cnt += !!akf_model_read(m, off, 1);
	return cnt;
}

static __u64 atomic(struct akf_model *m, __s64 off, __u32 how, __u64 val)
{
	__u64 old;

	/* CPUs disagree on what an atomic operation is that faults. */
	touch(m, off, 8, AKF_READ | AKF_WRITE);
	old = akf_model_read(m, off, 8);
	if (how == TEST_ARENA_ADD)
		akf_model_write(m, off, 8, old + val);
	else if (how == TEST_ARENA_XCHG || !old)
		akf_model_write(m, off, 8, val);
	return how == TEST_ARENA_ADD ? old + val : old;
}

/* All dead pages have one number, every other has its own. */
static __u64 pfn(struct akf_model *m, __s64 nr, __u64 ret)
{
	struct akf_page *p = akf_model_page(m, nr);
	__u64 *known = p->state == AKF_DEAD ? &m->scratch_pfn : &p->pfn;
	bool taken = ret == m->scratch_pfn;
	int i;

	if (!page_data(m, nr))
		return 0;
	if (*known)
		return *known;
	for (i = 0; i < m->nr_known; i++)
		taken |= m->known[i].pfn == ret;
	return taken ? ~0ULL : (*known = ret);
}

static __u32 pgoff(struct akf_model *m, __u64 ptr)
{
	return (__u32)(ptr - m->base) / m->page;
}

bool akf_model_is_free(struct akf_model *m, __u32 pgoff, __u32 cnt)
{
	__s64 first = (__u32)m->base / m->page + pgoff;
	int i;

	for (i = 0; i < m->nr_known; i++)
		if (m->known[i].nr >= first && m->known[i].nr < first + cnt &&
		    m->known[i].state != AKF_FREE)
			return false;
	return (__u64)pgoff + cnt <= m->pages;
}

static bool has_free(struct akf_model *m, __u32 cnt)
{
	__s64 first = (__u32)m->base / m->page, next;
	int i;

	if (akf_model_is_free(m, 0, cnt))
		return true;
	for (i = 0; i < m->nr_known; i++) {
		next = m->known[i].nr + 1 - first;
		if (next > 0 && next < m->pages && akf_model_is_free(m, next, cnt))
			return true;
	}
	return false;
}

static void set_page_state(struct akf_model *m, struct akf_page *p, enum akf_state state)
{
	free(p->data);
	p->pfn = 0;
	p->data = state == AKF_LIVE || state == AKF_KERN ? calloc(1, m->page) : NULL;
	p->state = state;
}

void akf_model_alloc(struct akf_model *m, __u32 pgoff, __u32 cnt, enum akf_state state)
{
	__s64 nr = (__u32)m->base / m->page + pgoff;

	for (; cnt--; nr++)
		set_page_state(m, akf_model_page(m, nr), state);
}

static __u64 alloc(struct akf_model *m, const struct arena_kern_args *a, enum akf_state state)
{
	__u64 ptr = a->ptr ?: a->ret;
	__u32 first = pgoff(m, ptr);

	/* of the nodes only none and 0 exist */
	if (!a->cnt || a->cnt > m->pages || a->ptr % m->page || a->how > 1)
		return 0;
	if (!ptr)
		return has_free(m, a->cnt);
	if (ptr % m->page || !akf_model_is_free(m, first, a->cnt))
		return !a->ptr;
	akf_model_alloc(m, first, a->cnt, state);
	return base_hi(m) + (__u32)ptr;
}

static void release(struct akf_model *m, const struct arena_kern_args *a, enum akf_state state)
{
	__s64 first = (__u32)m->base / m->page, nr = (__u32)a->ptr / m->page;
	__s64 end = MIN(nr + a->cnt, first + m->pages), kern = end;
	struct akf_page *p;

	if (!a->ptr)
		return;
	for (p = m->known; p < m->known + m->nr_known; p++) {
		if (p->nr < nr || p->nr < first || p->nr >= end)
			continue;
		if (p->state == AKF_KERN)
			kern = MIN(kern, p->nr);
		if (p->state == state || (p->state == AKF_RESERVED && state != AKF_KERN))
			set_page_state(m, p, AKF_FREE);
	}
	if (state != AKF_KERN && kern < end)
		expect(m, AKF_FREES, kern * m->page, kern * m->page + 1);
}

static __u64 reserve(struct akf_model *m, __u64 ptr, __u32 cnt)
{
	if (!cnt || ptr % m->page)
		return 0;
	if ((__u64)pgoff(m, ptr) + cnt > m->pages)
		return -EINVAL;
	if (!akf_model_is_free(m, pgoff(m, ptr), cnt))
		return -EBUSY;
	akf_model_alloc(m, pgoff(m, ptr), cnt, AKF_RESERVED);
	return 0;
}

/* User space touches a page. */
static bool fault_in(struct akf_model *m, __u64 ptr)
{
	struct akf_page *p = akf_model_page(m, (__u32)ptr / m->page);

	if (p->state == AKF_DEAD)
		return false;
	if (!p->data && m->flags & BPF_F_SEGV_ON_FAULT)
		return false;
	if (!p->data)
		set_page_state(m, p, AKF_LIVE);
	return true;
}

static __u64 populate(struct akf_model *m, __u64 ptr, __u32 cnt)
{
	for (; cnt--; ptr += m->page)
		if (!fault_in(m, ptr))
			return -EFAULT;
	return 0;
}

__u64 akf_model_op(struct akf_model *m, const struct arena_kern_args *a)
{
	__s64 off = (__u32)a->ptr;

	m->step++;
	switch (a->op) {
	case AK_READ:
		return kernel_read(m, off + a->off, a->size);
	case AK_WRITE:
		touch(m, off + a->off, a->size, AKF_WRITE);
		akf_model_write(m, off + a->off, a->size, a->val);
		return 0;
	case AK_SUM_SCALE:
		return sum_scale(m, off, a->cnt, a->val);
	case AK_WALK:
		return walk(m, a->ptr, a->cnt);
	case AK_MEMCPY:
		copy(m, off, (__u32)a->src, a->size);
		return 0;
	case AK_MEMSET:
		set(m, off, a->size, a->val);
		return 0;
	case AK_COUNT_NONZERO:
		return count_nonzero(m, off, a->size);
	case AK_ATOMIC:
		return atomic(m, off, a->how, a->val);
	case AK_READ_IN:
		return kernel_read(m, off, 8);
	case AKF_TOUCH:
		return a->how ? kernel_read(m, off, 8) : (touch(m, off, 8, AKF_READ), 0);
	case AK_NOFAULT:
		off += a->off;
		return off >= 0 && page_data(m, page_nr(m, off)) ? 0 : -EFAULT;
	case AK_PFN:
		return pfn(m, page_nr(m, off), a->ret);
	case AK_PROG_READ:
		return akf_model_access(m, off, 8, AKF_READ) ? akf_model_read(m, off, 8) : 0;
	case AK_PROG_WRITE:
		if (akf_model_access(m, off, 8, AKF_WRITE))
			akf_model_write(m, off, 8, a->val);
		return 0;
	case AK_WRITE_NOPROG:
		akf_model_write(m, off, 8, a->val);
		return 0;
	case AK_ALLOC:
		return alloc(m, a, AKF_LIVE);
	case AK_KALLOC:
		return alloc(m, a, AKF_KERN);
	case AK_FREE:
		release(m, a, AKF_LIVE);
		return 0;
	case AK_KFREE:
		release(m, a, AKF_KERN);
		return 0;
	case AK_RESERVE:
		return reserve(m, a->ptr, a->cnt);
	case AKF_USER_READ:
		return fault_in(m, a->ptr) ? akf_model_read(m, off, a->size) : -EFAULT;
	case AKF_USER_WRITE:
		if (!fault_in(m, a->ptr))
			return -EFAULT;
		akf_model_write(m, off, a->size, a->val);
		return 0;
	case AKF_POPULATE:
		return populate(m, a->ptr, a->cnt);
	}
	return 0;
}

static __u8 report_kind(const char *line, __u64 addr)
{
	static const struct {
		const char *fmt;
		__u8 kind;
	} kinds[] = {
		{ AK_READ_REPORT "CPU: ", AKF_READ },
		{ AK_WRITE_REPORT "CPU: ", AKF_WRITE },
		{ AK_FREE_REPORT "CPU: ", AKF_FREES },
	};
	char want[128];
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(want, sizeof(want), kinds[i].fmt, (unsigned long long)addr);
		if (!strncmp(line, want, strlen(want)))
			return kinds[i].kind;
	}
	return 0;
}

static bool see_report(struct akf_model *m, __u8 kind, __s64 off)
{
	int i, step = -1;

	for (i = 0; i < m->nr_reports; i++) {
		struct akf_report *r = &m->reports[i];

		if (r->seen)
			continue;
		if (step >= 0 && r->step != step)
			break;
		step = r->step;
		if (r->kinds & kind && off >= r->lo && off < r->hi) {
			r->seen = true;
			return true;
		}
	}
	return false;
}

bool akf_model_reports(struct akf_model *m, int prog_fd)
{
	char *report, *next;
	bool ok = true;
	__u64 addr;
	int i;

	ak_stderr(prog_fd, ak_buf, sizeof(ak_buf));
	for (report = ak_buf; *report; report = next) {
		next = strstr(report + 1, "ERROR: Arena") ?: report + strlen(report);
		addr = strtoull(strstr(report, "0x") ?: "", NULL, 0);
		if (!see_report(m, report_kind(report, addr), addr - base_hi(m)))
			ok = akf_fail("unexpected report: %.90s", strtok(report, "\n"));
		else if (!memmem(report, next - report, "Call trace:\n", 12))
			ok = akf_fail("no stack in the report on 0x%llx", addr);
	}
	for (i = 0; i < m->nr_reports; i++) {
		struct akf_report *r = &m->reports[i];

		if (!r->seen)
			ok = akf_fail("no report of kind %x on 0x%llx to 0x%llx", r->kinds,
				      base_hi(m) + r->lo, base_hi(m) + r->hi);
	}
	m->nr_reports = 0;
	return ok;
}
