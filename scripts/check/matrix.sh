# shellcheck shell=bash disable=SC2154  # sourced by check.sh, which sets what is not set here
# Every configuration links: what a missing stub gives is an undefined symbol.
# MATRIX=name,name takes only these.

check_matrix() {
	local name when lack log
	go_to "$tip"
	while read -r name when; do
		if [ "${MATRIX-}" ]; then
			[[ ",$MATRIX," == *",$name,"* ]] || continue
		else
			[ "$when" = always ] || [ "$when${FULL:+y}" = fully ] || continue
		fi
		read_config "$name"
		lack=$(lacks_compiler)
		if [ "$lack" ]; then
			skip "$name" "$lack"
			continue
		fi
		step "matrix: $name"
		log=check-matrix-$name
		if try_logged "$log" build "$name" vmlinux && no_btf_warnings "$LOGS/$log.log"; then
			ok "$name"
		else
			show_errors "$LOGS/$log.log"
			not_ok "$name" "does not build, log: $LOGS/$log.log"
		fi
	done < <(table | awk '{ print $1, $4 }')
}
