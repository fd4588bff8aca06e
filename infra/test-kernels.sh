#!/bin/sh
# `npm run test:kernels`: the agent on older and newer kernels, in emulated machines; arguments go to Vitest. The kernels and
# Debian 13's compiler are fetched the first time.
set -eu
cd "$(dirname "$0")/.."
sh infra/setup.sh --for kernels
sh infra/fetch-kernels.sh >/dev/null
sh infra/fetch-clang.sh >/dev/null
exec node_modules/.bin/node node_modules/vitest/vitest.mjs run --config test/kernels/vitest.config.ts "$@"
