import { parentPort, workerData } from 'node:worker_threads';
import { compileFilter, type FilterRule } from './pushdown/compile.ts';
import { encodeFilter } from './pushdown/encode.ts';

/** What the thread is given. */
export type FilterOrder = {
  readonly rules: readonly FilterRule[];
  readonly types: readonly string[];
  readonly kept: readonly string[];
};

/** What it answers, once. */
export type MadeFilter = { readonly tables: Uint8Array; readonly simplified: readonly string[] };

/** The thread of filter-cache.ts: events are looked at meanwhile. */
function answer({ rules, types, kept }: FilterOrder): MadeFilter {
  const filter = compileFilter(rules, types, new Set(kept));
  return { tables: encodeFilter(filter), simplified: filter.simplified };
}

parentPort?.postMessage(answer(workerData));
