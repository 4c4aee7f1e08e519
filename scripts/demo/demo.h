/* SPDX-License-Identifier: GPL-2.0 */
/* What the demo's BPF programs and its user space say to each other. */
#pragma once

#define DEMO_PAGES 8 /* size of the arena */

struct demo_args {
	__u64 ptr;	/* in the arena, as user space sees it */
	__u64 cnt;
	__u64 by;
	__u64 ret;
};
