#!/bin/sh
# Builds what `npm run test:kubernetes` runs, once: sh infra/build-kubernetes.sh
# kube-apiserver, kube-controller-manager and kubelet out of Debian's source package, with the packages' own checksums
# and signatures, and Debian's etcd beside them. All is unpacked in a folder: no package is installed, no service starts.
# Takes about 8 minutes on two cores and 3 GB of disk, of which 300 MB stay. The last line says where the programs are.
set -eu
# One suite, whatever the machine has: the version of Kubernetes decides which Go builds it.
mirror=${LANNER_DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=bookworm
go_version=1.19
cache=/var/cache/lanner/kubernetes-$suite
programs='kube-apiserver kube-controller-manager kubelet'

say() { printf 'kubernetes: %s\n' "$*" >&2; }
# 77: this machine lacks what is needed (rules/cli/command-line.ts).
lacks() {
	say "$*"
	exit 77
}

stands() {
	for program in $programs etcd; do [ -x "$cache/bin/$program" ] || return 1; done
}

finish() {
	printf '%s\n' "$cache/bin"
	exit 0
}

stands && finish
[ "$(id -u)" = 0 ] || lacks 'building needs root, as the test does'
command -v apt-get >/dev/null || lacks 'building needs apt-get'
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keys" ] || lacks "building needs $keys (package debian-archive-keyring)"

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
stands && finish

work=$cache/work
rm -rf "$work"
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/apt/parts" "$work/packages" "$work/root" "$cache/bin"
# An installation of apt's of our own, so that the machine's sources stay as they are.
printf 'deb [signed-by=%s] %s %s main\ndeb-src [signed-by=%s] %s %s main\n' "$keys" "$mirror" "$suite" "$keys" "$mirror" "$suite" >"$work/apt/sources.list"
apt() {
	apt-get -q -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts="$work/apt/parts" \
		-o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt" -o APT::Sandbox::User=root "$@" >&2
}
say 'fetching the sources'
apt update
cd "$work/packages"
apt download etcd-server golang-$go_version-go golang-$go_version-src
apt source --download-only kubernetes
for package in *.deb; do dpkg -x "$package" "$work/root"; done
rm -f ./*.deb

# Without Go modules: the sources carry all that they need below vendor/.
tree=$work/go/src/k8s.io/kubernetes
mkdir -p "$tree"
tar xzf kubernetes_*.orig.tar.gz -C "$tree" --strip-components=1
tar xJf kubernetes_*.debian.tar.xz -C "$tree"
cd "$tree"
while read -r patch; do patch -s -p1 <"debian/patches/$patch"; done <debian/patches/series
version=$(sed -n '1s/.*really\([0-9.]*\).*/\1/p' debian/changelog)
[ -n "$version" ] || version=$(sed -n '1s/.*(\([0-9.]*\).*/\1/p' debian/changelog)

export PATH="$work/root/usr/lib/go-$go_version/bin:$PATH" GOROOT="$work/root/usr/lib/go-$go_version" GOPATH="$work/go" \
	GOCACHE="$work/cache" GO111MODULE=off GOFLAGS='' CGO_ENABLED=0
say "generating the API's description"
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
# As the Makefile has it: every package that asks for it, those below staging by their names below vendor.
described=$(grep -rl --include='*.go' '+k8s:openapi-gen=' pkg staging/src/k8s.io | grep -v -e /code-generator/ -e /sample-apiserver/ |
	xargs -n1 dirname | sort -u | sed 's|^staging/src|vendor|; s|^|k8s.io/kubernetes/|' | paste -sd, -)
"$work/openapi-gen" -i "$described" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
	-h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations" -o "$work/go/src" >&2

say 'building; this takes some minutes'
packages=''
for program in $programs; do packages="$packages ./cmd/$program"; done
# shellcheck disable=SC2086 # a list of words
nice go build -o "$work/" -ldflags "-s -w -X k8s.io/kubernetes/vendor/k8s.io/component-base/version.gitVersion=v$version" $packages >&2
for program in $programs; do mv "$work/$program" "$cache/bin/"; done
mv "$work/root/usr/bin/etcd" "$cache/bin/"
cd /
chmod -R u+w "$work"
rm -rf "$work"
finish
