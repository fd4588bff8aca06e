#!/bin/sh
# `npm run test:kubernetes`: the agent and the actions of the router beside a real Kubernetes, which is built the first time; arguments go to Vitest.
set -eu
cd "$(dirname "$0")/.."
sh infra/setup.sh --for test
sh infra/build-kubernetes.sh >/dev/null
exec node_modules/.bin/node node_modules/vitest/vitest.mjs run --config test/kubernetes/vitest.config.ts "$@"
