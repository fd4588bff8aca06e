import { readFileSync } from 'node:fs';
import type { Metrics } from '../http/metrics.ts';
import type { Sync } from './sync.ts';

/** Brings the gauges of the sync up to date. */
export async function measureSync(sync: Sync, metrics: Metrics): Promise<void> {
  metrics.revision.reset();
  const commit = sync.current()?.commit;
  if (commit !== undefined) metrics.revision.set({ commit }, 1);
  const { look } = await sync.status().catch(() => ({ look: undefined }));
  if (look !== undefined) metrics.syncOk.set(look.ok ? 1 : 0);
}

/** For the API. */
export async function describeSync(sync: Sync): Promise<object> {
  const { pointer, look } = await sync.status();
  return { commit: sync.current()?.commit ?? null, wanted: pointer ?? null, last_look: look ?? null };
}

/** Of a file that cannot be read: no push is taken. */
export function readSecret(webhook: { readonly secret_file: string } | undefined): string | undefined {
  if (webhook === undefined) return undefined;
  try {
    return readFileSync(webhook.secret_file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
