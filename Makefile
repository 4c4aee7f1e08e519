# SPDX-License-Identifier: GPL-2.0
# Each target calls one script; what the script does and wants is said at its head.
.DEFAULT_GOAL := help
.NOTPARALLEL:
export KSRC JOBS ARCH VARIANT SUITE DURATION COUNT SEED VARIANTS BEGIN_BY BENCH CHECK BASE_URL FORCE

help: ## this list
	@echo "Usage: make TARGET [VARIABLE=value]..."; echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' $(MAKEFILE_LIST) | \
		while read -r t d; do printf '  %-10s %s\n' "$$t" "$$d"; done
	@echo; echo "  KSRC=/path   use this linux-7.1.y tree (only read) instead of downloading one"
	@echo "  JOBS=n       parallel jobs of a build (all CPUs)"
	@echo "  ARCH=name    architecture of the kernel and the guest: x86_64, arm64"
	@echo "  VARIANT=name kernel: kasan, kcsan, rt, 64k (arm64), base (without the series)"
	@echo "  SUITE=name   the suite to test ($$(scripts/test.sh --list))"
	@echo "  DURATION=s   how long suite stress goes on (60)"
	@echo "  COUNT=n      how many sequences suite fuzz tries"
	@echo "  SEED=n       what it makes them of, or random"
	@echo "  VARIANTS=\"..\" the kernels of suite debug-full (kasan kcsan rt)"
	@echo "  BEGIN_BY=min skip suites that would begin later than that"
	@echo "  BENCH=name   only this part of bench: handoff, deref, fault, alloc, pressure,"
	@echo "               setaffinity, size"
	@echo "  CHECK=list   only these parts of check, with commas between"
	@echo "  BASE_URL=url directory to download the kernel from (apt's mirror)"
	@echo "  FORCE=1      let tree, export, clean go over what they would stop at"

demo: ## from nothing to a guest that shows kernel code using arena memory
	@scripts/demo.sh

test: ## run all test suites, or the one that SUITE= names
	@scripts/test.sh $(SUITE)

bench: ## what the series costs, in instructions: build/bench.json, build/bench.svg
	@scripts/bench.sh

check: ## static quality of the series: applies, builds patch by patch, no new warning
	@scripts/check.sh

tree: ## lay build/linux: the base and one commit per patch
	@scripts/tree.sh

export: ## turn the commits of build/linux back into overlay and patches
	@scripts/export.sh

series: ## mail-ready patches and the one-file form in build/series
	@scripts/series.sh

kernel: ## build the kernel with the series
	@scripts/kernel.sh

shell: ## boot a guest to an interactive shell with the tools in it
	@scripts/shell.sh

clean: ## remove what was made, except downloads
	@scripts/clean.sh

distclean: ## remove all of build
	@scripts/clean.sh --all

.PHONY: help demo test bench check tree export series kernel shell clean distclean
