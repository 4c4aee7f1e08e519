// SPDX-License-Identifier: GPL-2.0
/*
 * What programs may call and do in which form of scheduler. The calls that have
 * to be rejected in cid form are also loaded in cpu form, so that they are rejected
 * for their form and for nothing else. Would catch: a CPU-only kfunc that is not
 * filtered and takes a cid for a CPU; a kfunc for cids that does not work in cpu
 * form, where schedulers use it on their way to cids; a set_cmask() whose
 * argument the verifier takes for a kernel pointer.
 */
#include <stdio.h>
#include <string.h>

#include "cid_util.h"
#include "cid_filter.bpf.skel.h"

/* what the verifier says */
#define DENIED		"is not allowed"
#define NO_POINTER	"invalid mem access 'scalar'"
#define NO_ARENA	"associated arena"

static char log_buf[65536];

enum form { CPU_FORM, CID_FORM };
enum op { ENQUEUE, SET_CMASK };

/* Load one program as an operation of a scheduler. */
static int load(const char *name, enum form form, enum op op)
{
	struct cid_filter *skel = CID_OPEN(cid_filter);
	libbpf_print_fn_t print;
	struct bpf_program *prog;
	int err;

	if (!skel)
		return -ENOENT;
	log_buf[0] = '\0';
	prog = bpf_object__find_program_by_name(skel->obj, name);
	bpf_program__set_log_buf(prog, log_buf, sizeof(log_buf));
	if (form == CPU_FORM)
		skel->struct_ops.cpu_form_ops->enqueue = prog;
	else if (op == ENQUEUE)
		skel->struct_ops.cid_form_ops->enqueue = prog;
	else
		skel->struct_ops.cid_form_ops->set_cmask = prog;
	bpf_map__set_autocreate(form == CPU_FORM ? skel->maps.cid_form_ops :
				skel->maps.cpu_form_ops, false);
	print = libbpf_set_print(NULL); /* it is expected to fail */
	err = cid_filter__load(skel);
	libbpf_set_print(print);
	cid_filter__destroy(skel);
	return err;
}

/* Expect that a program loads, or that the verifier says @why not. */
static enum scx_test_status expect(const char *name, enum form form, enum op op, const char *why)
{
	int err = load(name, form, op);

	SCX_FAIL_IF(!err && why, "%s was loaded in %s form", name, form ? "cid" : "cpu");
	SCX_FAIL_IF(err && (!why || !strstr(log_buf, why)), "loading %s in %s form gave %d: %s",
		    name, form ? "cid" : "cpu", err, log_buf);
	return SCX_TEST_PASS;
}

static enum scx_test_status check_calls(void)
{
	struct cid_filter *skel = CID_OPEN(cid_filter);
	enum scx_test_status status = SCX_TEST_PASS;
	struct bpf_program *prog;
	int nr = 0;

	SCX_FAIL_IF(!skel, "Failed to open skel");
	bpf_object__for_each_program(prog, skel->obj) {
		const char *name = bpf_program__name(prog);

		if (strncmp(name, "deny_", 5))
			continue;
		nr++;
		if (expect(name, CID_FORM, ENQUEUE, DENIED) != SCX_TEST_PASS)
			status = SCX_TEST_FAIL;
	}
	cid_filter__destroy(skel);
	SCX_GT(nr, 0);

	if (expect("cpu_only_all", CPU_FORM, ENQUEUE, NULL) != SCX_TEST_PASS ||
	    expect("both_all", CPU_FORM, ENQUEUE, NULL) != SCX_TEST_PASS ||
	    expect("both_all", CID_FORM, ENQUEUE, NULL) != SCX_TEST_PASS)
		status = SCX_TEST_FAIL;
	return status;
}

static enum scx_test_status check_argument(void)
{
	enum scx_test_status status;

	status = expect("cmask_cast", CID_FORM, SET_CMASK, NULL);
	if (status == SCX_TEST_PASS)
		status = expect("cmask_no_cast", CID_FORM, SET_CMASK, NO_POINTER);
	if (status == SCX_TEST_PASS)
		status = expect("cmask_no_cast_write", CID_FORM, SET_CMASK, NO_POINTER);
	if (status == SCX_TEST_PASS)
		status = expect("cmask_no_arena", CID_FORM, SET_CMASK, NO_ARENA);
	return status;
}

static enum scx_test_status check_mixed(void)
{
	struct cid_filter *skel = CID_OPEN(cid_filter);
	enum scx_test_status status = SCX_TEST_FAIL;
	pid_t napper;

	SCX_FAIL_IF(!skel, "Failed to open skel");
	skel->struct_ops.cpu_form_ops->select_cpu = skel->progs.mixed_select_cpu;
	skel->struct_ops.cpu_form_ops->enqueue = skel->progs.mixed_enqueue;
	skel->struct_ops.cpu_form_ops->init = skel->progs.cid_init;
	skel->struct_ops.cpu_form_ops->exit = skel->progs.cid_exit;
	bpf_map__set_autocreate(skel->maps.cid_form_ops, false);
	if (cid_filter__load(skel)) {
		SCX_ERR("Failed to load skel");
		goto out;
	}
	if (!cid_attach(skel->maps.cpu_form_ops, &skel->links.cpu_form_ops)) {
		SCX_ERR("Failed to attach scheduler");
		goto out;
	}
	napper = cid_worker_start(CID_NAPPER);
	if (!CID_WAIT_FOR(READ_ONCE(skel->bss->nr_enqueued) > 50))
		SCX_ERR("The scheduler does not run");
	else if (skel->bss->nr_wrong)
		SCX_ERR("%lu mappings were wrong", skel->bss->nr_wrong);
	else if (CID_EXIT_KIND(skel) != EXIT_KIND(SCX_EXIT_NONE))
		SCX_ERR("The scheduler exited: %s", skel->data->uei.msg);
	else
		status = SCX_TEST_PASS;
	cid_worker_stop(napper);
out:
	cid_filter__destroy(skel);
	return status;
}

static enum scx_test_status run(void *ctx)
{
	enum scx_test_status status;

	status = check_calls();
	if (status == SCX_TEST_PASS)
		status = check_argument();
	if (status == SCX_TEST_PASS)
		status = check_mixed();
	return status;
}

struct scx_test cid_filter = {
	.name = "cid_filter",
	.description = "Load programs that their form of scheduler does not allow",
	.run = run,
};

REGISTER_SCX_TEST(&cid_filter)
