// SPDX-License-Identifier: GPL-2.0

#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"
#include "bpf_arena_common.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_NO_USER_CONV);
	__uint(max_entries, 1);
#ifdef __TARGET_ARCH_arm64
	__ulong(map_extra, 0x1ull << 32);
#else
	__ulong(map_extra, 0x1ull << 44);
#endif
} arena SEC(".maps");

/*
 * A cast into the user's address space is a 32-bit move here. The flag makes sure
 * that the verifier knows: without, it fills the upper half with random bits.
 */
SEC("syscall")
__success __retval(0)
__flag(BPF_F_TEST_RND_HI32)
__naked void cast_user_upper_half(void)
{
	asm volatile (
	"r6 = %[arena] ll;"
	"r0 = 0x1234567800001000 ll;"
	"r0 = addr_space_cast(r0, 0x1, 0x0);"
	"r0 >>= 32;"
	"exit;"
	:: __imm_addr(arena)
	: __clobber_all);
}

char _license[] SEC("license") = "GPL";
