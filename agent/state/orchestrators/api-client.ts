import type { IncomingMessage } from 'node:http';
import { builtin } from '#rules/cli/builtin';
import { parseJson, partOf, textOf } from '../containers/json.ts';

/** What proves who is who, both ways. */
export type Certificates = {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
};

/** A server that answers in JSON, and how to be let in. Secrets are asked for at each request, because they change. */
export type Api = {
  readonly url: URL;
  readonly certificates?: (() => Certificates) | undefined;
  readonly token?: (() => string | undefined) | undefined;
  /** Ends all requests. */
  readonly signal?: AbortSignal;
};

const MOST_ANSWER_BYTES = 64 * 1024 * 1024;
/** A pod's description has at most 1.5 MB, which is etcd's limit. */
const MOST_LINE_BYTES = 4 * 1024 * 1024;

/** Enough of an error's body for what a server says about it. */
const MOST_ERROR_BYTES = 4_096;

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
      else resolve({ status: reason === undefined ? status : 0, reason: reason ?? describe(status, json), json });
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

/** `reason` is missing when the server ended it as it should. */
export type WatchEnd = {
  readonly status: number;
  readonly reason: string | undefined;
  readonly isLineTooLong: boolean;
};

export type WatchHandlers = {
  /** The server has taken it. */
  readonly opened: () => void;
  readonly line: (line: unknown) => void;
};

/** Asks for lines of JSON and hands each over as it comes, until the server or `signal` ends it. */
export function watchApi(
  api: Api,
  path: string,
  { opened, line: onLine }: WatchHandlers,
  { signal, idleMs }: { readonly signal: AbortSignal; readonly idleMs: number },
): Promise<WatchEnd> {
  return new Promise((resolve) => {
    let status = 0;
    let rest = '';
    let isLineTooLong = false;
    send(api, path, signal, {
      idleMs,
      answered: (response) => {
        status = response.statusCode ?? 0;
        response.setEncoding('utf8');
        if (status === 200) opened();
      },
      data: (chunk, stop) => {
        if (status !== 200) {
          rest = (rest + chunk.toString()).slice(0, MOST_ERROR_BYTES);
          return;
        }
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') onLine(parseJson(line));
        isLineTooLong = rest.length > MOST_LINE_BYTES;
        if (isLineTooLong) stop('a line is too long');
      },
      done: (reason) => {
        if (status !== 200 && status !== 0) {
          resolve({ status, reason: reason ?? describe(status, parseJson(rest)), isLineTooLong });
          return;
        }
        if (reason === undefined && rest !== '') onLine(parseJson(rest));
        resolve({ status, reason, isLineTooLong });
      },
    });
  });
}

/** An API server says in a Status object what it refuses, and to whom. */
function describe(status: number, json: unknown): string {
  const message = textOf(partOf(json)['message'])?.slice(0, 300);
  return message === undefined ? `HTTP ${status}` : `HTTP ${status}: ${message}`;
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
  const { ca, certificate: cert, key } = api.certificates?.() ?? {};
  const asked =
    url.protocol === 'https:'
      ? builtin.https.request(
          url,
          { headers, signal, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
          onResponse,
        )
      : builtin.http.request(url, { headers, signal }, onResponse);
  if (receiver.idleMs !== undefined)
    asked.setTimeout(receiver.idleMs, () => asked.destroy(new Error('silent for too long')));
  asked.on('error', (error) => done(error.message));
  asked.end();
}
