import { defineConfig } from 'vitest/config';
import { ClosingLine } from '../support/closing-line.ts';

/** `npm run test:kubernetes`: apart from `npm test`, because what it runs takes minutes to build the first time. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    name: 'kubernetes',
    allowOnly: false,
    reporters: ['default', new ClosingLine()],
    include: ['test/kubernetes/**/*.test.ts'],
    globalSetup: ['test/support/system-setup.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
