import { toByteString } from '#rules/language/byte-string';
import { type ContainerDetails, makeDetails } from './container.ts';
import { openCri } from './cri.ts';
import type { Control, ControlAnswer, ControlOptions, Engine, EngineAnswer } from './engine.ts';
import { type GrpcAnswer, GrpcChannel } from './grpc.ts';
import { splitImage } from './image-name.ts';
import { parseJson, textOf } from './json.ts';
import { readSpec } from './oci-spec.ts';
import { encodeMessage, type Fields, type Message } from './protobuf.ts';

/** Numbers of fields in containerd, api/services/{containers,images,namespaces}/v1. */
const container = { labels: 2, image: 3, spec: 5, snapshotter: 6, snapshot: 7, createdAt: 8 } as const;
const image = { target: 3 } as const;
const descriptor = { digest: 2 } as const;

/** Docker's own; its containers are asked of dockerd. */
const dockers = new Set(['moby', 'plugins.moby']);
const MOST_NAMESPACES = 32;

/** containerd: what kubelet started is asked by CRI, which knows the pod; what `ctr` and nerdctl started by its own API. */
export function openContainerd(socket: string): Engine {
  const channel = new GrpcChannel(socket);
  const cri = openCri('containerd', socket, channel);
  const ask = (call: Call) =>
    channel.call({
      method: `/containerd.services.${call.method}`,
      request: encodeMessage(call.request),
      timeoutMs: call.timeoutMs,
      ...(call.namespace !== undefined && { metadata: { 'containerd-namespace': call.namespace } }),
    });
  return {
    ...cri,
    async inspect(wanted, timeoutMs) {
      if (wanted.namespace !== undefined && wanted.namespace !== 'k8s.io') {
        return inspectIn(ask, wanted.namespace, wanted.id, timeoutMs);
      }
      // A containerd that Docker started has its CRI plugin turned off: then the call is not implemented.
      const answer = await cri.inspect(wanted, timeoutMs);
      if (answer.status !== 'unknown') return answer;
      const listed = await listNamespaces(ask, timeoutMs);
      if (listed.status !== 'ok') return listed;
      for (const namespace of listed.namespaces) {
        const own = await inspectIn(ask, namespace, wanted.id, timeoutMs);
        if (own.status !== 'unknown') return own;
      }
      return { status: 'unknown' };
    },
    async control(control, wanted, options) {
      const answer = await cri.control(control, wanted, options);
      // Who ends in a plain container is seen by its shim; nothing there would start it again.
      if (answer.status !== 'unknown' || control === 'kill' || control === 'stop') return answer;
      const listed =
        wanted.namespace === undefined
          ? await listNamespaces(ask, options.timeoutMs)
          : ({ status: 'ok', namespaces: [wanted.namespace] } as const);
      if (listed.status !== 'ok') return listed;
      for (const namespace of listed.namespaces) {
        const own = await controlIn(ask, namespace, control, wanted.id, options);
        if (own.status !== 'unknown') return own;
      }
      return { status: 'unknown' };
    },
    close: () => channel.close(),
  };
}

type Namespaces =
  | { readonly status: 'ok'; readonly namespaces: readonly string[] }
  | { readonly status: 'unknown' }
  | { readonly status: 'failed'; readonly reason: string };

async function listNamespaces(ask: Ask, timeoutMs: number): Promise<Namespaces> {
  const listed = await ask({ method: 'namespaces.v1.Namespaces/List', request: [], timeoutMs });
  if (listed.status !== 'ok') return listed.status === 'failed' ? listed : { status: 'unknown' };
  const names = listed.message.messages(1).map((each) => each.text(1));
  return { status: 'ok', namespaces: names.slice(0, MOST_NAMESPACES).filter((name) => !dockers.has(name)) };
}

/** Its task, and when it is to go, the container and what it has written. */
async function controlIn(
  ask: Ask,
  namespace: string,
  control: Control,
  id: string,
  { timeoutMs }: ControlOptions,
): Promise<ControlAnswer> {
  const known = await ask({ method: 'containers.v1.Containers/Get', request: [[1, id]], timeoutMs, namespace });
  if (known.status !== 'ok') return known.status === 'failed' ? known : { status: 'unknown' };
  const described = known.message.message(1);
  const steps: readonly (readonly [string, Fields])[] =
    control === 'remove'
      ? [
          ['tasks.v1.Tasks/Delete', [[1, id]]],
          ['containers.v1.Containers/Delete', [[1, id]]],
          [
            'snapshots.v1.Snapshots/Remove',
            [
              [1, described.text(container.snapshotter)],
              [2, described.text(container.snapshot)],
            ],
          ],
        ]
      : [[`tasks.v1.Tasks/${control === 'pause' ? 'Pause' : 'Resume'}`, [[1, id]]]];
  for (const [method, request] of steps) {
    const answer = await ask({ method, request, timeoutMs, namespace });
    if (answer.status === 'failed') return answer;
  }
  return { status: 'done' };
}

type Ask = (call: Call) => Promise<GrpcAnswer>;

type Call = {
  readonly method: string;
  readonly request: Fields;
  readonly timeoutMs: number;
  readonly namespace?: string;
};

async function inspectIn(ask: Ask, namespace: string, id: string, timeoutMs: number): Promise<EngineAnswer> {
  const answer = await ask({ method: 'containers.v1.Containers/Get', request: [[1, id]], timeoutMs, namespace });
  if (answer.status === 'failed') return answer;
  if (answer.status !== 'ok') return { status: 'unknown' };
  try {
    const described = answer.message.message(1);
    const name = described.text(container.image);
    const pulled =
      name === ''
        ? undefined
        : await ask({ method: 'images.v1.Images/Get', request: [[1, name]], timeoutMs, namespace });
    const digest =
      pulled?.status === 'ok' ? pulled.message.message(1).message(image.target).text(descriptor.digest) : '';
    return { status: 'found', engine: 'containerd', details: readContainer(described, id, digest) };
  } catch (error) {
    return { status: 'failed', reason: `it answered in an unknown form: ${String(error)}` };
  }
}

function readContainer(described: Message, id: string, digest: string): ContainerDetails {
  const labels = new Map(
    [...described.map(container.labels)].slice(0, 256).map(([key, value]) => [toByteString(key), toByteString(value)]),
  );
  const created = described.message(container.createdAt);
  const spec = readSpec(parseJson(described.message(container.spec).text(2))) ?? makeDetails({});
  // A pod's own container, which CRI does not tell of before all of it is started, carries the pod's labels.
  const isSandbox = labels.get('io.cri-containerd.kind') === 'sandbox';
  const named = splitImage(textOf(described.text(container.image)));
  return {
    ...spec,
    ...named,
    digest: named.digest ?? textOf(digest),
    name: spec.name ?? labels.get('nerdctl/name') ?? toByteString(id),
    labels,
    ...(isSandbox && spec.pod !== undefined && { pod: { ...spec.pod, labels } }),
    createdMs: created.number(1) * 1_000 + Math.floor(created.number(2) / 1_000_000),
  };
}
