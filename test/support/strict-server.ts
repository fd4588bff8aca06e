import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export type SeenRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly bytes: Buffer;
  readonly atMs: number;
};

/** What a server says to a request; `undefined`: nothing, ever. */
export type Reply =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      /** Letter by letter, or no more than the first half of it. */
      readonly pace?: 'slowly' | 'half';
    }
  | 'reset'
  | 'half'
  | 'never';

export type StrictServer = {
  readonly origin: string;
  readonly seen: SeenRequest[];
  /** What it answers from now on. */
  answer(reply: (request: SeenRequest) => Reply | Promise<Reply>): void;
  close(): Promise<void>;
};

/** A local HTTP server that keeps every request and answers as it is told. */
export async function startStrictServer(
  first: (request: SeenRequest) => Reply | Promise<Reply> = () => ({ status: 204 }),
): Promise<StrictServer> {
  const seen: SeenRequest[] = [];
  let reply = first;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const { method = '', url: path = '', headers } = request;
      const bytes = Buffer.concat(chunks);
      const one = { method, path, headers, body: bytes.toString(), bytes, atMs: Date.now() };
      seen.push(one);
      say(await reply(one), response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    seen,
    answer: (next) => {
      reply = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function say(reply: Reply, response: ServerResponse): void {
  if (reply === 'never') return;
  if (reply === 'reset') response.destroy();
  else if (reply === 'half')
    response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
  // 204 has no body that could come slowly.
  else if (reply.pace === undefined || reply.status === 204)
    response.writeHead(reply.status, reply.headers).end(reply.body);
  else sayInParts(reply.pace, reply.body ?? 'ok', response.writeHead(reply.status, reply.headers));
}

function sayInParts(pace: 'slowly' | 'half', body: string, response: ServerResponse): void {
  const letters = [...body].slice(0, pace === 'half' ? Math.ceil(body.length / 2) : undefined);
  const next = (): void => {
    const letter = letters.shift();
    if (letter !== undefined) response.write(letter, () => setTimeout(next, 5));
    else if (pace === 'half') response.destroy();
    else response.end();
  };
  next();
}
