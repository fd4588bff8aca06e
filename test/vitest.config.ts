import { defineConfig } from 'vitest/config';

/**
 * Two projects: `unit` runs beside the code and needs nothing but Node; `system` needs root, the kernel, an engine and
 * Redis, and runs one file at a time because they share the machine.
 */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{rules,playbooks,agent,router,native}/**/*.test.ts', 'test/*.test.ts', 'test/conformance/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{kernel,system,stimuli,chaos,browser}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
