#!/bin/sh
# Makes a folder with Debian 13 and its compiler, which `npm run test:kernels` compiles the kernel programs with: verifiers
# judge what a compiler made, and Debian 12 and 13 have different ones. Nothing is installed. Prints the folder.
#   sh infra/fetch-clang.sh
set -eu
mirror=${LANNER_DEBIAN_MIRROR:-http://deb.debian.org/debian}
cache=/var/cache/lanner
keys=/usr/share/keyrings/debian-archive-keyring.gpg
tree=$cache/trixie-clang

# 77: this machine lacks what is needed (rules/cli/command-line.ts).
lacks() {
	echo "clang: $*" >&2
	exit 77
}

mkdir -p "$cache"
exec 9>"$cache/clang.lock"
flock 9
if [ ! -x "$tree/usr/bin/clang" ]; then
	command -v debootstrap >/dev/null || lacks "needs debootstrap: run 'apt-get install debootstrap'"
	[ -f "$keys" ] || lacks "needs $keys (package debian-archive-keyring)"
	rm -rf "$tree.new"
	mkdir -p "$tree.new"
	debootstrap --variant=minbase --keyring="$keys" trixie "$tree.new" "$mirror" >"$cache/clang.log" 2>&1 9>&- || {
		tail -n 5 "$cache/clang.log" >&2
		lacks 'debootstrap fails'
	}
	# This machine's way to the network, and no service.
	grep -l '^Acquire::' /etc/apt/apt.conf.d/* | xargs -r cp -t "$tree.new/etc/apt/apt.conf.d"
	cp /etc/resolv.conf /etc/hosts "$tree.new/etc/"
	DEBIAN_FRONTEND=noninteractive chroot "$tree.new" apt-get install -y -q --no-install-recommends clang libbpf-dev \
		>>"$cache/clang.log" 2>&1 9>&- || {
		tail -n 5 "$cache/clang.log" >&2
		lacks 'the compiler cannot be installed'
	}
	rm -rf "$tree.new"/var/lib/apt/lists/* "$tree.new"/var/cache/apt/archives/*.deb
	rm -rf "$tree"
	mv "$tree.new" "$tree"
fi
echo "$tree"
