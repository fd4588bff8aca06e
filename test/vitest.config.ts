import { defineConfig } from 'vitest/config';
import { ClosingLine } from './support/closing-line.ts';

/**
 * Two projects: `unit` runs beside the code and needs nothing but Node and the development tools; `system` needs root,
 * the kernel, an engine and Redis, and runs after it, one file at a time, because its tests share the machine.
 */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    allowOnly: false,
    reporters: ['default', new ClosingLine()],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            '{rules,playbooks,agent,router,native}/**/*.test.ts',
            'test/{*,bench/*,support/*}.test.ts',
            'test/conformance/**/*.test.ts',
          ],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{kernel,system,stimuli,chaos,browser}/**/*.test.ts'],
          globalSetup: ['test/support/system-setup.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
