import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { parseJson } from '../containers/json.ts';

/** A server that answers in JSON, and how to be let in. Secrets are asked for at each request, because they change. */
export type Api = {
  readonly url: URL;
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: (() => string | undefined) | undefined;
  /** Ends all requests. */
  readonly signal?: AbortSignal;
};

const MOST_ANSWER_BYTES = 64 * 1024 * 1024;
/** A pod's description has at most 1.5 MB, which is etcd's limit. */
const MOST_LINE_BYTES = 4 * 1024 * 1024;

/** `status` 0: no answer, for the reason given. */
export type ApiAnswer = { readonly status: number; readonly reason: string; readonly json: unknown };

/** Asks once and takes the whole answer. */
export function askApi(api: Api, path: string, timeoutMs: number): Promise<ApiAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let status = 0;
    const done = (reason: string | undefined) => {
      const json = reason === undefined ? parseJson(Buffer.concat(chunks).toString()) : undefined;
      if (reason === undefined && json === undefined) resolve({ status, reason: 'the answer is not JSON', json });
      else resolve({ status: reason === undefined ? status : 0, reason: reason ?? `HTTP ${status}`, json });
    };
    const timeout = AbortSignal.timeout(timeoutMs);
    send(api, path, api.signal === undefined ? timeout : AbortSignal.any([api.signal, timeout]), {
      answered: (response) => {
        status = response.statusCode ?? 0;
      },
      data: (chunk, stop) => {
        bytes += chunk.length;
        if (bytes > MOST_ANSWER_BYTES) stop('the answer is too long');
        else chunks.push(chunk);
      },
      done,
    });
  });
}

export type WatchEnd = { readonly status: number; readonly reason: string | undefined };

/** Asks for lines of JSON and hands each over as it comes, until the server or `signal` ends it. */
export function watchApi(
  api: Api,
  path: string,
  onLine: (line: unknown) => void,
  { signal, idleMs }: { readonly signal: AbortSignal; readonly idleMs: number },
): Promise<WatchEnd> {
  return new Promise((resolve) => {
    let status = 0;
    let rest = '';
    send(api, path, signal, {
      idleMs,
      answered: (response) => {
        status = response.statusCode ?? 0;
        response.setEncoding('utf8');
      },
      data: (chunk, stop) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') onLine(parseJson(line));
        if (rest.length > MOST_LINE_BYTES) stop('a line is too long');
      },
      done: (reason) => {
        if (reason === undefined && rest !== '') onLine(parseJson(rest));
        resolve({ status, reason });
      },
    });
  });
}

type Receiver = {
  readonly idleMs?: number;
  readonly answered: (response: IncomingMessage) => void;
  readonly data: (chunk: Buffer, stop: (reason: string) => void) => void;
  /** Called once; without a reason when the answer ended as it should. */
  readonly done: (reason: string | undefined) => void;
};

function send(api: Api, path: string, signal: AbortSignal, receiver: Receiver): void {
  const url = new URL(path, api.url);
  const token = api.token?.();
  const headers = {
    accept: 'application/json',
    'user-agent': 'lanner-agent',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  let isDone = false;
  const done = (reason: string | undefined) => {
    if (isDone) return;
    isDone = true;
    receiver.done(reason);
  };
  const onResponse = (response: IncomingMessage) => {
    receiver.answered(response);
    response.on('data', (chunk: Buffer) =>
      receiver.data(chunk, (reason) => {
        done(reason);
        response.destroy();
      }),
    );
    response.on('error', (error) => done(error.message));
    response.on('end', () => done(undefined));
  };
  const { ca, certificate: cert, key } = api;
  const asked =
    url.protocol === 'https:'
      ? requestHttps(
          url,
          { headers, signal, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
          onResponse,
        )
      : requestHttp(url, { headers, signal }, onResponse);
  if (receiver.idleMs !== undefined)
    asked.setTimeout(receiver.idleMs, () => asked.destroy(new Error('silent for too long')));
  asked.on('error', (error) => done(error.message));
  asked.end();
}
