import { defineConfig } from 'vitest/config';
import { ClosingLine } from '../support/closing-line.ts';

/** `npm run test:kernels`: apart from `npm test`, because emulated machines take minutes. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    name: 'kernels',
    allowOnly: false,
    reporters: ['default', new ClosingLine()],
    include: ['test/kernels/**/*.test.ts'],
    fileParallelism: false,
    hookTimeout: 120_000,
  },
});
