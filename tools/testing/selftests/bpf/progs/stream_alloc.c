// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

#define ENOMEM 12
#define ENOSPC 28

int pid;
bool armed;
int nr_allocs;
int nr_ok, nr_enomem, nr_enospc;

static bool ours(void)
{
	return armed && bpf_get_current_pid_tgid() >> 32 == pid;
}

SEC("fexit/kmalloc_nolock_noprof")
int BPF_PROG(count_allocs)
{
	if (ours())
		nr_allocs++;
	return 0;
}

static __always_inline void count(int ret)
{
	if (!ret)
		nr_ok++;
	else if (ret == -ENOMEM)
		nr_enomem++;
	else if (ret == -ENOSPC)
		nr_enospc++;
}

SEC("syscall")
int print_empty(void *ctx)
{
	armed = true;
	bpf_repeat(1000)
		count(bpf_stream_printk(BPF_STDOUT, ""));
	armed = false;
	return 0;
}

static __always_inline void print_long(void)
{
	bpf_repeat(1000)
		count(bpf_stream_printk(BPF_STDOUT, "%1000d", 1));
}

/* The lock of the zone is held: no slab can be allocated. */
SEC("?tp_btf/mm_page_alloc_zone_locked")
int BPF_PROG(print_locked)
{
	if (ours()) {
		armed = false;
		print_long();
	}
	return 0;
}

SEC("syscall")
int print_too_long(void *ctx)
{
	return bpf_stream_printk(BPF_STDOUT, "%2000d", 1);
}

SEC("syscall")
int print_one(void *ctx)
{
	return bpf_stream_printk(BPF_STDOUT, "one");
}

char _license[] SEC("license") = "GPL";
