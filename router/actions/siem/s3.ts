import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { signAws } from '../../clients/sigv4.ts';
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
  const base = settings.url.replace(/\/*$/, '');
  const url = new URL(`${base}/${settings.bucket}/${settings.prefix}${hour}/${name}.jsonl.gz`);
  const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
  const request = { method: 'PUT', url, headers, body, service: 's3', region: settings.region };
  const signed = signAws(request, settings, Date.now());
  return post(
    { method: 'PUT', url, headers: signed, body, tls: settings.tls, isTaken: ({ status }) => status === 200 },
    context,
  );
}
