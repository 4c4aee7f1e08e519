// SPDX-License-Identifier: GPL-2.0
/* Loads the twin of scx_ladder in cpu form, and keeps it until it is told to go. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <scx/common.h>

#include "scx_ladder.h"
#include "ladder_cpu.skel.h"

static volatile int exit_req;

static void on_signal(int sig)
{
	exit_req = 1;
}

int main(void)
{
	struct ladder_cpu *skel;
	struct bpf_link *link;

	signal(SIGTERM, on_signal);
	skel = SCX_OPS_OPEN(ladder_cpu_ops, ladder_cpu);
	/* in no table of operations: that of cid form is left out */
	bpf_program__set_autoload(skel->progs.ladder_set_cmask, false);
	SCX_OPS_LOAD(skel, ladder_cpu_ops, ladder_cpu, uei);
	link = SCX_OPS_ATTACH(skel, ladder_cpu_ops, ladder_cpu);

	/* as often as scx_ladder */
	while (!exit_req && !UEI_EXITED(skel, uei))
		usleep(100 * 1000);

	bpf_link__destroy(link);
	UEI_REPORT(skel, uei);
	ladder_cpu__destroy(skel);
	return 0;
}
