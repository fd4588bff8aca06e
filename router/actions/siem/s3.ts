import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { signObject } from '../../clients/s3.ts';
import type { ActionResult } from '../../runs/action.ts';
import type { SendContext } from '../../runs/outward.ts';
import { post } from '../post.ts';
import type { Item } from './hand-on.ts';
import type { S3Settings } from './settings.ts';

/** One object a batch, a document a line. Its name comes of what is in it: the same batch again is the same object. */
export function sendObject(settings: S3Settings, items: readonly Item[], context: SendContext): Promise<ActionResult> {
  const name = createHash('sha256')
    .update(items.map(({ event }) => event.id).join())
    .digest('hex')
    .slice(0, 32);
  const firstMs = Math.min(...items.map(({ event }) => event.timeMs));
  const hour = new Date(firstMs).toISOString().slice(0, 13).replace(/[-T]/g, '/');
  const body = gzipSync(`${items.map(({ document }) => document).join('\n')}\n`);
  const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
  const object = `${hour}/${name}.jsonl.gz`;
  const { url, headers: signed } = signObject(settings, { method: 'PUT', name: object, headers, body });
  return post(
    { method: 'PUT', url, headers: signed, body, tls: settings.tls, isTaken: ({ status }) => status === 200 },
    context,
  );
}
