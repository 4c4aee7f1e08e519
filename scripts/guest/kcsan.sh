# shellcheck shell=sh  # comes before the job in guests with VARIANT=kcsan
# The base has data races that nobody minds. Only those are reported that are in the
# functions of arenas and of sched_ext's cid form.
kcsan=/sys/kernel/debug/kcsan
awk '$3 ~ /^(bpf_arena_|arena_|apply_range_|absorb_|range_tree_|is_range_tree_|existing_page_|find_(prog|ip|kern_page)_cb|return_run|zap_pages|bpf_prog_arena|bpf_struct_ops_for_each_prog|bpf_stream_has_room|scx_.*(cid|cmask|arena))/ &&
	!seen[$3]++ { print "!" $3 }' /proc/kallsyms | while read -r function; do
	echo "$function" >$kcsan
done
echo whitelist >$kcsan
echo on >$kcsan
