# shellcheck shell=bash  # sourced by ../tooling.sh
# The tests: what each shows, and its function.

it "base: fetched, verified, its path printed" base_fetches
it "base: the mirror is the one of apt; none that has it is an error" base_apt_mirror
it "base: a cached tarball needs no network" base_offline_cached
it "base: no network and no tarball: one line" base_offline
it "base: a truncated tarball in the cache is fetched anew" base_truncated_cache
it "base: a truncated tarball in the cache and no network: one line" base_truncated_offline
it "base: a download that broke off is resumed" base_resumes
it "base: a partial download that is garbage is started over" base_bad_part
it "base: a truncated download: one line, nothing kept" base_truncated_download
it "base: a wrong checksum: one line, nothing kept" base_wrong_checksum
it "base: a version without a checksum: one line" base_unknown_version
it "base: a full disk: one line, the next run recovers" base_full_disk
it "base: interrupted, the next run recovers" base_interrupted
it "base: without curl: users are told, root gets it" base_no_curl

it "toolchain: a root made once, again when its packages change" toolchain_root_once
it "toolchain: a failure leaves nothing and names its log" toolchain_fails
it "toolchain: no mirror: one line with what the host lacks" toolchain_no_mirror
it "toolchain: a full disk: one line" toolchain_full_disk
it "toolchain: interrupted, the next run recovers" toolchain_interrupted
it "toolchain: a host with good tools is used itself" toolchain_good_host
it "in-root: status, arguments, input, directory, environment" in_root_passes_on
it "in-root: a signal reaches the command" in_root_signal
it "in-root: has the tools" in_root_tools
it "in-root: for an ordinary user" in_root_user

it "tree: one commit per patch, with its author and date" tree_lays
it "tree: the same input gives the same hashes" tree_deterministic
it "tree: nothing changed, nothing touched" tree_no_op
it "tree: an edit touches only the file edited" tree_incremental
it "tree: a removed patch is gone" tree_patch_removed
it "tree: without a series there is the base" tree_no_series
it "tree: an overlay file that no patch claims: one line" tree_unclaimed
it "tree: an overlay file claimed twice: one line" tree_claimed_twice
it "tree: a claimed file that is missing: one line" tree_overlay_missing
it "tree: an overlay file that the base has: one line" tree_overlay_in_base
it "tree: a mode other than claimed: one line" tree_bad_mode
it "tree: a new file's diff in a patch: one line" tree_new_file_diff
it "tree: a patch that is missing: one line" tree_patch_missing
it "tree: a patch that does not apply is named" tree_does_not_apply
it "tree: whether the series applies to another release" tree_applies_elsewhere
it "tree: uncommitted changes are kept; FORCE=1 stashes them" tree_keeps_changes
it "tree: changes after an export are kept" tree_after_export
it "tree: commits not exported are kept" tree_keeps_commits
it "tree: an untracked file in the way is kept" tree_keeps_untracked
it "tree: not in the middle of a rebase" tree_mid_rebase
it "tree: interrupted the first time, the next run recovers" tree_interrupted_first
it "tree: killed while it changes the worktree, the next run recovers" tree_killed_moving
it "tree: a full disk: one line, the next run recovers" tree_full_disk
it "tree: two runs at once: the second waits" tree_two_at_once
it "KSRC: a plain directory, only read, followed when it changes" ksrc_plain
it "KSRC: a git repository with uncommitted changes, only read" ksrc_git
it "KSRC: nothing is downloaded" ksrc_first
it "KSRC: no directory, no kernel, not 7.1: one line each" ksrc_wrong
it "KSRC: a tree that a patch fits with less context only: it says so" ksrc_fuzz
it "KSRC: a tree that a patch does not fit: one line" ksrc_does_not_apply

it "export: hunks, claims and overlay files as laid down" export_form
it "export: files to tree to files is exact" export_round_trip
it "export: tree to files to tree is exact" export_tree_round_trip
it "export: the user's git configuration has no say" export_any_config
it "export: what was dropped is removed" export_drops_old
it "export: postings keep their first patches" export_postings
it "export: only what changed is written" export_only_changed
it "export: a new file changed later: one line that helps" export_later_change
it "export: uncommitted changes: one line" export_uncommitted
it "export: merges: one line" export_merge
it "export: edits here since make tree are kept" export_keeps_files
it "export: a file here that no patch claims is kept" export_keeps_unclaimed
it "export: a new file where no overlay can be: one line" export_bad_place
it "export: a message that would cut itself off: one line" export_bad_message
it "export: no tree: one line" export_no_tree

it "series: git am gives the same tree, authors, messages" series_git_am
it "series: patch -p1 of the one file gives the same tree" series_patch
it "series: the quilt form gives the same tree" series_quilt
it "series: a directory and a cover letter for each posting" series_in_postings
it "series: a patch before the first posting: one line" series_no_posting
it "series: a posting without a cover letter: one line" series_no_cover
it "series: more than 15 patches in a posting: one line" series_long_posting
it "series: the same text each time" series_repeatable
it "series: an empty one: one line" series_empty
it "series: commits not exported: one line" series_not_exported
it "series: the real one, by git am on the real base" series_real

it "make help lists every target, and each has its script" run_help
it "test: an unknown suite: one line with the known ones, status 2" run_unknown_suite
it "test: totals, also of suites that fail or break off" run_totals
it "test: no suite begins later than it is told to" run_begin_by
it "bench: an unknown part, a variant: one line, status 2" run_bench_unknown
it "bench: the report, and that each of its limits can be missed" run_bench_report
it "test: interrupted, takes the suite down" run_test_interrupted
it "kernel VARIANT=base leaves build/linux where it is" run_base_twice
it "a failing step shows the reason and its log" run_logged_tells
it "a path that the kernel's build cannot live with: one line" run_bad_place
it "clean keeps downloads and work that is nowhere else" run_clean
it "shellcheck has nothing to say" run_shellcheck
it "no file names this machine's mirror or paths" run_no_machine
