# shellcheck shell=bash disable=SC2154  # sourced by check.sh, which sets what is not set here
# What the series touches gives no warning that the base does not give: W=1 with
# GCC, together with sparse, and with Clang, for both architectures with a hook.

check_warnings() {
	local cc arch lack name new
	for cc in gcc clang; do
		for arch in x86_64 arm64; do
			name=$cc-w1:$arch
			read_config "$name"
			lack=$(lacks_compiler)
			if [ "$lack" ]; then
				skip "$cc $arch" "$lack"
				continue
			fi
			step "warnings: $cc, $arch"
			go_to "$tip"
			if ! warnings_of "$tip" "$name"; then
				show_errors "$LOGS/check-$cc-w1-$arch.log"
				not_ok "$cc $arch" "does not compile, log: $LOGS/check-$cc-w1-$arch.log"
				continue
			fi
			new=
			if [ -s "$(out_of "$name")/$tip.warnings" ]; then
				new=$(new_warnings "$name") || die "the base does not compile with $cc for $arch, see $LOGS"
			fi
			if [ "$new" ]; then
				show <<<"$new"
				not_ok "$cc $arch" "$(wc -l <<<"$new") new warnings, log: $LOGS/check-$cc-w1-$arch.log"
			else
				ok "$cc $arch"
			fi
		done
	done
	arrive_at_tip
}

# Leaves what the compilers have to say about the touched files of commit $1
# in the output directory, as COMMIT.warnings.
warnings_of() {
	local commit=$1 name=$2 log=check-$2 out objects extra=()
	log=${log//:/-}
	[ "$commit" = "$tip" ] || log+=-base
	out=$(out_of "$name")
	mapfile -t objects < <(objects_of "$commit" "$conf_srcarch")
	objects+=("${header_users[@]}")
	[ "$conf_tools" != gcc ] || extra=(C=2 CHECK=sparse)
	for f in "${objects[@]}"; do rm -f "$out/$f"; done
	try_logged "$log" build "$name" W=1 "${extra[@]}" -k "${objects[@]}" || return 1
	grep -iE '(warning|error): ' "$LOGS/$log.log" | sed "s|$TREE/||g; s|\.\./||g" | sort -u >"$out/$commit.warnings" || :
}

# The same text in the same file, wherever the line is, counts as the same; that
# it comes more often than before is new.
new_warnings() {
	local out
	out=$(out_of "$1")
	if [ ! -f "$out/$base.warnings" ] || [ "$out/$base.warnings" -ot "$out/.config" ]; then
		leave_tip
		go_to "$base"
		warnings_of "$base" "$1" || return 1
	fi
	awk '{ key = $0; gsub(/:[0-9]+/, "", key) }
		FNR == NR { old[key]++; next }
		++seen[key] > old[key]' "$out/$base.warnings" "$out/$tip.warnings"
}
