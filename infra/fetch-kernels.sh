#!/bin/sh
# Fetches Debian's kernels for virtual machines, which `npm run test:kernels` boots: sh infra/fetch-kernels.sh
# One for each suite, unpacked into a folder; nothing is installed. Prints a line a kernel: its version, the image's path.
set -eu
mirror=${LANNER_DEBIAN_MIRROR:-http://deb.debian.org/debian}
cache=/var/cache/lanner/kernels
keys=/usr/share/keyrings/debian-archive-keyring.gpg
suites='bullseye bookworm trixie sid'

# 77: this machine lacks what is needed (rules/cli/command-line.ts).
lacks() {
	echo "kernels: $*" >&2
	exit 77
}

command -v apt-get >/dev/null || lacks 'fetching needs apt-get'
[ -f "$keys" ] || lacks "fetching needs $keys (package debian-archive-keyring)"

fetch() {
	suite=$1
	work=$cache/$suite.new
	rm -rf "$work"
	mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/apt/parts" "$work/root"
	# An installation of apt's of our own, so that the machine's sources stay as they are. An old suite's list of
	# packages has an end date, and its keys may be older than this machine's key ring knows.
	echo "deb [signed-by=$keys] $mirror $suite main" >"$work/apt/sources.list"
	set -- -q -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts="$work/apt/parts" \
		-o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt" -o APT::Sandbox::User=root \
		-o Acquire::Check-Valid-Until=false
	apt-get "$@" update >&2
	package=$(apt-cache "$@" depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$package" ] || lacks "$suite has no kernel for virtual machines"
	version=${package#linux-image-}
	# From 7 on the image's package only names the one that holds it.
	binary=$(apt-cache "$@" depends "$package" | sed -n 's/.*Depends: \(linux-binary-.*\)/\1/p')
	(cd "$work" && apt-get "$@" download "${binary:-$package}" >&2)
	dpkg -x "$work"/linux-*.deb "$work/root"
	mkdir -p "$cache/$suite"
	mv "$(find "$work/root" -name "vmlinuz*" -type f)" "$cache/$suite/vmlinuz"
	echo "$version" >"$cache/$suite/version"
	rm -rf "$work"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
for suite in $suites; do
	[ -f "$cache/$suite/version" ] || fetch "$suite"
	printf '%s %s\n' "$(cat "$cache/$suite/version")" "$cache/$suite/vmlinuz"
done
