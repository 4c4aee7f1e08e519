/* SPDX-License-Identifier: GPL-2.0 */
#ifndef __CID_KFUNCS_TEST_H__
#define __CID_KFUNCS_TEST_H__

/* the kfunc that cid_kfuncs_bad calls */
enum cid_kfunc {
	CID_KF_CPU_TO_CID,
	CID_KF_CID_TO_CPU,
	CID_KF_TOPO,
	CID_KF_KICK,
	CID_KF_CURR,
	CID_KF_PERF_CAP,
	CID_KF_PERF_CUR,
	CID_KF_PERF_SET,
	CID_KF_PERF_SET_LEVEL,		/* good cid, bad level */
	CID_NR_KFUNCS,
};

/* where cid_kfuncs_enqueue() puts the task of interest */
enum cid_enqueue {
	CID_ENQ_GLOBAL,
	CID_ENQ_LOCAL_ON,		/* on the cid of interest */
	CID_ENQ_FOREVER,		/* on its own CPU, until it is kicked */
};

#endif /* __CID_KFUNCS_TEST_H__ */
