/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __CID_HOSTILE_TEST_H__
#define __CID_HOSTILE_TEST_H__

/* what ops.set_cmask() does to its argument, after it has read it */
enum cid_hostility {
	CID_TAME,
	CID_FREE_PAGE,
	CID_FREE_ALL,
	CID_HEADER,
};

#endif /* __CID_HOSTILE_TEST_H__ */
