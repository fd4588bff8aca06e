import { createHash, createHmac } from 'node:crypto';

export type AwsCredentials = {
  readonly access_key_id: string;
  readonly secret_access_key: string;
  readonly session_token?: string | undefined;
};

export type AwsRequest = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Or its hash, when it is not held here. */
  readonly body: string | Buffer | { readonly sha256: string };
  readonly service: string;
  readonly region: string;
};

const hash = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/** AWS Signature Version 4: the headers of the request with those that sign it. S3 encodes a path once, others twice. */
export function signAws(request: AwsRequest, credentials: AwsCredentials, nowMs: number): Record<string, string> {
  const { method, url, body, service, region } = request;
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const bodyHash = typeof body === 'object' && 'sha256' in body ? body.sha256 : hash(body);
  const headers: Record<string, string> = {
    ...Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value])),
    host: url.host,
    'x-amz-date': time,
    ...(service === 's3' ? { 'x-amz-content-sha256': bodyHash } : {}),
    ...(credentials.session_token === undefined ? {} : { 'x-amz-security-token': credentials.session_token }),
  };
  const names = Object.keys(headers).toSorted();
  const path = service === 's3' ? url.pathname : url.pathname.split('/').map(encodeStrictly).join('/');
  const query = [...url.searchParams]
    .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
    .toSorted()
    .join('&');
  const canonicalHeaders = names
    .map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`)
    .join('');
  const canonical = [method, path, query, canonicalHeaders, names.join(';'), bodyHash].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n');
  const key = hmac(hmac(hmac(hmac(`AWS4${credentials.secret_access_key}`, day), region), service), 'aws4_request');
  const signature = hmac(key, toSign).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.access_key_id}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...headers, authorization };
}

/** RFC 3986: everything but letters, digits, `-`, `.`, `_` and `~`. */
function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
