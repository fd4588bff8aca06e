#!/bin/sh
# Builds the kernel programs and the addon into .build; does nothing when they are newer than their sources.
#   sh native/build.sh
set -eu
cd "$(dirname "$0")/.."
out=.build
mkdir -p "$out"

# Whether $1 is missing or older than one of the other files.
stale() {
	target=$1
	shift
	[ -f "$target" ] || return 0
	[ -n "$(find "$@" -newer "$target" -type f)" ]
}

machine=$(uname -m)
if [ "$machine" != x86_64 ]; then
	echo "native: the kernel programs know the registers of x86_64 only; this machine is $machine" >&2
	exit 77
fi

# Outputs are moved into place, so that one that is in use stays whole.
if stale "$out/lanner.bpf.o" native/bpf native/compile.sh; then
	sh native/compile.sh "$out/lanner.bpf.o.new"
	mv "$out/lanner.bpf.o.new" "$out/lanner.bpf.o"
fi

if stale "$out/lanner.node" native/addon native/bpf/event.h native/build.sh; then
	g++ -std=c++17 -O2 -fPIC -shared -fno-exceptions -fvisibility=hidden -Wall -Wextra -Werror \
		-DNAPI_VERSION=9 -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS -DNODE_ADDON_API_DISABLE_DEPRECATED \
		-isystem node_modules/node-addon-api -isystem node_modules/node-api-headers/include \
		native/addon/addon.cpp native/addon/filter.cpp native/addon/functions.cpp native/addon/hooks.cpp native/addon/loader.cpp native/addon/memory.cpp native/addon/pidfd.cpp native/addon/priority.cpp native/addon/reflex.cpp native/addon/ring.cpp native/addon/ways.cpp -lbpf -o "$out/lanner.node.new"
	mv "$out/lanner.node.new" "$out/lanner.node"
fi
