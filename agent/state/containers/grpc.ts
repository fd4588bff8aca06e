import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { builtin } from '#rules/cli/builtin';
import { Message } from './protobuf.ts';

/** An answer beyond this is no container's description. */
const MOST_ANSWER_BYTES = 4 * 1024 * 1024;

/** Codes of gRPC (statuscodes.md of grpc/grpc) that callers tell apart. */
const OK = 0;
const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

export type GrpcAnswer =
  | { readonly status: 'ok'; readonly message: Message }
  | { readonly status: 'not_found' | 'unimplemented' }
  | { readonly status: 'failed'; readonly reason: string };

export type GrpcCall = {
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly request: Uint8Array;
  readonly timeoutMs: number;
  readonly metadata?: Readonly<Record<string, string>>;
};

/**
 * Unary gRPC calls over a unix socket: HTTP/2 with five bytes before each message (PROTOCOL-HTTP2.md of grpc/grpc). Written here
 * because the few calls that the agent makes do not warrant a library of two megabytes. One connection, made at the first call and
 * after it has broken; it does not keep the process alive.
 */
export class GrpcChannel {
  readonly #socket: string;
  #session: ClientHttp2Session | undefined;

  constructor(socket: string) {
    this.#socket = socket;
  }

  call(call: GrpcCall): Promise<GrpcAnswer> {
    return new Promise((resolve) => {
      const fail = (reason: string) => resolve({ status: 'failed', reason });
      const session = this.#connect(fail);
      const { constants } = builtin.http2;
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: call.method,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-timeout': `${call.timeoutMs}m`,
        ...call.metadata,
      });
      const timer = setTimeout(() => {
        fail(`no answer within ${call.timeoutMs} ms`);
        stream.close(constants.NGHTTP2_CANCEL);
      }, call.timeoutMs);
      const chunks: Buffer[] = [];
      let bytes = 0;
      // Without a body the status stands in the headers ("Trailers-Only").
      let trailers: Readonly<Record<string, unknown>> = {};
      stream.on('response', (headers) => {
        trailers = headers;
      });
      stream.on('trailers', (headers) => {
        trailers = headers;
      });
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= MOST_ANSWER_BYTES) chunks.push(chunk);
        else {
          fail('answer too long');
          stream.close(constants.NGHTTP2_CANCEL);
        }
      });
      stream.on('error', (error) => fail(error.message));
      stream.on('close', () => {
        clearTimeout(timer);
        resolve(readAnswer(trailers, Buffer.concat(chunks)));
      });
      stream.end(frame(call.request));
    });
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  /** `fail` is told why no connection came about: the stream itself only says that it was cancelled. */
  #connect(fail: (reason: string) => void): ClientHttp2Session {
    const open = this.#session;
    if (open !== undefined && !open.closed && !open.destroyed) return open;
    const socket = connect(this.#socket);
    const session = builtin.http2.connect('http://localhost', { createConnection: () => socket });
    socket.unref();
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    session.on('error', (error) => {
      fail(error.message);
      forget();
    });
    session.on('goaway', forget);
    session.on('close', forget);
    this.#session = session;
    return session;
  }
}

/** Not compressed, then the length in four bytes, the highest first. */
function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

function readAnswer(trailers: Readonly<Record<string, unknown>>, body: Buffer): GrpcAnswer {
  const status = trailers['grpc-status'];
  if (status === undefined) return { status: 'failed', reason: 'the connection ended before the answer' };
  const code = Number(status);
  if (code === NOT_FOUND) return { status: 'not_found' };
  if (code === UNIMPLEMENTED) return { status: 'unimplemented' };
  if (code !== OK) {
    const said = String(trailers['grpc-message'] ?? '').slice(0, 256);
    return { status: 'failed', reason: `gRPC status ${code}${said === '' ? '' : `: ${said}`}` };
  }
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) {
    return { status: 'failed', reason: 'the answer is not one message' };
  }
  try {
    return { status: 'ok', message: new Message(body.subarray(5)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { status: 'failed', reason: `the answer is no protocol buffer: ${reason}` };
  }
}
