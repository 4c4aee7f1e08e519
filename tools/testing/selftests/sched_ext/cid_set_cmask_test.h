/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __CID_SET_CMASK_TEST_H__
#define __CID_SET_CMASK_TEST_H__

#define CID_NR_COPIES 8

/* in the arena */
struct cid_copy {
	u32 base;
	u32 nr_cids;
	u32 alloc_words;
	u64 bits[CID_MAX_WORDS];
};

#endif /* __CID_SET_CMASK_TEST_H__ */
