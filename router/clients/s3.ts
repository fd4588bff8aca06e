import { createReadStream } from 'node:fs';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { maskUrl, mayPass } from './http.ts';
import { httpUrl, tlsSettings } from './http-settings.ts';
import { signAws } from './sigv4.ts';

/** Where objects go, at AWS or another service that speaks its protocol. */
export const s3Place = {
  /** Of the service; the bucket becomes the first part of the path. */
  url: httpUrl,
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected the name of a bucket'),
  prefix: z
    .string()
    .regex(/^[\w./=-]*$/, 'expected letters, digits and ._/=-')
    .default('lanner/'),
  region: z.string().regex(/^[a-z0-9-]{1,32}$/, 'expected a region such as eu-central-1'),
  access_key_id: z.string().min(1),
  secret_access_key: z.string().min(1),
  session_token: z.string().optional(),
  tls: tlsSettings.optional(),
};
export const s3Schema = z.strictObject(s3Place);
export type S3Place = z.output<typeof s3Schema>;

type Signed = { readonly url: URL; readonly headers: Record<string, string> };
type ObjectRequest = {
  readonly method: 'GET' | 'PUT';
  /** Behind the prefix. */
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer | { readonly sha256: string };
};

export function signObject(place: S3Place, { method, name, headers = {}, body }: ObjectRequest): Signed {
  const url = new URL(`${place.url.replace(/\/*$/, '')}/${place.bucket}/${place.prefix}${name}`);
  const asked = { method, url, headers, body, service: 's3', region: place.region };
  return { url, headers: signAws(asked, place, Date.now()) };
}

type Failed = { readonly ok: false; readonly retry: boolean; readonly reason: string };
const SHOWN = 1_024;

/** A file as one object; the service checks its hash. Nothing of it is held in memory. */
export async function putFile(
  place: S3Place,
  name: string,
  file: { readonly path: string; readonly bytes: number; readonly sha256: string },
  signal: AbortSignal,
): Promise<{ readonly ok: true } | Failed> {
  const headers = { 'content-type': 'application/zstd', 'content-length': String(file.bytes) };
  const signed = signObject(place, { method: 'PUT', name, headers, body: { sha256: file.sha256 } });
  const answer = await ask('PUT', signed, place, signal, createReadStream(file.path));
  if (!answer.ok) return answer;
  if (answer.response.statusCode !== 200) return refusal(answer.response, signed.url);
  answer.response.resume();
  return { ok: true };
}

/** An object as it comes. */
export async function openObject(
  place: S3Place,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly stream: Readable } | Failed> {
  const signed = signObject(place, { method: 'GET', name, body: '' });
  const answer = await ask('GET', signed, place, signal);
  if (!answer.ok) return answer;
  return answer.response.statusCode === 200
    ? { ok: true, stream: answer.response }
    : refusal(answer.response, signed.url);
}

type Asked = { readonly ok: true; readonly response: IncomingMessage } | Failed;

function ask(
  method: string,
  { url, headers }: Signed,
  { tls }: S3Place,
  signal: AbortSignal,
  body?: Readable,
): Promise<Asked> {
  return new Promise((resolve) => {
    const make = url.protocol === 'https:' ? tlsRequest : plainRequest;
    const asked = make(url, { method, headers, signal, ...tls });
    const fail = (error: Error): void =>
      resolve({ ok: false, retry: true, reason: `${url.host}: ${maskUrl(error.message, url)}` });
    asked.on('error', fail);
    asked.on('response', (response) => resolve({ ok: true, response }));
    if (body === undefined) asked.end();
    else pipeline(body, asked).catch(fail);
  });
}

/** What it says is XML; the code in it says what is wrong. */
async function refusal(response: IncomingMessage, url: URL): Promise<Failed> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      if (text.length > SHOWN) break;
    }
  } catch {
    // The status is enough.
  }
  const status = response.statusCode ?? 0;
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
  const reason = `${url.host} answered ${status}${code === undefined ? '' : ` ${code}`}`;
  return { ok: false, retry: mayPass(status), reason };
}
