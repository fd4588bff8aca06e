#!/bin/sh
# The checks that are no tests; `npm test` runs each as one. Without a name, all of them:
#   sh infra/check.sh [types|style|unused|native|shell …]
set -eu
cd "$(dirname "$0")/.."
PATH=$PWD/node_modules/.bin:$PATH

check() {
	case $1 in
	types) tsc -b ;;
	style) biome ci --error-on-warnings ;;
	unused) knip ;;
	native) git ls-files -co --exclude-standard 'native/**.c' 'native/**.h' 'native/**.cpp' | xargs clang-format --dry-run -Werror ;;
	shell) git ls-files -co --exclude-standard '*.sh' .ci/run | xargs shellcheck ;;
	*)
		echo "check: unknown check $1; expected types, style, unused, native or shell" >&2
		return 2
		;;
	esac
}

[ $# -gt 0 ] || set -- types style unused native shell
failed=''
for name; do
	echo "check: $name"
	check "$name" || failed="$failed $name"
done
[ -z "$failed" ] || {
	echo "check: failed:$failed" >&2
	exit 1
}
