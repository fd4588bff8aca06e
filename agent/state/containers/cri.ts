import { toByteString } from '#rules/language/byte-string';
import { type ContainerDetails, type EngineKind, type Mount, makeDetails, type Pod } from './container.ts';
import type { Engine, EngineAnswer } from './engine.ts';
import { type GrpcAnswer, GrpcChannel } from './grpc.ts';
import { splitImage } from './image-name.ts';
import { isJson, parseJson, partOf, textOf, textsOf } from './json.ts';
import { readSpec } from './oci-spec.ts';
import { podOfLabels, probesOfAnnotations } from './pod-labels.ts';
import { encodeMessage, type Message } from './protobuf.ts';

/** The second is that of containerd before 1.6 and CRI-O before 1.20; what is read here has the same numbers in both. */
const services = ['runtime.v1.RuntimeService', 'runtime.v1alpha2.RuntimeService'] as const;

/** Numbers of fields in kubernetes/cri-api, pkg/apis/runtime/v1/api.proto. */
const request = { id: 1, verbose: 2 } as const;
/** StopContainerRequest; RemoveContainerRequest has the id alone. */
const stopping = { id: 1, timeout: 2 } as const;
const response = { status: 1, info: 2 } as const;
const container = {
  metadata: 2,
  createdAt: 4,
  startedAt: 5,
  image: 8,
  imageRef: 9,
  labels: 12,
  annotations: 13,
  mounts: 14,
  imageId: 17,
} as const;
const mount = { containerPath: 1, hostPath: 2, readonly: 3, propagation: 5 } as const;
const sandbox = { metadata: 2, createdAt: 4, network: 5, linux: 6, labels: 7, annotations: 8 } as const;
const namespaces = { network: 1, pid: 2, ipc: 3 } as const;
/** NamespaceMode of the host. */
const NODE = 2;
const NS_PER_MS = 1_000_000;

const propagations = ['rprivate', 'rslave', 'rshared'] as const;

/** An engine that kubelet talks to: containerd's CRI plugin, CRI-O. */
export function openCri(name: 'containerd' | 'cri-o', socket: string, channel = new GrpcChannel(socket)): Engine {
  let service: (typeof services)[number] = services[0];
  const ask = async (method: string, id: string, timeoutMs: number): Promise<GrpcAnswer> => {
    const body = encodeMessage([
      [request.id, id],
      [request.verbose, 1],
    ]);
    const answer = await channel.call({ method: `/${service}/${method}`, request: body, timeoutMs });
    if (answer.status !== 'unimplemented' || service === services[1]) return answer;
    const older = await channel.call({ method: `/${services[1]}/${method}`, request: body, timeoutMs });
    if (older.status === 'ok' || older.status === 'not_found') [, service] = services;
    return older;
  };
  return {
    name,
    socket,
    async inspect({ id }, timeoutMs) {
      const answer = await ask('ContainerStatus', id, timeoutMs);
      if (answer.status === 'not_found')
        return found(name, readSandbox, await ask('PodSandboxStatus', id, timeoutMs), id);
      if (answer.status !== 'ok') return failure(answer);
      const info = readInfo(answer.message);
      const sandboxId = textOf(info['sandboxID']);
      const pod = sandboxId === undefined ? undefined : await ask('PodSandboxStatus', sandboxId, timeoutMs);
      const status = pod?.status === 'ok' ? pod.message : undefined;
      return found(name, (message) => readContainer(message, status, sandboxId), answer, id);
    },
    async control(control, { id }, { timeoutMs, graceS = 0 }) {
      // Whoever is killed by its cgroup has ended for the engine too: its shim waits for it. CRI knows no pause.
      if (control !== 'stop' && control !== 'remove') return { status: 'unknown' };
      const body = encodeMessage(
        control === 'remove'
          ? [[stopping.id, id]]
          : [
              [stopping.id, id],
              [stopping.timeout, graceS],
            ],
      );
      // Removing what is not there is no error in CRI: whether it is one of its own is asked first.
      const known = await ask('ContainerStatus', id, timeoutMs);
      if (known.status !== 'ok') return failure(known);
      const method = control === 'stop' ? 'StopContainer' : 'RemoveContainer';
      const answer = await channel.call({ method: `/${service}/${method}`, request: body, timeoutMs });
      return answer.status === 'ok' ? { status: 'done' } : failure(answer);
    },
    close: () => channel.close(),
  };
}

function found(
  engine: EngineKind,
  read: (message: Message, id: string) => ContainerDetails,
  answer: GrpcAnswer,
  id: string,
): EngineAnswer {
  if (answer.status !== 'ok') return failure(answer);
  try {
    return { status: 'found', engine, details: read(answer.message, id) };
  } catch (error) {
    return { status: 'failed', reason: `it answered in an unknown form: ${String(error)}` };
  }
}

function failure(
  answer: Exclude<GrpcAnswer, { status: 'ok' }>,
): { readonly status: 'unknown' } | { readonly status: 'failed'; readonly reason: string } {
  if (answer.status === 'failed') return answer;
  return { status: 'unknown' };
}

/** `info` is JSON of a form that each engine chooses; containerd and CRI-O agree on what is read here. */
const readInfo = (answer: Message) => partOf(parseJson(answer.map(response.info).get('info') ?? ''));

const bytesOf = (map: ReadonlyMap<string, string>): Map<string, string> =>
  new Map([...map].slice(0, 256).map(([key, value]) => [toByteString(key), toByteString(value.slice(0, 65_536))]));

function readContainer(
  answer: Message,
  podAnswer: Message | undefined,
  sandboxId: string | undefined,
): ContainerDetails {
  const status = answer.message(response.status);
  const info = readInfo(answer);
  const spec = readSpec(info['runtimeSpec']);
  const labels = bytesOf(status.map(container.labels));
  const name = textOf(status.message(container.metadata).text(1));
  const pod = readPod(podAnswer, sandboxId) ?? spec?.pod ?? podOfLabels(labels);
  const privileged = partOf(info, 'config', 'linux', 'security_context')['privileged'] ?? info['privileged'];
  const shared = podAnswer === undefined ? {} : readNamespaces(podAnswer);
  const annotations = podAnswer?.message(response.status).map(sandbox.annotations) ?? new Map();
  return {
    ...(spec ?? makeDetails({})),
    ...readImage(status, info),
    ...shared,
    name,
    // What was asked for, without what the engine adds to every container.
    mounts: status.messages(container.mounts).slice(0, 256).map(readMount),
    ...(typeof privileged === 'boolean' && { privileged }),
    labels,
    ip: pod?.ip,
    createdMs: timeOf(status.number(container.createdAt)),
    startedMs: timeOf(status.number(container.startedAt)),
    command: spec?.command ?? textsOf(partOf(info, 'config')['command']),
    probes: probesOfAnnotations(annotations, name),
    pod,
  };
}

/** The pause container that holds a pod's namespaces. */
function readSandbox(answer: Message, id: string): ContainerDetails {
  const status = answer.message(response.status);
  const info = readInfo(answer);
  const pod = readPod(answer, id);
  return {
    ...(readSpec(info['runtimeSpec']) ?? makeDetails({})),
    ...splitImage(textOf(info['image'])),
    ...readNamespaces(answer),
    name: pod?.name,
    labels: pod?.labels ?? new Map(),
    ip: pod?.ip,
    createdMs: timeOf(status.number(sandbox.createdAt)),
    pod,
  };
}

const timeOf = (ns: number): number | undefined => (ns === 0 ? undefined : Math.floor(ns / NS_PER_MS));

function readMount(message: Message): Mount {
  const isReadOnly = message.number(mount.readonly) === 1;
  return {
    source: textOf(message.text(mount.hostPath)) ?? '',
    destination: textOf(message.text(mount.containerPath)) ?? '',
    mode: isReadOnly ? 'ro' : '',
    writable: !isReadOnly,
    propagation: propagations[message.number(mount.propagation)] ?? '',
  };
}

/** The name as it was asked for, the digest where it was pulled, and the image's own id. */
function readImage(status: Message, info: unknown) {
  const spec = status.message(container.image);
  const asked = textOf(spec.text(18)) ?? textOf(spec.text(1));
  const ref = textOf(status.text(container.imageRef));
  const annotations = partOf(info, 'runtimeSpec', 'annotations');
  const told = [
    textOf(status.text(container.imageId)),
    ref,
    textOf(partOf(info, 'config', 'image')['image']),
    asked,
    // CRI-O's; it writes ids without what they are digests of.
    textOf(annotations['io.kubernetes.cri-o.ImageRef']),
  ];
  const id = told
    .map((each) => /^(?:sha256:)?([0-9a-f]{64})$/.exec(each ?? '')?.[1])
    .find((each) => each !== undefined);
  const named = splitImage(asked);
  const pulled = splitImage(ref);
  return {
    image: named.repository === undefined ? (pulled.repository ?? named.image) : named.image,
    repository: named.repository ?? pulled.repository,
    tag: named.tag,
    digest: named.digest ?? pulled.digest,
    imageId: id,
  };
}

function readPod(answer: Message | undefined, sandboxId: string | undefined): Pod | undefined {
  if (answer === undefined) return undefined;
  const status = answer.message(response.status);
  const metadata = status.message(sandbox.metadata);
  const info = readInfo(answer);
  // containerd has it in `info` itself, CRI-O as text among the annotations of the pod's own container.
  const noted = textOf(partOf(info, 'runtimeSpec', 'annotations')['io.kubernetes.cri-o.CNIResult']);
  const cni = info['cniResult'] ?? parseJson(noted ?? '');
  return {
    name: textOf(metadata.text(1)),
    uid: textOf(metadata.text(2)),
    namespace: textOf(metadata.text(3)),
    sandboxId,
    labels: bytesOf(status.map(sandbox.labels)),
    ip: textOf(status.message(sandbox.network).text(1)),
    cniJson: isJson(cni) ? toByteString(JSON.stringify(cni).slice(0, 16_384)) : undefined,
  };
}

function readNamespaces(answer: Message) {
  // NamespaceOption is field 2 of Namespace, which is field 1 of LinuxPodSandboxStatus.
  const options = answer.message(response.status).message(sandbox.linux).message(1).message(2);
  const isNode = (field: number) => options.number(field) === NODE;
  return {
    hostNetwork: isNode(namespaces.network),
    hostPid: isNode(namespaces.pid),
    hostIpc: isNode(namespaces.ipc),
  };
}
