import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

type Document = {
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
  };
  readonly [key: string]: unknown;
};
type Change = { readonly version: number; readonly type: string; readonly object: Document };

/**
 * An API server for tests: pods by list (in pages) and watch as the API's concepts describe them, with versions,
 * bookmarks and a history that can be compacted; other objects by their path. What goes wrong is switched on by a test.
 */
export class KubernetesServer {
  readonly asked: string[] = [];
  readonly objects = new Map<string, unknown>();
  /** Paths that the account may not read; `watch` is the watch of pods. */
  readonly forbidden = new Set<string>();
  token: string | undefined;
  /**
   * `silent`: takes requests and never answers; `broken`: HTTP 500; `endless`: answers without end; `hasty`: takes watches
   * and ends them at once; `slow`: byte by byte.
   */
  mode: 'well' | 'silent' | 'broken' | 'endless' | 'hasty' | 'slow' = 'well';
  /** How a watch from a version that is gone is refused: by its status, or as an event in the stream. */
  goneAs: 'status' | 'event' = 'event';
  pageSize = 500;
  /** The next page of a list is of a version that is gone. */
  isPageGone = false;
  #version = 100;
  #compacted = 0;
  readonly #pods = new Map<string, Document>();
  readonly #history: Change[] = [];
  readonly #watches = new Set<{ readonly node: string; readonly response: ServerResponse }>();
  readonly #tls: { readonly key: string; readonly cert: string } | undefined;
  #server = this.#make();

  constructor(tls?: { readonly key: string; readonly cert: string }) {
    this.#tls = tls;
    this.#server = this.#make();
  }

  async listen(port = 0): Promise<URL> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    const address = this.#server.address() as AddressInfo;
    return new URL(`${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`);
  }

  /** Nobody listens any more, until `listen` with the same port. */
  async die(): Promise<void> {
    this.close();
    this.#watches.clear();
    await new Promise((resolve) => this.#server.once('close', resolve));
    this.#server = this.#make();
  }

  get watching(): number {
    return this.#watches.size;
  }

  put(pod: Document): void {
    const type = this.#pods.has(pod.metadata.uid) ? 'MODIFIED' : 'ADDED';
    const object = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(++this.#version) } };
    this.#pods.set(pod.metadata.uid, object);
    this.#tell({ version: this.#version, type, object });
  }

  delete(uid: string): void {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    this.#pods.delete(uid);
    const object = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(++this.#version) } };
    this.#tell({ version: this.#version, type: 'DELETED', object });
  }

  /** Something that concerns nobody happens: versions go on, and a bookmark says so. */
  bookmark(): void {
    this.#version += 50;
    const object = { kind: 'Pod', metadata: { resourceVersion: String(this.#version) } };
    for (const { response } of this.#watches) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Forgets the history up to now. */
  compact(): void {
    this.#compacted = this.#version;
  }

  /** Tells open watches that their version is gone, and ends them. */
  expire(): void {
    this.compact();
    this.say(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
    this.cut('cleanly');
  }

  /** Says this to all watches, whatever it is. */
  say(text: string): void {
    for (const { response } of this.#watches) response.write(text);
  }

  /** Ends all watches: `cleanly` as a time-out does, or in the middle of a line. */
  cut(how: 'cleanly' | 'hard'): void {
    for (const watch of this.#watches) {
      if (how === 'cleanly') watch.response.end();
      else {
        watch.response.write('{"type":"MODI');
        watch.response.destroy();
      }
    }
    this.#watches.clear();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #tell(change: Change): void {
    this.#history.push(change);
    for (const watch of this.#watches) {
      const line = `${JSON.stringify(eventOf(change))}\n`;
      if (nodeOf(change.object) !== watch.node) continue;
      if (this.mode === 'slow') void drip(watch.response, line);
      else watch.response.write(line);
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://server');
    this.asked.push(`${url.pathname}${url.search}`);
    if (this.mode === 'silent') return;
    const isWatch = url.searchParams.get('watch') === '1';
    const isKnown = this.token === undefined || request.headers.authorization === `Bearer ${this.token}`;
    if (this.mode === 'broken') refuse(response, 500, 'InternalError');
    else if (this.mode === 'endless') flood(response);
    else if (!isKnown) refuse(response, 401, 'Unauthorized');
    else if (this.forbidden.has(isWatch ? 'watch' : url.pathname)) refuse(response, 403, 'Forbidden');
    else if (url.pathname === '/api/v1/pods') this.#answerPods(url, response);
    else if (!this.objects.has(url.pathname)) refuse(response, 404, 'NotFound');
    else json(response, 200, this.objects.get(url.pathname));
  }

  #make() {
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response);
    return this.#tls === undefined ? createServer(answer) : createTlsServer(this.#tls, answer);
  }

  #answerPods(url: URL, response: ServerResponse): void {
    const node = /^spec\.nodeName=(.*)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1] ?? '';
    if (url.searchParams.get('watch') === '1') this.#watch(url, node, response);
    else this.#list(url, node, response);
  }

  #list(url: URL, node: string, response: ServerResponse): void {
    const all = [...this.#pods.values()].filter((pod) => nodeOf(pod) === node);
    const size = Math.min(this.pageSize, Number(url.searchParams.get('limit') ?? this.pageSize));
    const from = Number(url.searchParams.get('continue') ?? 0);
    if (from > 0 && this.isPageGone) {
      this.isPageGone = false;
      json(response, 410, gone);
      return;
    }
    const items = all.slice(from, from + size);
    const more = from + size < all.length ? { continue: String(from + size) } : {};
    json(response, 200, { kind: 'PodList', metadata: { resourceVersion: String(this.#version), ...more }, items });
  }

  #watch(url: URL, node: string, response: ServerResponse): void {
    const from = Number(url.searchParams.get('resourceVersion'));
    if (from < this.#compacted && this.goneAs === 'status') {
      json(response, 410, gone);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < this.#compacted) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
      return;
    }
    if (this.mode === 'hasty') {
      response.end();
      return;
    }
    for (const change of this.#history) {
      if (change.version > from && nodeOf(change.object) === node) {
        response.write(`${JSON.stringify(eventOf(change))}\n`);
      }
    }
    const watch = { node, response };
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }
}

const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };

/** Each byte on its own, also those of one character. */
async function drip(response: ServerResponse, line: string): Promise<void> {
  for (const byte of Buffer.from(line)) {
    response.write(Uint8Array.of(byte));
    await new Promise(setImmediate);
  }
}

function flood(response: ServerResponse): void {
  const block = ' '.repeat(1024 * 1024);
  const more = () => {
    while (!response.destroyed && response.write(block));
  };
  response.writeHead(200, { 'content-type': 'application/json' }).on('drain', more);
  more();
}

const eventOf = ({ type, object }: Change) => ({ type, object });

function nodeOf(pod: Document): unknown {
  const { spec } = pod;
  return typeof spec === 'object' && spec !== null && 'nodeName' in spec ? spec.nodeName : undefined;
}

function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const refuse = (response: ServerResponse, code: number, reason: string): void =>
  json(response, code, { kind: 'Status', status: 'Failure', code, reason, message: `it is ${reason}` });
