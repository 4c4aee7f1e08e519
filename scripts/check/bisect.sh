# shellcheck shell=bash disable=SC2154  # sourced by check.sh, which sets what is not set here
# Each patch compiles and links by itself, so that the series can be bisected.
#
# A complete build per patch takes far too long, since most of the headers that
# the series changes are included everywhere. So the walk starts from a complete
# build of the tip, and of the files that the series touches anywhere (they are
# what uses what it adds) and a few that see the headers it compiles again, for
# each patch, those whose sources differ from the patch before; everything else is
# compiled as the tip has it. Then it links. What this cannot see is a change to a
# header that breaks a file which the series does not touch, and that a later
# patch mends. FULL=1 sees that as well.

check_bisect() {
	local c key whole=
	if [ "$FULL" ]; then
		walk_full
		return
	fi
	for name in x86_64 arm64; do
		read_config "$name"
		[ -z "$(lacks_compiler)" ] || continue
		step "bisect: all of it, $name"
		if ! try_logged "check-bisect-tip-$name" build "$name" vmlinux; then
			show_errors "$LOGS/check-bisect-tip-$name.log"
			not_ok "complete series, $name" "does not build, log: $LOGS/check-bisect-tip-$name.log"
			return
		fi
		whole+=" $name"
	done
	[ "$whole" ] || die "no compiler for any architecture"
	step "bisect: walking through ${#commits[@]} patches"
	leave_tip
	declare -gA previous=()
	for c in "${commits[@]}"; do
		key=$(key_of "$c$whole")
		if [ "$c" = "$tip" ] || grep -qxF "$key" "$CHECKS/passed" 2>/dev/null; then
			ok "${number[$c]} $(subject "$c")"
		elif walk_to "$c"; then
			ok "${number[$c]} $(subject "$c")"
			echo "$key" >>"$CHECKS/passed"
		else
			show_errors "$log"
			not_ok "${number[$c]} $(subject "$c")" "does not build by itself, log: $log"
		fi
	done
	for name in $whole; do
		read_config "$name"
		forget_objects "$name" # they are not the tip's
	done
	arrive_at_tip
}

# The commit's hash stands for the tree, and for all that came before.
key_of() {
	{
		echo "$1"
		cat "$CONFIGS"/* "$TOP/scripts/check/bisect.sh" "$BUILD/toolchain" "$BUILD/root/.made-of" 2>/dev/null
	} | sha256sum
}

# Sets log.
walk_to() {
	local c=$1 name changed
	go_to "$c"
	(cd "$TREE" && printf '%s\n' "${touched[@]}" | grep '\.h$' | xargs -rd'\n' touch -c -d 2020-01-01) || :
	for name in $whole; do
		concerns "$c" "$name" || continue
		read_config "$name"
		log=$LOGS/check-bisect-${number[$c]}-$name.log
		# make sees what C files have changed, and by design no header.
		mapfile -t changed < <(kgit diff --name-only --no-renames "${previous[$name]:-$tip}" "$c" -- '*.h')
		forget_users_of "$name" ${changed[@]+"${changed[@]}"}
		previous[$name]=$c
		step "bisect: ${number[$c]} $name"
		if ! walking=1 try_logged "check-bisect-${number[$c]}-$name" build "$name" vmlinux ||
			! no_btf_warnings "$log"; then
			return 1
		fi
	done
	return 0
}

# Is anything of a kernel changed by the commit; for other architectures than
# x86-64, anything of their own?
concerns() {
	local files
	files=$(kgit diff-tree -r --no-commit-id --name-only "$1")
	case $2 in
	x86_64) grep -qvE '^(Documentation/|tools/|samples/|MAINTAINERS$|arch/arm64/)' <<<"$files" ;;
	*) grep -q "^arch/$2/" <<<"$files" ;;
	esac
}

# Objects of configuration $1 that are walked.
walked_objects() {
	local f out
	out=$(out_of "$1")
	for f in $(objects_of "$tip" "$conf_srcarch") "${header_users[@]}"; do echo "$out/$f"; done
}
forget_objects() { walked_objects "$1" | xargs -d'\n' rm -f; }
# Of these, those that were made of one of the files $2... in the tree, which
# Kbuild notes beside each object.
forget_users_of() {
	local name=$1 object made_of
	shift
	while read -r object; do
		made_of=${object%/*}/.${object##*/}.cmd
		[ ! -f "$made_of" ] || ! grep -qF "${@/#/-e/}" "$made_of" || rm -f "$object"
	done < <([ $# = 0 ] || walked_objects "$name")
}

# Complete kernels with the configuration of the tests, one after the other.
walk_full() {
	local c log
	read_config tests
	for c in "${commits[@]}"; do
		go_to "$c"
		log=check-full-${number[$c]}
		step "bisect: ${number[$c]}, complete"
		if walking=1 try_logged "$log" build tests bzImage && no_btf_warnings "$LOGS/$log.log"; then
			ok "${number[$c]} $(subject "$c") (complete)"
		else
			show_errors "$LOGS/$log.log"
			not_ok "${number[$c]} $(subject "$c")" "does not build by itself, log: $LOGS/$log.log"
		fi
	done
	go_to "$tip"
}
