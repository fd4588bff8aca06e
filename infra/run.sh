#!/bin/sh
# Runs SCRIPT with this checkout's own Node, after the set-up if something that it needs is missing or out of date:
#   sh infra/run.sh SCRIPT [ARG …]
# `npm start`, `npm run lanner` and `npm run bench` come here. The checks cost a few milliseconds.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
node=$root/node_modules/.bin/node

# What the command needs: checking rules needs npm packages only, the router a Redis as well, the agent the native parts.
case "${1-} ${2-}" in
'lanner.ts up' | 'lanner.ts agent' | 'test/bench/run.ts '*) need=agent ;;
'lanner.ts router') need=router ;;
*) need=npm ;;
esac

# npm writes node_modules/.package-lock.json last.
npm_packages_stand() {
	[ -x "$node" ] && [ -z "$(find "$root/package-lock.json" -newer "$root/node_modules/.package-lock.json")" ]
}

redis_stands() { command -v redis-server >/dev/null || command -v valkey-server >/dev/null; }

native_parts_stand() {
	[ -f "$root/.build/lanner.bpf.o" ] && [ -f "$root/.build/lanner.node" ] && [ -f "$root/.build/native.stamp" ] &&
		[ -z "$(find "$root/native/bpf" "$root/native/addon" "$root/native/build.sh" -newer "$root/.build/native.stamp")" ]
}

bundle_stands() {
	[ -f "$root/.build/cli/inputs.json" ] &&
		[ -z "$(find "$root/agent" "$root/rules" "$root/playbooks" "$root/native/index.ts" -type f ! -name '*.test.ts' \
			-newer "$root/.build/cli/inputs.json")" ]
}

stands() {
	case $1 in
	npm) npm_packages_stand ;;
	router) npm_packages_stand && redis_stands ;;
	agent) npm_packages_stand && redis_stands && native_parts_stand && bundle_stands ;;
	esac
}

stands "$need" || sh "$root/infra/setup.sh" --for "$need" >&2
# Node keeps compiled code here: it saves a quarter of a start.
export NODE_COMPILE_CACHE="$root/.build/compile-cache"
# The allocator has one arena for all threads: each further one keeps what its thread once needed, 5 MB of an agent.
export MALLOC_ARENA_MAX=1
script=$root/$1
shift
# The heap of the usual memory profile (rules/cli/heap.ts): an agent with another begins again with its own.
[ "$need ${1-}" != 'agent agent' ] ||
	exec "$node" --expose-gc --max-semi-space-size=1 --max-old-space-size=256 "$script" "$@"
[ "$need ${1-}" != 'router router' ] || exec "$node" --expose-gc --max-semi-space-size=1 "$script" "$@"
exec "$node" "$script" "$@"
