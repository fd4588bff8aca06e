import type { Reporter, TestModule } from 'vitest/node';

/**
 * Ends the run with one plain line for scripts: `812 passed, 0 failed`, and `, 3 skipped` if there are any. In CI a
 * skipped test fails the run: a test that nobody runs protects nothing.
 */
export class ClosingLine implements Reporter {
  readonly #out: NodeJS.WritableStream;

  constructor(out: NodeJS.WritableStream = process.stdout) {
    this.#out = out;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) counts[test.result().state] += 1;
      // A file that could not be loaded, or whose hook failed, has errors of its own.
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    }
    // Not run at all, because a hook failed or the run was interrupted: not to be taken for success.
    counts.failed += counts.pending;
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    if (counts.skipped > 0 && process.env['CI'] === 'true') {
      this.#out.write('\nin CI a skipped test counts as a failure\n');
      process.exitCode = 1;
    }
    this.#out.write(`\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  }
}
