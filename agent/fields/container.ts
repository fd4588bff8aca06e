import { compileGlob, hasWildcard } from '#rules/language/glob';
import type { ContainerDetails, Mount } from '../state/containers/container.ts';
import type { Reader, ReaderTable } from './scene.ts';

/** What the original prints for a mount that the container does not have. */
const NO_MOUNT = 'N/A';
const NS_PER_MS = 1_000_000n;
const SHORT_ID = 12;

/** `undefined` on the host, and while or because no engine has told about the container. */
const detail =
  (read: (details: ContainerDetails) => ReturnType<Reader>): Reader =>
  ({ container }) =>
    container?.details === undefined ? undefined : read(container.details);

const writeMount = ({ source, destination, mode, writable, propagation }: Mount): string =>
  [source, destination, mode, String(writable), propagation].join(':');

/** One mount by number, or the first whose `key` is the path or fits the glob. */
const oneMount =
  (key: (mount: Mount) => string, write: (mount: Mount) => string) =>
  (which: string | number | undefined): Reader | undefined => {
    if (which === undefined) return undefined;
    if (typeof which === 'number') {
      return detail(({ mounts }) => {
        if (mounts === undefined) return undefined;
        const mount = mounts[which];
        return mount === undefined ? NO_MOUNT : write(mount);
      });
    }
    const fits = hasWildcard(which) ? compileGlob(which) : (path: string) => path === which;
    return detail(({ mounts }) => {
      if (mounts === undefined) return undefined;
      const mount = mounts.find((candidate) => fits(key(candidate)));
      return mount === undefined ? NO_MOUNT : write(mount);
    });
  };

const source = (mount: Mount): string => mount.source;
const destination = (mount: Mount): string => mount.destination;

const label = (name: string): Reader => detail(({ labels }) => labels.get(name));

/** The container that the process runs in, and its pod as far as the engine's labels name it. */
export const containerFields = {
  'container.id': { read: ({ container }) => container?.id.slice(0, SHORT_ID) ?? 'host' },
  'container.full_id': { read: ({ container }) => container?.id ?? 'host' },
  'container.name': { read: ({ container }) => (container === undefined ? 'host' : container.details?.name) },
  'container.type': { read: ({ container }) => container?.engine ?? 'host' },
  'container.image': { read: detail(({ image }) => image) },
  'container.image.id': { read: detail(({ imageId }) => imageId) },
  'container.image.repository': { read: detail(({ repository }) => repository) },
  'container.image.tag': { read: detail(({ tag }) => tag) },
  'container.image.digest': { read: detail(({ digest }) => digest) },
  'container.privileged': { read: detail(({ privileged }) => privileged) },
  'container.mounts': { read: detail(({ mounts }) => mounts?.map(writeMount).join(' ')) },
  'container.mount': { bind: oneMount(source, writeMount) },
  'container.mount.source': { bind: oneMount(destination, source) },
  'container.mount.dest': { bind: oneMount(source, destination) },
  'container.mount.mode': { bind: oneMount(source, ({ mode }) => mode) },
  'container.mount.rdwr': { bind: oneMount(source, ({ writable }) => String(writable)) },
  'container.mount.propagation': { bind: oneMount(source, ({ propagation }) => propagation) },
  'container.start_ts': {
    read: detail(({ createdMs }) => (createdMs === undefined ? undefined : BigInt(createdMs) * NS_PER_MS)),
  },
  'container.duration': {
    read: ({ container, event, around }) => {
      const createdMs = container?.details?.createdMs;
      if (createdMs === undefined) return undefined;
      const ns = around.wallNs(event.timeNs) - BigInt(createdMs) * NS_PER_MS;
      return ns < 0n ? 0 : Number(ns);
    },
  },
  'container.ip': { read: detail(({ ip }) => ip) },
  'container.host_pid': { read: detail(({ hostPid }) => hostPid) },
  'container.host_network': { read: detail(({ hostNetwork }) => hostNetwork) },
  'container.host_ipc': { read: detail(({ hostIpc }) => hostIpc) },
  'k8s.ns.name': { read: label('io.kubernetes.pod.namespace') },
  'k8s.pod.name': { read: label('io.kubernetes.pod.name') },
  'k8s.pod.uid': { read: label('io.kubernetes.pod.uid') },
  'k8s.pod.id': { read: label('io.kubernetes.pod.uid') },
} as const satisfies ReaderTable;
