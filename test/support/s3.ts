import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

/** An S3 of others (s3rver) with one bucket; its keys are S3RVER and S3RVER. */
export type S3 = { readonly url: string; close(): void };

export async function startS3(bucket: string): Promise<S3> {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-s3-'));
  const port = await freePort();
  const program = new URL('../../node_modules/s3rver/bin/s3rver.js', import.meta.url).pathname;
  const words = ['-d', folder, '-a', '127.0.0.1', '-p', String(port), '--configure-bucket', bucket];
  const child = spawn(process.execPath, [program, ...words], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await eventually('s3rver', async () => (await fetch(url).catch(() => undefined)) ?? undefined);
  return {
    url,
    close() {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
