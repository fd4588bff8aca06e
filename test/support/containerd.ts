import { execFile, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type GrpcAnswer, GrpcChannel } from '../../agent/state/containers/grpc.ts';
import { encodeMessage, type Fields } from '../../agent/state/containers/protobuf.ts';
import { docker, image } from './docker.ts';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

/** The image of pods' own containers; CRI refuses one without a command. */
const pauseImage = 'lanner-pause:1';

export type PodOptions = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** On the host's network, the pod has no address of its own. */
  readonly network?: 'pod' | 'host';
};

export type PodContainerOptions = {
  readonly name: string;
  /** The test image if not given. */
  readonly image?: string;
  readonly command: readonly string[];
  readonly mounts?: readonly { readonly source: string; readonly destination: string }[];
};

/** A pod made through CRI, as kubelet makes them. */
export type Pod = {
  readonly id: string;
  /** Makes a container and starts it; gives its id. */
  run(options: PodContainerOptions): Promise<string>;
  /** Runs a command in one of its containers as kubelet does for a probe: ExecSync. */
  exec(id: string, command: readonly string[]): Promise<void>;
  /** ContainerState by its number in api.proto; 0: not known any more. */
  state(id: string): Promise<number>;
  /** Waits for its end first: removing would kill it, perhaps before its program began. */
  removeEnded(id: string): Promise<void>;
};

/** A containerd with CRI, apart from any other on this machine. */
export type Containerd = {
  readonly socket: string;
  pod(options: PodOptions): Promise<Pod>;
  ctr(...args: readonly string[]): Promise<string>;
  /** Of an image's manifest. */
  digestOf(reference: string): Promise<string>;
  /** What the network plugin noted as the address of a pod. */
  addressOf(sandbox: string): string;
  /** Stops answering and goes on again: SIGSTOP and SIGCONT. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  close(): Promise<void>;
};

const config = (folder: string) => `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${folder}/state/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/${pauseImage}"
  restrict_oom_score_adj = true
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/cni"
`;

const network = (folder: string) =>
  JSON.stringify({
    cniVersion: '0.4.0',
    name: 'lanner-test',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: { type: 'host-local', dataDir: `${folder}/ipam`, ranges: [[{ subnet: '10.231.77.0/24' }]] },
      },
    ],
  });

export async function startContainerd(): Promise<Containerd> {
  const folder = mkdtempSync(join(quickFolder(), 'lanner-containerd-'));
  for (const each of ['root', 'state', 'cni', 'logs']) mkdirSync(join(folder, each));
  writeFileSync(join(folder, 'config.toml'), config(folder));
  writeFileSync(join(folder, 'cni/10-test.conflist'), network(folder));
  const log = openSync(join(folder, 'containerd.log'), 'w');
  const daemon = spawn('containerd', ['-c', join(folder, 'config.toml')], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  const socket = join(folder, 'state/containerd.sock');
  const channel = new GrpcChannel(socket);
  const ctr = async (...args: readonly string[]) =>
    (await run('ctr', ['-a', socket, ...args], { encoding: 'utf8', timeout: 60_000 })).stdout.trim();
  const call = async (method: string, fields: Fields) => {
    const method_ = `/runtime.v1.RuntimeService/${method}`;
    return okOf(method, await channel.call({ method: method_, request: encodeMessage(fields), timeoutMs: 30_000 }));
  };
  const close = async () => {
    daemon.kill('SIGCONT');
    // Also those that a kubelet made.
    const sandboxes = await call('ListPodSandbox', []).catch(() => undefined);
    for (const sandbox of sandboxes?.messages(1) ?? []) {
      await call('StopPodSandbox', [[1, sandbox.text(1)]]).catch(() => undefined);
      await call('RemovePodSandbox', [[1, sandbox.text(1)]]).catch(() => undefined);
    }
    channel.close();
    daemon.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  try {
    await eventually('containerd to answer', async () => (await answers(channel)) || undefined, 30_000);
    await importImages(folder, ctr);
  } catch (cause) {
    const said = readFileSync(join(folder, 'containerd.log'), 'utf8').split('\n').slice(-8).join('\n');
    await close();
    throw new Error(`containerd does not start:\n${said}`, { cause });
  }
  const pod = async (options: PodOptions): Promise<Pod> => {
    const config = sandboxConfig(options, join(folder, 'logs'));
    const id = (await call('RunPodSandbox', [[1, config]])).text(1);
    return {
      id,
      async run(container) {
        const request: Fields = [
          [1, id],
          [2, containerConfig(container, options)],
          [3, config],
        ];
        const made = (await call('CreateContainer', request)).text(1);
        await call('StartContainer', [[1, made]]);
        return made;
      },
      async exec(made, command) {
        await call('ExecSync', [[1, made], ...command.map((word): Fields[number] => [2, word]), [3, 10]]);
      },
      async state(made) {
        const method = '/runtime.v1.RuntimeService/ContainerStatus';
        const answer = await channel.call({ method, request: encodeMessage([[1, made]]), timeoutMs: 30_000 });
        // 0, CONTAINER_CREATED, is none that a test meets.
        return answer.status === 'ok' ? answer.message.message(1).number(3) : 0;
      },
      async removeEnded(made) {
        // ContainerStatus has the state as field 3; 2 is CONTAINER_EXITED.
        const hasEnded = async () =>
          (await call('ContainerStatus', [[1, made]])).message(1).number(3) === 2 || undefined;
        await eventually(`container ${made} to end`, hasEnded);
        await call('RemoveContainer', [[1, made]]);
      },
    };
  };
  const addressOf = (sandbox: string) => {
    const notes = join(folder, 'ipam/lanner-test');
    const found = readdirSync(notes).find((name) => readFileSync(join(notes, name), 'utf8').startsWith(sandbox));
    return found ?? '';
  };
  const digestOf = async (reference: string) =>
    /sha256:[0-9a-f]{64}/.exec(await ctr('images', 'ls', `name==${reference}`))?.[0] ?? '';
  return { socket, pod, ctr, addressOf, digestOf, signal: (signal) => void daemon.kill(signal), close };
}

/** In memory where there is room: containerd waits for the disk several times at each start, and copies the image. */
function quickFolder(): string {
  const memory = '/dev/shm';
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 2 ** 30 ? memory : tmpdir();
}

async function answers(channel: GrpcChannel): Promise<boolean> {
  const call = { method: '/runtime.v1.RuntimeService/Version', request: new Uint8Array(), timeoutMs: 2_000 };
  return (await channel.call(call)).status === 'ok';
}

function okOf(method: string, answer: GrpcAnswer) {
  if (answer.status === 'ok') return answer.message;
  throw new Error(`${method}: ${answer.status === 'failed' ? answer.reason : answer.status}`);
}

async function importImages(folder: string, ctr: Containerd['ctr']): Promise<void> {
  if ((await docker('images', '-q', pauseImage)) === '') {
    const source = await docker('create', image, '/bin/busybox');
    await docker('export', '-o', join(folder, 'tree.tar'), source);
    await docker('import', '-c', 'CMD ["/bin/busybox","sleep","3600"]', join(folder, 'tree.tar'), pauseImage);
    await docker('rm', source);
  }
  await docker('save', '-o', join(folder, 'images.tar'), image, pauseImage);
  for (const namespace of ['k8s.io', 'default']) {
    await ctr('-n', namespace, 'images', 'import', '--snapshotter', 'native', join(folder, 'images.tar'));
  }
}

/** The entries of a `map<string, string>`. */
const mapFields = (number: number, map: Readonly<Record<string, string>>): Fields =>
  Object.entries(map).map(([key, value]) => [
    number,
    [
      [1, key],
      [2, value],
    ],
  ]);

const kubelets = ({ name, namespace, uid }: PodOptions) => ({
  'io.kubernetes.pod.name': name,
  'io.kubernetes.pod.namespace': namespace,
  'io.kubernetes.pod.uid': uid,
});

/** Numbers of fields in kubernetes/cri-api, pkg/apis/runtime/v1/api.proto: PodSandboxConfig. */
function sandboxConfig(options: PodOptions, logs: string): Fields {
  const { name, namespace, uid, labels = {}, annotations = {}, network: kind = 'pod' } = options;
  const node: Fields = [[2, [[1, [[1, 2]]]]]];
  const metadata: Fields = [
    [1, name],
    [2, uid],
    [3, namespace],
  ];
  return [
    [1, metadata],
    [3, logs],
    ...mapFields(6, { ...labels, ...kubelets(options) }),
    ...mapFields(7, annotations),
    [8, [[1, `/kubepods/burstable/pod${uid}`], ...(kind === 'host' ? node : [])]],
  ];
}

/** ContainerConfig. */
function containerConfig(container: PodContainerOptions, pod: PodOptions): Fields {
  const { name, command, mounts = [], image: reference = `docker.io/library/${image}` } = container;
  return [
    [1, [[1, name]]],
    [2, [[1, reference]]],
    ...command.map((word): Fields[number] => [3, word]),
    ...mounts.map(({ source, destination }): Fields[number] => [
      7,
      [
        [1, destination],
        [2, source],
        [3, 1],
      ],
    ]),
    ...mapFields(9, { 'io.kubernetes.container.name': name, ...kubelets(pod) }),
  ];
}
