import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { defineAction } from './action.ts';

export const log = defineAction({
  name: 'log',
  side: 'router',
  doc: 'Appends the alert, or what `record` says, to a file as one line of JSON. At most_mb the file moves to FILE.1.',
  params: z.strictObject({
    file: z.string().min(1).max(4_096).startsWith('/', 'expected an absolute path'),
    record: z.unknown().optional(),
    most_mb: z.number().positive().max(100_000).default(100),
  }),
  idempotent: true,
  async run({ file, record, most_mb }, { alert, alertId, playbook }) {
    // A repeat after a crash may write the line twice; `alert_id` tells.
    const line = `${JSON.stringify({ alert_id: alertId, playbook, ...(record === undefined ? { alert } : { record }) })}\n`;
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await rotate(file, most_mb * 1024 * 1024);
      const handle = await open(file, 'a', 0o600);
      try {
        // One write with O_APPEND: lines of several workers do not mix.
        await handle.write(line);
      } finally {
        await handle.close();
      }
      return { status: 'done', detail: `wrote ${Buffer.byteLength(line)} bytes to ${file}` };
    } catch (error) {
      const full =
        error instanceof Error &&
        'code' in error &&
        (error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EMFILE');
      return { status: 'failed', retry: full, reason: error instanceof Error ? error.message : String(error) };
    }
  },
  dryRun: ({ file }) => ({ status: 'skipped', detail: `would write a line to ${file}` }),
});

async function rotate(file: string, mostBytes: number): Promise<void> {
  try {
    if ((await stat(file)).size >= mostBytes) await rename(file, `${file}.1`);
  } catch (error) {
    // Not there yet, or another worker has just moved it.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
