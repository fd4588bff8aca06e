import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { retryAfterMs } from './retry-after.ts';

/** So much of an answer is read. */
const MOST_ANSWER = 64 * 1024;
const SHOWN = 1_024;
/** The status has come and decides; the rest of the answer is only for people and later steps. */
const ANSWER_MS = 1_000;
/** Kept open between requests, for each target. */
const MOST_IDLE = 32;
const IDLE_MS = 15_000;
/** Targets whose connections are kept; the one that was not used for the longest goes first. */
const MOST_AGENTS = 64;

/** For servers that want to know who calls, or whose certificate no public authority has signed. PEM texts. */
export type TlsSettings = {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
};

export type HttpRequest = {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  readonly tls?: TlsSettings | undefined;
};

export type HttpAnswer = {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The beginning of it. */
  readonly text: string;
  readonly retryAfterMs: number | undefined;
};

/** `late`: the signal ended it. `broken`: no status came, whatever the reason; the request may have arrived. */
export type HttpOutcome = HttpAnswer | { readonly kind: 'late' } | { readonly kind: 'broken'; readonly reason: string };

export type Http = {
  /** Never rejects; redirects are answers. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpOutcome>;
  close(): void;
};

type Agent = PlainAgent | TlsAgent;

/** Sends requests over connections that are kept open. */
export function makeHttp(): Http {
  const agents = new Map<string, Agent>();
  const agentFor = ({ protocol, host }: URL, tls: TlsSettings): Agent => {
    const key = JSON.stringify([protocol, host, tls.ca, tls.cert, tls.key]);
    const found = agents.get(key);
    agents.delete(key);
    const options = { keepAlive: true, maxFreeSockets: MOST_IDLE, timeout: IDLE_MS };
    const agent = found ?? (protocol === 'https:' ? new TlsAgent({ ...options, ...tls }) : new PlainAgent(options));
    agents.set(key, agent);
    const [[oldest, unused] = []] = agents.size > MOST_AGENTS ? agents : [];
    if (oldest !== undefined) {
      unused?.destroy();
      agents.delete(oldest);
    }
    return agent;
  };
  return {
    async send(request, signal) {
      const agent = agentFor(request.url, request.tls ?? {});
      const first = await sendOnce(request, agent, signal);
      // The server closed a connection that was idle just as it was used: it has seen nothing of the request.
      return first.kind === 'broken' && first.isStale ? sendOnce(request, agent, signal) : first;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

type Broken = { readonly kind: 'broken'; readonly reason: string; readonly isStale: boolean };

function sendOnce(
  { method, url, headers, body }: HttpRequest,
  agent: Agent,
  signal: AbortSignal,
): Promise<Exclude<HttpOutcome, { readonly kind: 'broken' }> | Broken> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve({ kind: 'late' });
      return;
    }
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const makeRequest = url.protocol === 'https:' ? tlsRequest : plainRequest;
    const request = makeRequest(url, {
      method,
      agent,
      headers: { ...headers, ...(bytes === undefined ? {} : { 'content-length': bytes.length }) },
    });
    const abort = (): void => {
      request.destroy();
      settle({ kind: 'late' });
    };
    const settle = (outcome: Parameters<typeof resolve>[0]): void => {
      signal.removeEventListener('abort', abort);
      resolve(outcome);
    };
    signal.addEventListener('abort', abort, { once: true });
    request.on('error', (error) => {
      const isStale = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
      settle({ kind: 'broken', reason: causeOf(error), isStale });
    });
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      const chunks: Buffer[] = [];
      let length = 0;
      const answer = (): void => {
        clearTimeout(patience);
        const text = Buffer.concat(chunks).toString('utf8').slice(0, MOST_ANSWER);
        const wait = retryAfterMs(response.headers['retry-after'], Date.now());
        settle({ kind: 'answer', status, headers: response.headers, text, retryAfterMs: wait });
      };
      const cutOff = (): void => {
        answer();
        request.destroy();
      };
      const patience = setTimeout(cutOff, ANSWER_MS);
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= MOST_ANSWER) cutOff();
      });
      response.on('end', answer);
      // It breaks off: what has come so far is all there is.
      response.on('error', answer);
      response.on('close', answer);
      signal.removeEventListener('abort', abort);
      signal.addEventListener('abort', cutOff, { once: true });
    });
    request.end(bytes);
  });
}

function causeOf(error: Error): string {
  // Several addresses tried in vain make an AggregateError without words.
  return error.message === '' && 'code' in error ? String(error.code) : error.message;
}

/** Too many requests, time-outs and errors of the server may pass; everything else is wrong and stays wrong. */
export function mayPass(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** What was answered, for people: the end of a URL may hold a token (chat webhooks do), and servers like to repeat it. */
export function shownAnswer({ status, text }: HttpAnswer, url: URL, mask: (text: string) => string): string {
  const said = maskUrl(mask(text), url).slice(0, SHOWN);
  return `${url.host} answered ${status}${said === '' ? '' : `: ${said}`}`;
}

export function maskUrl(text: string, { href, pathname, search, username, password }: URL): string {
  return [href, `${pathname}${search}`, pathname, search.slice(1), password, username]
    .filter((part) => part.length > 1)
    .reduce((masked, part) => masked.replaceAll(part, () => '***'), text);
}
