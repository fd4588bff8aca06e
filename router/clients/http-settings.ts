import { createHmac } from 'node:crypto';
import * as z from 'zod';

export const httpUrl = z.url({ protocol: /^https?$/, error: 'expected a URL with http or https' }).max(8_192);

/** Those that say how the message is transported are not the playbook's to set. */
const transport = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, 'expected the name of a header')
  .refine((name) => !transport.has(name.toLowerCase()), 'is set by the transport');
/** RFC 9110 section 5.5: no line ends, no control characters. */
const headerValue = z
  .string()
  .max(8_192)
  .regex(/^[^\p{Cc}]*$/u, 'a header has no line ends and no control characters');

export const httpHeaders = z.record(headerName, headerValue);

/** PEM texts, best kept as secrets. */
export const tlsSettings = z
  .strictObject({ ca: z.string().optional(), cert: z.string().optional(), key: z.string().optional() })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'expected both cert and key, or neither');

export const httpAuth = z
  .strictObject({
    basic: z.strictObject({ user: z.string().max(1_024), password: z.string().max(8_192) }).optional(),
    bearer: headerValue.optional(),
    /** The body's HMAC-SHA256 in hex after `sha256=`, as GitHub signs its webhooks. */
    hmac: z.strictObject({ secret: z.string().min(1), header: headerName.default('X-Signature-256') }).optional(),
  })
  .refine((auth) => Object.values(auth).filter((one) => one !== undefined).length === 1, {
    error: 'expected one of basic, bearer and hmac',
  });

export type HttpAuth = z.output<typeof httpAuth>;

export function authHeaders(auth: HttpAuth | undefined, body: string): Readonly<Record<string, string>> {
  if (auth?.basic !== undefined) return { authorization: basicAuth(auth.basic.user, auth.basic.password) };
  if (auth?.bearer !== undefined) return { authorization: `Bearer ${auth.bearer}` };
  if (auth?.hmac === undefined) return {};
  const { secret, header } = auth.hmac;
  return { [header.toLowerCase()]: `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
}

function basicAuth(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Credentials in a URL go into a header. */
export function urlAuth({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  return { authorization: basicAuth(decodeLoosely(username), decodeLoosely(password)) };
}

export function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

/** A `%` that begins no escape is a percent sign: passwords are not always written as URLs want them. */
export function decodeLoosely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A header holds bytes; what is not ASCII goes as UTF-8. */
export function headerBytes(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), Buffer.from(value).toString('latin1')]),
  );
}
