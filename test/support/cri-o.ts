import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { dirname } from 'node:path';
import { encodeMessage, type Fields, Message } from '../../agent/state/containers/protobuf.ts';

/** Where CRI-O listens. */
const socket = '/run/crio/crio.sock';

/** The status and the verbose `info` of a container or a pod's sandbox. */
export type CriOAnswer = { readonly status: Fields; readonly info: unknown };

export type CriO = {
  /** Calls that broke the protocol or that a reader of descriptions has no business to make. */
  readonly complaints: readonly string[];
  close(): void;
};

/** The entries of a `map<string, string>`. */
export const mapFields = (number: number, map: Readonly<Record<string, string>>): Fields =>
  Object.entries(map).map(([key, value]) => [
    number,
    [
      [1, key],
      [2, value],
    ],
  ]);

const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;
const methods = ['ContainerStatus', 'PodSandboxStatus'] as const;

/**
 * Answers as CRI-O does (server/container_status.go and server/sandbox_status.go of cri-o/cri-o 1.30, over cri-api v1): by full ids,
 * NOT_FOUND for those it does not know, `info` only when it is asked to be verbose. No Debian suite has CRI-O itself.
 */
export async function startCriO(
  known: Readonly<Record<(typeof methods)[number], Readonly<Record<string, CriOAnswer>>>>,
): Promise<CriO> {
  mkdirSync(dirname(socket));
  const complaints: string[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => undefined);
    stream.on('end', () => {
      const path = String(headers[':path']);
      const complain = (what: string) => complaints.push(`${path}: ${what}`);
      if (headers[':method'] !== 'POST') complain('not a POST');
      if (headers['content-type'] !== 'application/grpc') complain('another content-type');
      if (headers['te'] !== 'trailers') complain('no te: trailers');
      if (!/^\d{1,8}[HMSmun]$/.test(String(headers['grpc-timeout']))) complain('no timeout');
      const method = methods.find((each) => path === `/runtime.v1.RuntimeService/${each}`);
      if (method === undefined) {
        complain('no business of the agent');
        return refuse(stream, UNIMPLEMENTED, `unknown method ${path}`);
      }
      const body = Buffer.concat(chunks);
      const request = body.subarray(5);
      if (body[0] !== 0 || body.readUInt32BE(1) !== request.length) complain('not one plain message');
      const id = new Message(request).text(1);
      const isAsAsked = request.equals(
        encodeMessage([
          [1, id],
          [2, 1],
        ]),
      );
      if (!isAsAsked) complain('more than an id and verbose');
      const found = known[method][id];
      if (found === undefined) return refuse(stream, NOT_FOUND, `could not find container "${id}"`);
      answer(stream, [[1, found.status], ...mapFields(2, { info: JSON.stringify(found.info) })]);
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    complaints,
    close() {
      for (const session of sessions) session.destroy();
      server.close();
      rmSync(dirname(socket), { recursive: true, force: true });
    },
  };
}

function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  stream.respond({ ...headers, 'grpc-status': String(code), 'grpc-message': message }, { endStream: true });
}

function answer(stream: ServerHttp2Stream, fields: Fields): void {
  const body = encodeMessage(fields);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': '' }));
  stream.end(Buffer.concat([head, body]));
}
