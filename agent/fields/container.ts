import { compileGlob, hasWildcard } from '#rules/language/glob';
import type { ContainerDetails, Mount } from '../state/containers/container.ts';
import { firstOfNamespace } from './pid-namespace.ts';
import type { Reader, ReaderTable, Scene } from './scene.ts';

/** What the original prints for a mount that the container does not have. */
const NO_MOUNT = 'N/A';
const NS_PER_MS = 1_000_000n;
const SHORT_ID = 12;
/** Ids that engines number their containers by are shortened; where the id is a name, part of it would name nothing. */
export const shortId = (id: string): string => (/^[0-9a-f]{64}$/.test(id) ? id.slice(0, SHORT_ID) : id);

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

/**
 * When the container's first process began. It is the first of its pid namespace, an ancestor of most others; for the
 * rest, the engine says when it started the container, or made it.
 */
function startedNs(scene: Scene): bigint | undefined {
  const { container, around } = scene;
  if (container === undefined) return undefined;
  const first = firstOfNamespace(scene);
  // With the host's pid namespace, that is the host's first process.
  if (first !== undefined && first.pid !== 1) return around.wallNs(first.startNs);
  const ms = container.details?.startedMs ?? container.details?.createdMs;
  return ms === undefined ? undefined : BigInt(ms) * NS_PER_MS;
}

/** Of a container that nobody told an address of: that of the network which its first process is in. */
function ownAddress(scene: Scene): string | undefined {
  if (scene.container === undefined || scene.container.details?.hostNetwork === true) return undefined;
  const first = firstOfNamespace(scene);
  return first === undefined || first.pid === 1 ? undefined : scene.around.live.address(first);
}

/** The container that the process runs in. */
export const containerFields = {
  'container.id': { read: ({ container }) => (container === undefined ? 'host' : shortId(container.id)) },
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
  'container.start_ts': { read: startedNs },
  'container.duration': {
    read: (scene) => {
      const started = startedNs(scene);
      if (started === undefined) return undefined;
      const ns = scene.around.wallNs(scene.event.timeNs) - started;
      return ns < 0n ? 0 : Number(ns);
    },
  },
  'container.ip': { read: (scene) => scene.container?.details?.ip ?? ownAddress(scene) },
  'container.cni.json': { read: detail(({ pod }) => pod?.cniJson) },
  'container.host_pid': { read: detail(({ hostPid }) => hostPid) },
  'container.host_network': { read: detail(({ hostNetwork }) => hostNetwork) },
  'container.host_ipc': { read: detail(({ hostIpc }) => hostIpc) },
} as const satisfies ReaderTable;
