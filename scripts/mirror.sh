# shellcheck shell=bash
# Sourced by what downloads: the package mirror is this machine's affair, so only
# apt is asked for it, and apt's proxy is used as well.

mirror_sites() {
	command -v apt-get >/dev/null ||
		die "no apt-get here that could name a package mirror: give KSRC=/path/to/linux-7.1.y"
	# shellcheck disable=SC2016  # expanded by apt-get
	apt-get indextargets --format '$(SITE)' 2>/dev/null | sort -u
}

use_apt_proxy() {
	[ -z "${http_proxy-}" ] || return 0
	command -v apt-config >/dev/null || return 0
	eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
	[ -z "${http_proxy-}" ] || export http_proxy
	[ -z "${https_proxy-}" ] || export https_proxy
}

# Is there such a file? Bounded, since a dead mirror must not hang the run.
url_exists() {
	curl -fsIL --connect-timeout 20 --max-time 60 -o /dev/null "$1" 2>/dev/null
}

# The first configured mirror that has PATH.
mirror_with() {
	local site
	for site in $(mirror_sites); do
		if url_exists "$site/$1"; then
			echo "$site"
			return 0
		fi
	done
	return 1
}
