#!/bin/sh
# pahole, as the kernel's build calls it, with a fault of version 1.30 avoided.
# Where the compiler has split a kfunc into NAME and NAME.cold, pahole takes one of
# the two symbols for NAME, as it happens, and does not tag the function as a kfunc if
# it took the other one. 18 of 253 kfuncs are not tagged then, scx_bpf_create_dsq()
# among them; of those that have implicit arguments the prototype stays wrong, and
# schedulers that call them do not load. So pahole gets a copy without *.cold.
[ $# = 0 ] || for file; do :; done # the last argument
case ${1-} in
-J)
	trap 'rm -f "$file.nocold"' EXIT
	"${OBJCOPY:-objcopy}" -w --strip-symbol='*.cold' "$file" "$file.nocold" || exit
	i=$#
	for arg; do # all but the last, then the copy
		shift
		[ $((i -= 1)) = 0 ] || set -- "$@" "$arg"
	done
	pahole "$@" "$file.nocold"
	;;
*) exec pahole "$@" ;;
esac
