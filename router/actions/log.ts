import { open, rename, stat } from 'node:fs/promises';
import { dirname, normalize } from 'node:path';
import * as z from 'zod';
import { alertJson } from '#rules/alert-json';
import { makeFolder } from '#rules/cli/make-folder';
import { defineAction } from '../runs/action.ts';

const oneByOne = makeTurns();

export const log = defineAction({
  name: 'log',
  side: 'router',
  doc: 'Appends the alert, or what `record` says, to a file as one line of JSON. When the file has most_mb, it moves to FILE.1, that to FILE.2, and so on up to FILE.KEEP.',
  params: z.strictObject({
    /** A field's text may be part of it, but must not lead out of the folder with `..`. */
    file: z
      .string()
      .min(2)
      .max(4_096)
      .regex(/^\/\P{Cc}*[^/\p{Cc}]$/u, 'expected an absolute path to a file')
      .refine((path) => normalize(path) === path, 'expected a path without . and .. and //'),
    record: z.unknown().optional(),
    most_mb: z.number().positive().max(100_000).default(100),
    keep: z.int().min(1).max(100).default(5),
  }),
  idempotent: true,
  quick: true,
  async run({ file, record, most_mb, keep }, { alert, alertId, playbook }) {
    // A repeat after a crash may write the line twice; `alert_id` tells.
    const line = `${alertJson({ alert_id: alertId, playbook, ...(record === undefined ? { alert } : { record }) })}\n`;
    try {
      await oneByOne(file, () => append(file, line, most_mb * 1024 * 1024, keep));
      return { status: 'done', detail: `wrote ${Buffer.byteLength(line)} bytes to ${file}` };
    } catch (error) {
      const retry = ['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'].includes(codeOf(error));
      return { status: 'failed', retry, reason: error instanceof Error ? error.message : String(error) };
    }
  },
  dryRun: ({ file }) => ({ status: 'skipped', detail: `would write a line to ${file}` }),
});

async function append(file: string, line: string, mostBytes: number, keep: number): Promise<void> {
  makeFolder(dirname(file));
  const { size } = (await stat(file).catch(ignoreMissing)) ?? { size: 0 };
  if (size >= mostBytes) {
    // The oldest is overwritten. What is missing is not there yet, or a worker in another process has just moved it.
    for (let number = keep - 1; number > 0; number -= 1)
      await rename(`${file}.${number}`, `${file}.${number + 1}`).catch(ignoreMissing);
    await rename(file, `${file}.1`).catch(ignoreMissing);
  }
  const handle = await open(file, 'a', 0o600);
  try {
    // One write with O_APPEND: lines of several processes do not mix.
    const bytes = Buffer.from(line);
    const { bytesWritten } = await handle.write(bytes);
    if (bytesWritten < bytes.length) throw Object.assign(new Error(`${file} takes no more`), { code: 'ENOSPC' });
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}

/** Work on the same file waits its turn: two workers that both see a full file must not both move it. */
function makeTurns(): (file: string, work: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return async (file, work) => {
    const before = last.get(file) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(work);
    last.set(file, mine);
    try {
      await mine;
    } finally {
      if (last.get(file) === mine) last.delete(file);
    }
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
