# shellcheck shell=bash disable=SC2154  # sourced by check.sh, which sets what is not set here
# What the series touches gives no warning that the base does not give: W=1 with
# GCC, together with sparse, and with Clang, for both architectures with a hook.

check_warnings() {
	local cc arch lack name new what
	for cc in gcc clang; do
		for arch in x86_64 arm64; do
			name=$cc-w1:$arch
			what="$cc, $arch"
			[ "$cc" != gcc ] || what="gcc and sparse, $arch"
			read_config "$name"
			lack=$(lacks_compiler)
			if [ "$lack" ]; then
				skip "$what" "$lack"
				continue
			fi
			step "warnings: $what"
			go_to "$tip"
			if ! warnings_of "$tip" "$name"; then
				show_errors "$LOGS/check-$cc-w1-$arch.log"
				not_ok "$what" "does not compile, log: $LOGS/check-$cc-w1-$arch.log"
				continue
			fi
			new=
			if [ -s "$(out_of "$name")/$tip.warnings" ]; then
				new=$(new_warnings "$name") || die "the base does not compile with $cc for $arch, see $LOGS"
			fi
			if [ "$new" ]; then
				show <<<"$new"
				not_ok "$what" "$(wc -l <<<"$new") new warnings, log: $LOGS/check-$cc-w1-$arch.log"
			else
				ok "$what"
			fi
		done
	done
	arrive_at_tip
}

# Leaves what the compilers have to say about the touched files of commit $1
# in the output directory, as COMMIT.warnings.
warnings_of() {
	local commit=$1 name=$2 log=check-${2//:/-} out f objects extra=() walking=
	if [ "$commit" != "$tip" ]; then
		log+=-base
		# shellcheck disable=SC2034  # for configure
		walking=1
	fi
	out=$(out_of "$name")
	mapfile -t objects < <(objects_of "$commit" "$conf_srcarch")
	objects+=("${header_users[@]}")
	# Released sparse does not know this word, and the kernel would only say that
	# it goes without sparse then.
	[ "$conf_tools" != gcc ] || extra=(C=2 CHECK='sparse -D__typeof_unqual__=__typeof__')
	for f in "${objects[@]}"; do rm -f "$out/$f"; done
	try_logged "$log" build "$name" W=1 "${extra[@]}" -k "${objects[@]}" || return 1
	if [ "$conf_tools" = gcc ] && [ "$(grep -c '^  CHECK ' "$LOGS/$log.log")" -lt ${#objects[@]} ]; then
		echo "error: sparse did not run" >>"$LOGS/$log.log"
		return 1
	fi
	grep -iE '(warning|error): ' "$LOGS/$log.log" | sed "s|$TREE/||g; s|\.\./||g" | sort -u >"$out/$commit.warnings" || :
}

# The same text in the same file, wherever the line is, counts as the same; that
# it comes more often than before is new.
new_warnings() {
	local out key line
	out=$(out_of "$1")
	key=$({
		objects_of "$base" "$conf_srcarch"
		cat "$CONFIGS"/* "$TOP/scripts/check/warnings.sh" "$BUILD/toolchain" "$BUILD/root/.made-of" 2>/dev/null
	} | sha256sum)
	if [ ! -f "$out/$base.warnings" ] || [ "$(cat "$out/warnings.key" 2>/dev/null)" != "$key" ]; then
		leave_tip
		go_to "$base"
		warnings_of "$base" "$1" || return 1
		echo "$key" >"$out/warnings.key"
	fi
	awk '{ key = $0; gsub(/:[0-9]+/, "", key) }
		FNR == NR { old[key]++; next }
		++seen[key] > old[key]' "$out/$base.warnings" "$out/$tip.warnings" |
		while IFS= read -r line; do
			allowed "$line" || echo "$line"
		done
}
allowed() {
	local message code file n source
	IFS=: read -r file n _ <<<"$1"
	source=$(kgit show "$tip:$file" 2>/dev/null | sed -n "${n}p") || :
	while IFS='|' read -r message code _; do
		message=${message% } code=${code% }
		case $message in '#'* | '') continue ;; esac
		[[ $1 =~ $message && $source =~ ${code# } ]] && return 0
	done <"$TOP/scripts/check/warnings.allow"
	return 1
}
