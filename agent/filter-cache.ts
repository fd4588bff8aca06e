import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Log } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import type { CheckedNode } from '#rules/language/checked';
import type { CompiledRuleSet } from '#rules/language/compile';
import type { Scene } from './fields/scene.ts';
import type { FilterOrder, MadeFilter } from './filter-worker.ts';
import { layout } from './pushdown/encode.ts';

/** Filters that are kept; of more, the ones that were used longest ago go. */
const MOST_KEPT = 8;
const DIGEST_BYTES = 32;

export type FilterOptions = {
  readonly types: readonly string[];
  /** Types whose events are needed whatever the rules say. */
  readonly kept: readonly string[];
  readonly dataFolder: string;
  /** The agent's. */
  readonly version: string;
  readonly log: Log;
};

/** The kernel's filter for the rules. */
export type FilterSource = {
  /** From an earlier start with the same rules. */
  readonly kept: Uint8Array | undefined;
  /** Makes it in a thread of its own, which takes a second or two, and keeps it. Undefined: it was stopped, or failed and said so. */
  make(): { readonly tables: Promise<Uint8Array | undefined>; stop(): Promise<unknown> };
};

/**
 * Filters are kept in the data folder, each under the hash of all it is made from. A folder that cannot be used costs
 * the making at each start, no more.
 */
export function openFilter(
  { rules }: CompiledRuleSet<Scene>,
  { types, kept, dataFolder, version, log }: FilterOptions,
): FilterSource {
  const folder = join(dataFolder, 'filters');
  const parts = rules.map(({ rule }) => [textOf(rule.condition), rule.eventSet.kind, [...rule.eventSet.names]]);
  const key = digest(JSON.stringify([version, sources(), kept, types, parts])).toString('hex');
  return {
    kept: readKept(join(folder, key)),
    make() {
      const order: FilterOrder = {
        rules: rules.map(({ rule: { condition, eventSet } }) => ({ condition, eventSet })),
        types,
        kept,
      };
      const worker = new Worker(workerUrl, { workerData: order });
      const tables = new Promise<Uint8Array | undefined>((resolve) => {
        worker.once('message', ({ tables: made, simplified }: MadeFilter) => {
          if (simplified.length > 0)
            log('info', 'the rules ask for more than the kernel can look at: it sends more than they need', {
              simplified: simplified.join('; '),
            });
          keep(folder, key, made);
          resolve(made);
        });
        worker.once('error', (error) => {
          log('error', 'the filter for the kernel cannot be made: it sends all events', { reason: String(error) });
          resolve(undefined);
        });
        worker.once('exit', () => resolve(undefined));
      });
      return { tables, stop: () => worker.terminate() };
    },
  };
}

const workerUrl = new URL(`./filter-worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

const digest = (bytes: string | Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Equal texts are equal conditions. */
function textOf(node: CheckedNode): unknown {
  if (node.kind === 'check') return node.text;
  return node.kind === 'not' ? ['not', textOf(node.child)] : [node.kind, ...node.children.map(textOf)];
}

/** The programs that make filters: in a checkout they change without a new version. */
function sources(): string {
  const folder = fileURLToPath(new URL('pushdown/', import.meta.url));
  const names = readdirSync(folder).filter((name) => !name.includes('.test.'));
  return digest(
    names
      .sort()
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\0'),
  ).toString('hex');
}

/** What is cut off, damaged or of another form is made anew. */
function readKept(path: string): Uint8Array | undefined {
  try {
    const bytes = readFileSync(path);
    const tables = inflateRawSync(bytes.subarray(DIGEST_BYTES), { maxOutputLength: layout.bytes });
    const isWhole = tables.length === layout.bytes && digest(tables).equals(bytes.subarray(0, DIGEST_BYTES));
    return isWhole ? tables : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

function keep(folder: string, key: string, tables: Uint8Array): void {
  try {
    makeFolder(folder);
    const path = join(folder, key);
    writeFileSync(`${path}.new`, Buffer.concat([digest(tables), deflateRawSync(tables, { level: 1 })]), {
      mode: 0o600,
    });
    renameSync(`${path}.new`, path);
    const all = readdirSync(folder).map((name) => ({ name, ms: statSync(join(folder, name)).mtimeMs }));
    for (const { name } of all.sort((a, b) => b.ms - a.ms).slice(MOST_KEPT))
      rmSync(join(folder, name), { force: true });
  } catch (error) {
    // Without the folder the filter is only made again at the next start.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
