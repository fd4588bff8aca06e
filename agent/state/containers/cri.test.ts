import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openContainerd } from './containerd.ts';
import { openCri } from './cri.ts';
import { encodeMessage, type Fields } from './protobuf.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** The entries of a `map<string, string>`. */
const mapFields = (number: number, map: Readonly<Record<string, string>>): Fields =>
  Object.entries(map).map(([key, value]) => [
    number,
    [
      [1, key],
      [2, value],
    ],
  ]);

type Answer = Fields | number | 'silence' | 'hang up' | 'nonsense';

/** A gRPC server that answers each method as the test says; a number is the status of an error. */
async function startServer(answers: (method: string, namespace: string) => Answer) {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-cri-'));
  const path = join(folder, 's.sock');
  const asked: string[] = [];
  const server: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const method = String(headers[':path']);
    asked.push(method);
    stream.on('error', () => undefined);
    const answer = answers(method, String(headers['containerd-namespace']));
    if (answer === 'silence') return;
    if (answer === 'hang up') return stream.session?.destroy();
    if (typeof answer === 'number') {
      stream.respond({ ':status': 200, 'grpc-status': String(answer), 'grpc-message': 'no' }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const body = answer === 'nonsense' ? Uint8Array.of(0x0b, 0x0b) : encodeMessage(answer);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    stream.end(Buffer.concat([head, body]));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closers.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, asked };
}

const id = 'ab'.repeat(32);
const sandboxId = 'cd'.repeat(32);
const digest = `sha256:${'ef'.repeat(32)}`;
const v1 = '/runtime.v1.RuntimeService';

const status: Fields = [
  [2, [[1, 'app']]],
  [4, 1_795_439_190_000_000_000],
  [8, [[1, 'registry:5000/team/app:1.2']]],
  [9, `registry:5000/team/app@${digest}`],
  ...mapFields(12, { 'io.kubernetes.container.name': 'app' }),
  [
    14,
    [
      [1, '/host'],
      [2, '/etc'],
      [3, 1],
      [5, 1],
    ],
  ],
];
const info = JSON.stringify({
  sandboxID: sandboxId,
  config: { linux: { security_context: { privileged: true } }, image: { image: `sha256:${'11'.repeat(32)}` } },
  runtimeSpec: { ociVersion: '1.0.2', process: { args: ['/bin/app'] } },
});
const manifest = JSON.stringify({
  spec: {
    containers: [
      { name: 'app', livenessProbe: { exec: { command: ['cat', '/alive'] } }, readinessProbe: { httpGet: {} } },
    ],
  },
});
const pod: Fields = [
  [
    2,
    [
      [1, 'web-1'],
      [2, 'uid-1'],
      [3, 'shop'],
    ],
  ],
  [5, [[1, '10.1.2.3']]],
  [
    6,
    [
      [
        1,
        [
          [
            2,
            [
              [1, 2],
              [2, 0],
              [3, 2],
            ],
          ],
        ],
      ],
    ],
  ],
  ...mapFields(7, { app: 'web' }),
  ...mapFields(8, { 'kubectl.kubernetes.io/last-applied-configuration': manifest }),
];

const answers = (method: string): Answer => {
  if (method.endsWith('/ContainerStatus')) return [[1, status], ...mapFields(2, { info })];
  if (method.endsWith('/PodSandboxStatus')) return [[1, pod], ...mapFields(2, { info: '{"cniResult":{"a":1}}' })];
  return 12;
};

function open(path: string) {
  const engine = openCri('cri-o', path);
  closers.push(() => engine.close());
  return engine;
}

describe('the container runtime interface', () => {
  it('describes a container and its pod', async () => {
    const { path } = await startServer(answers);
    expect(await open(path).inspect({ id }, 2_000)).toMatchObject({
      status: 'found',
      engine: 'cri-o',
      details: {
        name: 'app',
        image: 'registry:5000/team/app:1.2',
        repository: 'registry:5000/team/app',
        tag: '1.2',
        digest,
        imageId: '11'.repeat(32),
        privileged: true,
        ip: '10.1.2.3',
        hostNetwork: true,
        hostPid: false,
        hostIpc: true,
        createdMs: 1_795_439_190_000,
        command: ['/bin/app'],
        mounts: [{ source: '/etc', destination: '/host', mode: 'ro', writable: false, propagation: 'rslave' }],
        probes: { liveness: 'cat /alive', readiness: undefined },
        pod: {
          name: 'web-1',
          uid: 'uid-1',
          namespace: 'shop',
          sandboxId,
          labels: new Map([['app', 'web']]),
          ip: '10.1.2.3',
          cniJson: '{"a":1}',
        },
      },
    });
  });

  it('describes a pod’s own container', async () => {
    const { path } = await startServer((method) => (method.endsWith('/ContainerStatus') ? 5 : answers(method)));
    const answer = await open(path).inspect({ id }, 2_000);
    expect(answer).toMatchObject({
      status: 'found',
      details: { name: 'web-1', pod: { sandboxId: id, name: 'web-1' } },
    });
  });

  it('speaks the version before when the engine knows no other, and keeps to it', async () => {
    const { path, asked } = await startServer((method) =>
      method.startsWith(v1) && !method.includes('v1alpha2') ? 12 : answers(method),
    );
    const engine = open(path);
    expect((await engine.inspect({ id }, 2_000)).status).toBe('found');
    expect((await engine.inspect({ id }, 2_000)).status).toBe('found');
    expect(asked.filter((method) => method.startsWith(`${v1}/`))).toHaveLength(1);
  });

  it.for([
    { name: 'does not know it', answer: 5, expected: { status: 'unknown' } },
    { name: 'fails', answer: 13, expected: { status: 'failed', reason: 'gRPC status 13: no' } },
    { name: 'is silent', answer: 'silence', expected: { status: 'failed', reason: 'no answer within 200 ms' } },
    { name: 'hangs up', answer: 'hang up', expected: { status: 'failed' } },
    { name: 'answers nonsense', answer: 'nonsense', expected: { status: 'failed' } },
  ] as const)('says when the engine $name', async ({ answer, expected }) => {
    const { path } = await startServer(() => answer);
    expect(await open(path).inspect({ id }, 200)).toMatchObject(expected);
  });

  it('says when nobody listens, and connects anew when somebody does', async () => {
    const engine = open('/nonexistent/engine.sock');
    expect(await engine.inspect({ id }, 2_000)).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching('ENOENT'),
    });
    const { path } = await startServer((method) => (asked++ === 0 ? 'hang up' : answers(method)));
    let asked = 0;
    const other = open(path);
    expect((await other.inspect({ id }, 2_000)).status).toBe('failed');
    expect((await other.inspect({ id }, 2_000)).status).toBe('found');
  });
});

describe('containerd without a pod', () => {
  const described: Fields = [
    [
      1,
      [
        [1, 'redis'],
        ...mapFields(2, { 'nerdctl/name': 'cache' }),
        [3, 'docker.io/library/redis:7'],
        [
          8,
          [
            [1, 1_795_439_190],
            [2, 500_000_000],
          ],
        ],
      ],
    ],
  ];
  const own = (method: string, namespace: string): Answer => {
    if (method.endsWith('Namespaces/List'))
      return [
        [1, [[1, 'moby']]],
        [1, [[1, 'default']]],
      ];
    if (method.endsWith('Containers/Get')) return namespace === 'default' ? described : 5;
    if (method.endsWith('Images/Get')) return [[1, [[3, [[2, digest]]]]]];
    return method.includes('runtime.v1') ? 12 : 13;
  };

  it.for([{ container: { id: 'redis', namespace: 'default' } }, { container: { id: 'redis' } }])(
    'finds $container in its namespace',
    async ({ container }) => {
      const { path } = await startServer(own);
      const engine = openContainerd(path);
      closers.push(() => engine.close());
      expect(await engine.inspect(container, 2_000)).toMatchObject({
        status: 'found',
        engine: 'containerd',
        details: {
          name: 'cache',
          repository: 'docker.io/library/redis',
          tag: '7',
          digest,
          createdMs: 1_795_439_190_500,
        },
      });
      expect(await engine.inspect({ id: 'redis', namespace: 'other' }, 2_000)).toEqual({ status: 'unknown' });
    },
  );
});
