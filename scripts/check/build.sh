# shellcheck shell=bash disable=SC2034,SC2154  # sourced by check.sh, as its groups are
# Sourced by check.sh: configure and build kernels out of the checked tree, each
# configuration of configs/table in a directory of its own, so that the next run
# has little to do.

CONFIGS=$TOP/scripts/check/configs
table() { sed 's/#.*//; /^[[:space:]]*$/d' "$CONFIGS/table"; }

# Sets conf_arch (for make), conf_srcarch (the directory), conf_tools, conf_fragments.
# NAME may be VARIANT:NAME, for the same configuration built once more otherwise.
read_config() {
	local name
	read -r name conf_arch conf_tools _ conf_fragments < <(table | awk -v n="${1#*:}" '$1 == n')
	[ "${name-}" ] || die "no configuration ${1#*:} in scripts/check/configs/table"
	case $conf_arch in
	x86_64 | i386) conf_srcarch=x86 ;;
	*) conf_srcarch=$conf_arch ;;
	esac
	case $1 in
	clang*:*) conf_tools=clang ;;
	gcc*:*) conf_tools=gcc ;;
	esac
}

out_of() { echo "$CHECKS/out/${1//:/-}"; }

# What compiles $conf_arch with $conf_tools; says what is missing.
lacks_compiler() {
	local c
	case $conf_tools,$conf_arch in
	clang,*) c=clang ;;
	gcc,arm64) c=aarch64-linux-gnu-gcc ;;
	*) c=gcc ;;
	esac
	# shellcheck disable=SC2016  # expanded by sh
	"$TOP/scripts/in-root.sh" sh -c 'command -v "$1" >/dev/null' sh "$c" || echo "no $c"
}

# kmake NAME [make's arguments...]; after read_config
kmake() {
	local out args
	out=$(out_of "$1")
	shift
	args=(-C "$TREE" O="$out" ARCH="$conf_arch" LLVM= CROSS_COMPILE= LOCALVERSION= -j"$JOBS")
	case $conf_tools,$conf_arch in
	clang,*) args+=(LLVM=1) ;;
	gcc,arm64) args+=(CROSS_COMPILE=aarch64-linux-gnu-) ;;
	esac
	"$TOP/scripts/in-root.sh" make "${args[@]}" "$@"
}

# Write the .config of NAME, unless that has been done for this tree and these tools. Every line asked for has to be there afterwards:
# an option that Kconfig drops silently would make the build prove nothing. While
# walking, an option that the tree does not know yet is another matter.
configure() {
	local name=$1 out key f line option bad=
	out=$(out_of "$name")
	mkdir -p "$out"
	{
		for f in $conf_fragments; do cat "$CONFIGS/$f.config"; done
		case $name in *-w1:*) echo '# CONFIG_WERROR is not set' ;; esac
	} | awk '/^CONFIG_/ { split($0, a, "="); o = a[1] } /^# CONFIG_.* is not set$/ { o = $2 }
		/^CONFIG_|^# CONFIG_.* is not set$/ { if (!(o in last)) order[++n] = o; last[o] = $0 }
		END { for (i = 1; i <= n; i++) print last[order[i]] }' >"$out/wanted.config"
	key=$({
		cat "$out/wanted.config" "$BUILD/toolchain" "$BUILD/root/.made-of" 2>/dev/null
		kgit ls-files -s '*Kconfig*'
	} | sha256sum) || :
	[ "$(cat "$out/configured" 2>/dev/null)" != "$key" ] || [ ! -f "$out/.config" ] || return 0
	rm -f "$out/configured"
	kmake "$name" KCONFIG_ALLCONFIG="$out/wanted.config" allnoconfig || return 1
	while read -r line; do
		case $line in
		'#'*)
			option=${line#\# }
			option=${option% is not set}
			! grep -q "^$option=" "$out/.config" || bad+=" $option"
			;;
		*)
			option=${line%%=*}
			if ! grep -qxF "$line" "$out/.config"; then
				[ "${walking-}" ] && ! kgit grep -qE "^(menu)?config ${option#CONFIG_}\$" -- '*Kconfig*' ||
					bad+=" $option"
			fi
			;;
		esac
	done <"$out/wanted.config"
	if [ "$bad" ]; then
		echo "error: Kconfig does not take these as $CONFIGS has them:$bad"
		return 1
	fi
	echo "$key" >"$out/configured"
}

# build NAME [make's arguments...]
build() {
	configure "$1" && kmake "$@"
}
# What resolve_btfids only warns of makes a kfunc unusable. On 32-bit the base has
# such warnings: the verifier names kfuncs of arena.o, which is not built there.
no_btf_warnings() {
	local known='^$'
	[ "$conf_arch" != i386 ] || known='unresolved symbol bpf_arena_(alloc|free|reserve)_pages$'
	awk -v known="$known" '/^WARN: resolve_btfids/ && $0 !~ known { bad = 1 } END { exit bad }' "$1"
}
