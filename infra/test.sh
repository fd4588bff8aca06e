#!/bin/sh
# `npm test`: everything that the tests need, then every test; arguments go to Vitest:
#   npm test -- --project unit rules/language
set -eu
cd "$(dirname "$0")/.."
sh infra/setup.sh --for test
exec node_modules/.bin/node node_modules/vitest/vitest.mjs run --config test/vitest.config.ts "$@"
