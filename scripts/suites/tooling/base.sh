# shellcheck shell=bash disable=SC2154  # sourced by run-one.sh
# base.sh: downloads and the cache.

nowhere=http://127.0.0.1:9 # nothing listens on the discard port

base_fetches() {
	project
	rm "$cache"
	run_ok env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	same "$(cat "$T/out")" "$cache"
	cmp "$cache" "$T"/mirror/*.xz
	same "$(ls "$P/build/cache")" "${cache##*/}"
}
base_apt_mirror() {
	project
	rm "$cache"
	mkdir -p "$T/pool/main/l" "$T/site/pool/main/l"
	ln -s "$T/mirror" "$T/site/pool/main/l/linux"
	echo "echo file://$T/empty; echo file://$T/site" | fake apt-get
	run_ok "$P/scripts/base.sh"
	cmp "$cache" "$T"/mirror/*.xz
	rm "$cache" "$T/site/pool/main/l/linux"
	run "$P/scripts/base.sh"
	one_error 'cannot get .*BASE_URL=.*KSRC='
}
base_offline_cached() {
	project
	run_ok env BASE_URL=$nowhere "$P/scripts/base.sh"
}
base_offline() {
	project
	rm "$cache"
	run env BASE_URL=$nowhere "$P/scripts/base.sh"
	one_error 'no network'
	same "$(ls "$P/build/cache")" ''
}
base_truncated_cache() {
	project
	truncate -s 500 "$cache"
	run_ok env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	cmp "$cache" "$T"/mirror/*.xz
}
base_truncated_offline() {
	project
	truncate -s 500 "$cache"
	run env BASE_URL=$nowhere "$P/scripts/base.sh"
	one_error 'no network'
}
base_resumes() {
	project
	mv "$cache" "$cache.part"
	truncate -s 500 "$cache.part"
	run_ok env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	cmp "$cache" "$T"/mirror/*.xz
}
base_bad_part() {
	project
	rm "$cache"
	head -c 600 /dev/urandom >"$cache.part"
	run_ok env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	cmp "$cache" "$T"/mirror/*.xz
	same "$(ls "$P/build/cache")" "${cache##*/}"
}
base_truncated_download() {
	project
	rm "$cache"
	truncate -s 500 "$T"/mirror/*.xz
	run env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	one_error 'wrong checksum'
	same "$(ls "$P/build/cache")" ''
}
base_wrong_checksum() {
	project
	rm "$cache"
	sed -i '1s/^......../00000000/' "$P/scripts/base.sha256"
	run env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	one_error 'wrong checksum'
	same "$(ls "$P/build/cache")" ''
}
base_unknown_version() {
	project
	run "$P/scripts/base.sh" 7.1.99
	one_error 'no checksum known .*7.1.13'
}
base_full_disk() {
	project
	rm "$cache"
	head -c 300000 /dev/urandom >"$T"/mirror/linux_7.1.13.orig.tar.xz
	(cd "$T/mirror" && sha256sum linux_7.1.13.orig.tar.xz) >"$P/scripts/base.sha256"
	run in_small_disk "$P/build/cache" 64k env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	[ "$rc" != 77 ] || skip "$(cat "$T/out")"
	one_error 'disk full'
	run_ok env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
}
base_interrupted() {
	local sig
	project
	rm "$cache"
	fake curl <<-'E'
		while [ "$1" != -o ]; do shift; done
		echo half >"$2"
		exec sleep 60
	E
	for sig in INT TERM; do
		rm -f "$cache.part"
		start_until "$cache.part" env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
		interrupt $sig
		[ ! -e "$cache" ] || fail "no tarball after $sig"
	done
	rm "$T/fake/curl"
	run_ok env BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	cmp "$cache" "$T"/mirror/*.xz
}
base_no_curl() {
	project
	rm "$cache"
	fake id <<<'echo 1000'
	mkdir "$T/bin"
	ln -s /usr/bin/* /bin/* "$T/bin" 2>/dev/null || :
	rm -f "$T/bin/curl"
	run env PATH="$T/fake:$T/bin" BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	one_error 'missing curl.*apt-get install curl'
	# Root is not asked to do it by hand.
	fake id <<<'echo 0'
	fake apt-get <<-E
		echo "\$*" >>$T/apt.log
		[ "\$1" = update ] || ln -sf $(command -v curl) $T/bin/curl
	E
	run_ok env PATH="$T/fake:$T/bin" BASE_URL="file://$T/mirror" "$P/scripts/base.sh"
	grep -q 'install.* curl' "$T/apt.log"
}
