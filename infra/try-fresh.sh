#!/bin/sh
# Tries the product as a new user would: a bare Debian with nothing but git, Node and npm from its own packages, a clone
# of this checkout's HEAD, then `npm start` until the first alert, a second `npm start`, and `npm test`.
#   sh infra/try-fresh.sh [bookworm|trixie] [--no-test]
# Prints `fresh: WHAT SECONDS` lines. Needs root and debootstrap. The bare system is made once and kept in
# ${XDG_CACHE_HOME:-/var/cache}/lanner-fresh; each try unpacks it anew. The network is the host's, and so are its mirror
# settings, npm settings and certificates. Everything else lives in a mount namespace that ends with the try.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cache=${XDG_CACHE_HOME:-/var/cache}/lanner-fresh
suite=bookworm
tests=yes
stage=outside
for word; do
	case $word in
	bookworm | trixie) suite=$word ;;
	--no-test) tests=no ;;
	--inside) stage=inside ;;
	*)
		echo 'usage: sh infra/try-fresh.sh [bookworm|trixie] [--no-test]' >&2
		exit 2
		;;
	esac
done
base=$cache/$suite.tar

say() { printf 'fresh: %s\n' "$*"; }
lacks() {
	echo "try-fresh: $*" >&2
	exit 77
}

make_base() {
	[ -f "$base" ] && return
	tree=$(mktemp -d "$cache/$suite.XXXXXX")
	chmod 755 "$tree"
	# shellcheck disable=SC2016 # apt-get expands it
	site=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' | grep -m 1 '/debian$' || echo http://deb.debian.org/debian)
	say "making a bare $suite"
	debootstrap --variant=minbase "$suite" "$tree" "$site" >"$cache/debootstrap.log" 2>&1 || {
		tail -n 5 "$cache/debootstrap.log" >&2
		exit 1
	}
	echo "deb $site $suite main" >"$tree/etc/apt/sources.list"
	echo "deb $site $suite-updates main" >>"$tree/etc/apt/sources.list"
	grep -l '^Acquire::' /etc/apt/apt.conf.d/* | xargs -r cp -t "$tree/etc/apt/apt.conf.d"
	# As in a container image: nothing is booted here, so packages must not start services on the host's network.
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod +x "$tree/usr/sbin/policy-rc.d"
	settle
	chroot "$tree" apt-get update -q >>"$cache/debootstrap.log"
	DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get install -y -q --no-install-recommends git nodejs npm \
		>>"$cache/debootstrap.log" 2>&1
	# The first set-up has to fetch the package lists itself.
	rm -rf "$tree"/var/lib/apt/lists/* "$tree"/var/cache/apt/archives/*.deb
	tar -C "$tree" -cf "$base.new" .
	mv "$base.new" "$base"
	rm -rf --one-file-system "$tree"
}

# This machine's way to the network: names, certificates, npm's settings.
settle() {
	cp /etc/resolv.conf /etc/hosts "$tree/etc/"
	mkdir -p "$tree/etc/ssl/certs"
	[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
	for file in /etc/npmrc /root/.npmrc; do
		[ ! -f "$file" ] || cp "$file" "$tree$file"
	done
}

if [ "$stage" = outside ]; then
	[ "$(id -u)" = 0 ] || lacks 'needs root'
	command -v debootstrap >/dev/null || lacks "needs debootstrap: run 'apt-get install debootstrap'"
	command -v ip >/dev/null || lacks "needs ip: run 'apt-get install iproute2'"
	mkdir -p "$cache"
	make_base
	tree=$(mktemp -d "$cache/$suite.XXXXXX")
	chmod 755 "$tree"
	tar -C "$tree" -xf "$base"
	settle
	git clone -q --bare "$root" "$tree/srv/lanner.git"
	# The conformance data, which CI has beside the checkout.
	[ ! -d "$root/../shared/conformance" ] || { mkdir "$tree/srv/shared" && cp -r "$root/../shared/conformance" "$tree/srv/shared/"; }
	# Mounts end with this namespace; what still runs in it is ended first, at the end of stage two.
	code=0
	if [ "$tests" = no ]; then set -- --no-test; else set --; fi
	# dockerd makes and deletes docker0 as it sees fit, and the host's network is shared: it gets a bridge that is nobody's.
	bridge=fresh$$
	ip link add "$bridge" type bridge
	trap 'ip link delete "$bridge"' EXIT
	ip address add 172.31.250.1/24 dev "$bridge"
	ip link set "$bridge" up
	LANNER_OUTER_MOUNTS=$(readlink /proc/self/ns/mnt) LANNER_TREE=$tree LANNER_BRIDGE=$bridge \
		unshare --mount --propagation private sh "$0" "$suite" "$@" --inside || code=$?
	rm -rf --one-file-system "$tree"
	exit $code
fi

# Stage two. On the host's own mounts it would take the host's root away and end all its processes.
here=$(readlink /proc/self/ns/mnt)
case ${LANNER_OUTER_MOUNTS-$here} in "$here") lacks '--inside is for this script alone' ;; esac

tree=$LANNER_TREE
# A real root, not a chroot: container engines refuse to work in a chroot.
mount --bind "$tree" "$tree"
for dir in dev sys proc; do mount --rbind "/$dir" "$tree/$dir"; done
mount -t tmpfs tmpfs "$tree/run"
cp "$root/infra/try-fresh-inside.sh" "$tree/srv/"
mkdir -p "$tree/etc/docker"
echo "{ \"bridge\": \"$LANNER_BRIDGE\", \"iptables\": false, \"ip6tables\": false }" >"$tree/etc/docker/daemon.json"
mkdir "$tree/host"
cd "$tree"
pivot_root . host
cd /
umount -l /host
code=0
env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
	NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt CI=true \
	sh /srv/try-fresh-inside.sh "$tests" </dev/null || code=$?

# Whatever the try left behind shares this mount namespace with this shell.
for dir in /proc/[0-9]*; do
	pid=${dir#/proc/}
	if [ "$pid" = $$ ] || [ "$(readlink "$dir/ns/mnt" 2>/dev/null)" != "$here" ]; then continue; fi
	say "still running, ended: $pid $(tr '\0' ' ' <"$dir/cmdline" 2>/dev/null)"
	kill -9 "$pid" 2>/dev/null || :
done
exit $code
