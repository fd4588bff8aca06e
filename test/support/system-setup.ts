import { openEngine } from './docker.ts';

/** Vitest calls this once before the system tests, and what it gives back after them. */
export async function setup(): Promise<() => Promise<void>> {
  const engine = await openEngine();
  return () => engine.close();
}
