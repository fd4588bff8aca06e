#!/bin/sh
# Installs what Lanner needs on Debian 12 and 13, Ubuntu 22.04 and 24.04, and builds its native parts:
#   sh infra/setup.sh [--yes] [--for npm|router|agent|test|kernels]
# Each purpose includes the ones before it; without --for it is `agent`, all that `npm start` needs. Safe to repeat:
# what stands is left alone. On a terminal it asks before it installs Debian packages, unless --yes is given.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

say() { printf 'setup: %s\n' "$*"; }
# 77: this machine lacks what is needed (rules/cli/command-line.ts).
lacks() {
	printf 'setup: %s\n' "$*" >&2
	exit 77
}

purpose=agent
answer=ask
while [ $# -gt 0 ]; do
	case $1 in
	--yes) answer=yes ;;
	--for)
		shift
		purpose=${1-}
		;;
	*)
		echo 'usage: sh infra/setup.sh [--yes] [--for npm|router|agent|test|kernels]' >&2
		exit 2
		;;
	esac
	shift
done
[ -t 0 ] || answer=yes

has() { command -v "$1" >/dev/null 2>&1; }

missing=''
miss() { missing="$missing $*"; }
# Of a pattern: whether any file fits it.
there() { [ -e "$1" ]; }

find_missing() {
	missing=''
	case $purpose in npm) return ;; router | agent | test | kernels) ;; *)
		echo "setup: unknown purpose $purpose; expected npm, router, agent, test or kernels" >&2
		exit 2
		;;
	esac
	has redis-server || has valkey-server || miss redis-server
	[ "$purpose" = router ] && return
	has clang || miss clang
	has g++ || miss g++
	[ -f /usr/include/bpf/libbpf.h ] || miss libbpf-dev
	[ "$purpose" = agent ] && return
	has git || miss git
	has dockerd || miss docker.io
	has docker || miss docker-cli
	has podman || miss podman
	has newuidmap || miss uidmap
	[ -x /usr/lib/cni/bridge ] || miss containernetworking-plugins
	has iptables || miss iptables
	has lxc-start || miss lxc
	has systemd-nspawn || miss systemd-container
	has nft || [ -x /usr/sbin/nft ] || miss nftables
	[ -x /bin/busybox ] || miss busybox-static
	[ -x /usr/bin/chromium ] || miss chromium
	has sshd || [ -x /usr/sbin/sshd ] || miss openssh-server
	has ssh || miss openssh-client
	has cron || [ -x /usr/sbin/cron ] || miss cron
	has man || miss man-db
	has vim.tiny || miss vim-tiny
	has python3 || miss python3
	has zstd || miss zstd
	has rsyslogd || [ -x /usr/sbin/rsyslogd ] || miss rsyslog
	there /usr/lib/*/rsyslog/lmnsd_gtls.so || miss rsyslog-gnutls
	has clang-format || miss clang-format
	has shellcheck || miss shellcheck
	has openssl || miss openssl
	has rsyslogd || [ -x /usr/sbin/rsyslogd ] || miss rsyslog
	[ -f /usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so ] || [ -f /usr/lib/aarch64-linux-gnu/rsyslog/lmnsd_ossl.so ] || miss rsyslog-openssl
	has postfix || [ -x /usr/sbin/postfix ] || miss postfix
	has nats-server || [ -x /usr/sbin/nats-server ] || miss nats-server
	has prometheus-alertmanager || miss prometheus-alertmanager
	there /usr/lib/libnss_extrausers.so.2 || there /usr/lib/*/libnss_extrausers.so.2 || miss libnss-extrausers
	[ "$purpose" = test ] && return
	has qemu-system-x86_64 || miss qemu-system-x86
	has cpio || miss cpio
	has debootstrap || [ -x /usr/sbin/debootstrap ] || miss debootstrap
	has crun || miss crun
	has dbus-daemon || miss dbus
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Without recommended packages: they would bring an LLVM tool chain and documentation that nothing here uses.
apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# Debian 12 and Ubuntu ship the docker command in docker.io; where docker-cli is a package of its own, docker.io only
# recommends it.
name_packages() {
	case " $missing " in *' docker.io '*) ;; *) return ;; esac
	missing=$(printf '%s\n' "$missing" | sed 's/ docker-cli//')
	if [ -n "$(apt-cache show docker-cli 2>/dev/null)" ]; then miss docker-cli; fi
}

install_missing() {
	find_missing
	[ -n "$missing" ] || return 0
	has apt-get || lacks "missing:$missing (Debian's names); this system has no apt-get, so install them in its own way"
	say "missing Debian packages:$missing"
	[ "$(id -u)" = 0 ] || has sudo || lacks "installing them needs root: run 'apt-get install$missing' as root, then try again"
	if [ "$answer" = ask ]; then
		printf 'setup: install them now? [Y/n] '
		read -r reply || reply=n
		case $reply in '' | y* | Y*) ;; *) lacks 'not installed; nothing was changed' ;; esac
	fi
	redis_was_here=$(has redis-server && echo yes || echo no)
	lxc_was_here=$(has lxc-start && echo yes || echo no)
	# Package lists may never have been fetched, or be too old for the mirror: then once more with fresh ones.
	name_packages
	# shellcheck disable=SC2086 # a list of words
	if [ -z "$(apt-cache show $missing 2>/dev/null)" ] || ! apt_install $missing; then
		as_root apt-get update -q
		name_packages
		# shellcheck disable=SC2086
		apt_install $missing
	fi
	# The package starts a Redis of its own on port 6379; the router runs a private one, so that one is not needed.
	if [ "$redis_was_here" = no ] && [ -d /run/systemd/system ]; then
		as_root systemctl disable --now redis-server.service >/dev/null 2>&1 || say 'left the redis-server service running'
	fi
	# Likewise LXC's bridge and its own start of containers: the tests' container has no network.
	if [ "$lxc_was_here" = no ] && has lxc-start && [ -d /run/systemd/system ]; then
		as_root systemctl disable --now lxc-net.service lxc.service >/dev/null 2>&1 || say 'left the services of lxc running'
	fi
	find_missing
	[ -z "$missing" ] || lacks "still missing after the installation:$missing"
}

install_npm_packages() {
	# npm writes node_modules/.package-lock.json last.
	if [ -x node_modules/.bin/node ] && [ -z "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
		return
	fi
	has npm || lacks 'npm is missing: install Node 18 or newer with npm'
	say 'installing npm packages'
	# No package here needs its install script. The log level is ours: under `npm run -s` errors would be silent.
	NODE_OPTIONS="--require \"$root/infra/pinned-node.cjs\"" npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund --loglevel=error
	# npm 9 leaves out the link to a program that is named node.
	for node in node_modules/node-linux-*/bin/node; do ln -sf "../${node#node_modules/}" node_modules/.bin/node; done
	[ -x node_modules/.bin/node ] || lacks "no Node 24 for this machine ($(uname -m)): Lanner runs on x86_64 and aarch64"
}

# The stamp's time is the build's start: a source that is changed meanwhile counts as newer.
build_native_parts() {
	touch .build/native.stamp.new
	PATH=$root/node_modules/.bin:$PATH sh native/build.sh
	mv .build/native.stamp.new .build/native.stamp
}

# lanner.ts takes the modules themselves where it is missing or older than one of them.
bundle_agent() {
	if [ -f .build/cli/inputs.json ] && [ -z "$(find agent rules playbooks native/index.ts infra/bundle.ts package-lock.json \
		-type f ! -name '*.test.ts' -newer .build/cli/inputs.json)" ]; then
		return
	fi
	node_modules/.bin/node infra/bundle.ts || say 'the agent is not bundled: it starts with more CPU time'
}

# Two starts at once would trample on each other's node_modules.
mkdir -p .build
exec 9>.build/setup.lock
flock 9

install_missing
install_npm_packages
case $purpose in agent | test | kernels)
	build_native_parts
	bundle_agent
	;;
esac
