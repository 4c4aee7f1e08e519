/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __CID_INJECT_TEST_H__
#define __CID_INJECT_TEST_H__

#define CID_NR_GROWTHS	4

/*
 * The kernel's allocations of pages in the arena while a scheduler was enabled: each
 * is a growth of the pool that cmasks come from, from the second one on.
 */
struct cid_growth {
	u32 nr;
	u32 left_before[CID_NR_GROWTHS];	/* task->fail_nth */
	u32 left_after;				/* after the last one */
};

#endif /* __CID_INJECT_TEST_H__ */
