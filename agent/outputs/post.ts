import { builtin } from '#rules/cli/builtin';

const REQUEST_TIMEOUT_MS = 10_000;

/** What came of a request; status 0 when there was no answer. */
export type Answer = { readonly status: number; readonly reason: string; readonly retryAfterMs: number | undefined };

export type PosterSettings = {
  readonly userAgent?: string;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
};

/** Posts JSON texts in one request, on a connection that is kept. Redirects are not followed: a token goes nowhere else. */
export function makePoster(
  target: URL,
  token: string | undefined,
  { userAgent, ...tls }: PosterSettings = {},
): (bodies: readonly string[], headers?: Readonly<Record<string, string>>) => Promise<Answer> {
  const secure = target.protocol === 'https:';
  const agent = secure
    ? new builtin.https.Agent({ keepAlive: true, maxSockets: 1, ...tls })
    : new builtin.http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = secure ? builtin.https.request : builtin.http.request;
  return (bodies, more = {}) =>
    new Promise((resolve) => {
      const body = bodies.join('\n');
      const fail = (error: Error) => resolve({ status: 0, reason: error.message, retryAfterMs: undefined });
      const asked = ask(
        target,
        {
          agent,
          method: 'POST',
          headers: {
            ...more,
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(userAgent !== undefined && { 'user-agent': userAgent }),
            'content-type': bodies.length === 1 ? 'application/json' : 'application/x-ndjson',
            'content-length': Buffer.byteLength(body),
          },
          signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            if (text.length < 4_096) text += chunk;
          });
          response.on('error', fail);
          response.on('end', () => {
            const seconds = Number(response.headers['retry-after']);
            resolve({
              status: response.statusCode ?? 0,
              reason: `HTTP ${response.statusCode}: ${text.slice(0, 1_000)}`,
              retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, 60_000) : undefined,
            });
          });
        },
      );
      asked.on('error', fail);
      asked.end(body);
    });
}
