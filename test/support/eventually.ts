import { setTimeout as delay } from 'node:timers/promises';

/**
 * The first value other than `undefined` that `probe` gives, asked every 20 ms; fails after `withinMs` with what was
 * waited for. Tests wait for facts with this, never for time to pass.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  withinMs = 10_000,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined) return value;
    if (performance.now() > deadlineMs) throw new Error(`waited ${withinMs} ms in vain for ${what}`);
    await delay(20);
  }
}
