import { builtin } from '#rules/cli/builtin';

const REQUEST_TIMEOUT_MS = 10_000;

/** What came of a request; status 0 when there was no answer. */
export type Answer = {
  readonly status: number;
  readonly reason: string;
  /** The beginning of it. */
  readonly text: string;
  readonly retryAfterMs: number | undefined;
};

export type PosterSettings = {
  readonly userAgent?: string;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** Cuts requests off. */
  readonly stop?: AbortSignal;
};

const timeOut = (): AbortSignal => AbortSignal.timeout(REQUEST_TIMEOUT_MS);

/** One request on a connection that is kept. Redirects are not followed: a token goes nowhere else. */
export type Ask = (
  method: string,
  target: URL,
  body: string | Buffer,
  headers: Readonly<Record<string, string>>,
) => Promise<Answer>;

/** Asks one server, which `protocol` is spoken with. */
export function makeAsk(
  protocol: string,
  token: string | undefined,
  { userAgent, stop, ...tls }: PosterSettings = {},
): Ask {
  const secure = protocol === 'https:';
  const agent = secure
    ? new builtin.https.Agent({ keepAlive: true, maxSockets: 1, ...tls })
    : new builtin.http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = secure ? builtin.https.request : builtin.http.request;
  return (method, target, body, headers) =>
    new Promise((resolve) => {
      const fail = (error: Error) => resolve({ status: 0, reason: error.message, text: '', retryAfterMs: undefined });
      const asked = ask(
        target,
        {
          agent,
          method,
          headers: {
            ...headers,
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...(userAgent !== undefined && { 'user-agent': userAgent }),
            'content-length': Buffer.byteLength(body),
          },
          signal: stop === undefined ? timeOut() : AbortSignal.any([stop, timeOut()]),
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
              text,
              retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1_000, 60_000) : undefined,
            });
          });
        },
      );
      asked.on('error', fail);
      asked.end(body);
    });
}

/** Posts JSON texts in one request. */
export function makePoster(
  target: URL,
  token: string | undefined,
  settings: PosterSettings = {},
): (bodies: readonly string[], headers?: Readonly<Record<string, string>>) => Promise<Answer> {
  const ask = makeAsk(target.protocol, token, settings);
  return (bodies, more = {}) => {
    const type = bodies.length === 1 ? 'application/json' : 'application/x-ndjson';
    return ask('POST', target, bodies.join('\n'), { ...more, 'content-type': type });
  };
}
