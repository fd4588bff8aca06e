/** Who made a container, as far as its cgroup's path says. */
export type EngineKind =
  | 'docker'
  | 'podman'
  | 'containerd'
  | 'cri-o'
  /** Below `kubepods` with a bare id: any engine that kubelet talks to. */
  | 'cri'
  | 'lxc'
  | 'libvirt-lxc'
  | 'systemd-nspawn'
  | 'mesos'
  /** A bare id below a group of the user's own choice (`docker run --cgroup-parent`). */
  | 'unknown';

/** A container as its cgroup's path names it. */
export type CgroupContainer = {
  /** As the engine writes it: 64 hexadecimal digits, or the name where an engine knows no other id. */
  readonly id: string;
  readonly engine: EngineKind;
  /** Of a pod, where the path has it: kubelet's groups do. */
  readonly podUid?: string;
  /** containerd's, where the path is `/<namespace>/<id>`. */
  readonly namespace?: string;
  /** Who runs it without being root, by the user's slice. */
  readonly user?: number;
  /** The path up to the container, of LXC's, whose monitor has its own beside it. */
  readonly group?: string;
  /** The path of the container that it lies in: an engine in there runs it. */
  readonly outer?: string;
};

/** Whether containerd runs `id` in `namespace`: its ids may be any word, so that the path alone proves nothing. */
export type IsContainerdTask = (namespace: string, id: string) => boolean;

const hex64 = /^[0-9a-f]{64}$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** What containerd allows as an identifier (its package `identifiers`), at most 76 characters. */
const containerdName = /^(?=.{1,76}$)[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*$/;

/**
 * What stands before the id in the last part of a path. systemd driver: `docker-<id>.scope`; cgroupfs: `libpod-<id>`;
 * systemd's notation under a cgroupfs driver: `<slice>:docker:<id>`. `libpod-payload-` is podman's `--cgroups=split`, which Quadlet
 * uses. `conmon` sits beside its container (`libpod-conmon-<id>`), on the host.
 */
const prefixes: readonly { readonly prefix: string; readonly engine: EngineKind }[] = [
  { prefix: 'docker', engine: 'docker' },
  { prefix: 'cri-containerd', engine: 'containerd' },
  { prefix: 'nerdctl', engine: 'containerd' },
  { prefix: 'crio', engine: 'cri-o' },
  { prefix: 'libpod', engine: 'podman' },
  { prefix: 'libpod-payload', engine: 'podman' },
];

/**
 * The container that a cgroup path belongs to, the innermost one when containers are nested. `undefined` for the
 * host: ids have 64 hexadecimal digits, so a machine's own 32-digit groups are none.
 */
export function containerOfCgroup(
  path: string,
  isContainerdTask: IsContainerdTask = () => false,
): CgroupContainer | undefined {
  if (path === '/' || path === '') return undefined;
  const parts = path.split('/').slice(1);
  for (let at = parts.length - 1; at >= 0; at--) {
    const found = ofHexId(parts, at) ?? ofName(parts, at);
    if (found === undefined) continue;
    const outer = outerOf(parts, at, found.id);
    return outer === undefined ? found : { ...found, outer };
  }
  return ofContainerd(parts, isContainerdTask);
}

/** The nearest group above that is another container's. */
function outerOf(parts: readonly string[], below: number, id: string): string | undefined {
  for (let at = below - 1; at >= 0; at--) {
    const found = ofHexId(parts, at) ?? ofName(parts.slice(0, below), at);
    if (found !== undefined && found.id !== id) return `/${parts.slice(0, at + 1).join('/')}`;
  }
  return undefined;
}

/** Engines that number their containers. */
function ofHexId(parts: readonly string[], at: number): CgroupContainer | undefined {
  const part = parts[at] ?? '';
  if (part.length < 64) return undefined;
  const name = part.endsWith('.scope') ? part.slice(0, -'.scope'.length) : part;
  const id = name.slice(-64);
  if (!hex64.test(id)) return undefined;
  const pod = { ...podOf(parts, at), ...userOf(parts) };
  const before = name.slice(0, -64);
  if (before === '') return { id, engine: bareEngine(parts, at), ...pod };
  const word = before.endsWith(':') ? before.slice(0, -1).split(':').at(-1) : before.slice(0, -1);
  const engine = /[-:]$/.test(before) ? prefixes.find(({ prefix }) => prefix === word)?.engine : undefined;
  return engine === undefined ? undefined : { id, engine, ...pod };
}

function bareEngine(parts: readonly string[], at: number): EngineKind {
  if (parts.slice(0, at).some(isPodGroup)) return 'cri';
  const parent = parts[at - 1];
  if (parent === 'docker') return 'docker';
  return parent === 'libpod_parent' ? 'podman' : 'unknown';
}

/** `kubepods`, `kubepods.slice`, and with kubelet's own root `kubelet-kubepods.slice`. */
const isPodGroup = (part: string): boolean => /^([a-z]+-)*kubepods(\.slice)?$/.test(part);

/** `pod<uid>`, and with systemd `kubepods-burstable-pod<uid>.slice`, where the uid's dashes became underscores. */
function podOf(parts: readonly string[], at: number): { readonly podUid?: string } {
  const group = parts[at]?.includes(':') ? parts[at].slice(0, parts[at].indexOf(':')) : parts[at - 1];
  if (group === undefined) return {};
  const uid = /^(?:.*kubepods(?:-besteffort|-burstable)?-)?pod([0-9a-f_-]{32,36})(?:\.slice)?$/.exec(group)?.[1];
  return uid === undefined ? {} : { podUid: uid.replaceAll('_', '-') };
}

function userOf(parts: readonly string[]): { readonly user?: number } {
  const user = parts[0] === 'user.slice' ? /^user-(\d{1,10})\.slice$/.exec(parts[1] ?? '')?.[1] : undefined;
  return user === undefined ? {} : { user: Number(user) };
}

/** Engines whose containers have a name and nothing else. */
function ofName(parts: readonly string[], at: number): CgroupContainer | undefined {
  const part = parts[at] ?? '';
  const parent = parts[at - 1];
  if (parent === 'mesos' && uuid.test(part)) return { id: part, engine: 'mesos' };
  // LXC 4 and later write `lxc.payload.<name>`, earlier ones and Proxmox `lxc/<name>`; the monitor is the host's.
  const lxc = part.startsWith('lxc.payload.') ? part.slice('lxc.payload.'.length) : part;
  if (lxc !== part || ((parent === 'lxc' || parent === 'lxc.payload') && part !== '')) {
    return { id: lxc, engine: 'lxc', group: `/${parts.slice(0, at + 1).join('/')}` };
  }
  return ofMachine(part, parent, parts[at + 1]);
}

/**
 * Units of machined: `machine-<name>.scope`, which virtual machines have too (`machine-qemu\x2d…`), nspawn's own service, and the
 * scope `<name>.scope` of an nspawn that does not register. nspawn itself stays in `supervisor`, or in the service when there is
 * no group below it.
 */
function ofMachine(part: string, parent: string | undefined, below: string | undefined): CgroupContainer | undefined {
  if (below === 'supervisor') return undefined;
  const service = /^systemd-nspawn@(.+)\.service$/.exec(part)?.[1];
  if (service !== undefined) {
    return below === undefined ? undefined : { id: unescapeUnit(service), engine: 'systemd-nspawn' };
  }
  const scope = /^machine-(.+)\.scope$/.exec(part)?.[1];
  if (scope === undefined) {
    const own = parent === 'machine.slice' && below === 'payload' ? /^(.+)\.scope$/.exec(part)?.[1] : undefined;
    return own === undefined ? undefined : { id: unescapeUnit(own), engine: 'systemd-nspawn' };
  }
  const name = unescapeUnit(scope);
  if (name.startsWith('qemu-')) return undefined;
  const libvirt = /^lxc-\d+-(.+)$/.exec(name)?.[1];
  return libvirt === undefined ? { id: name, engine: 'systemd-nspawn' } : { id: libvirt, engine: 'libvirt-lxc' };
}

/** systemd.unit(5): dashes and other characters of a name stand in a unit's name as `\x2d`. */
const unescapeUnit = (name: string): string =>
  name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** `ctr run IMAGE NAME` makes `/<namespace>/NAME`. */
function ofContainerd(parts: readonly string[], isTask: IsContainerdTask): CgroupContainer | undefined {
  const [namespace = '', id = ''] = parts;
  if (!containerdName.test(namespace) || !containerdName.test(id)) return undefined;
  return isTask(namespace, id) ? { id, engine: 'containerd', namespace } : undefined;
}

/** Lines of /proc/PID/cgroup: the container of the first hierarchy that names one, and each hierarchy's path. */
export function parseProcCgroup(
  text: string,
  isContainerdTask?: IsContainerdTask,
): {
  readonly container: CgroupContainer | undefined;
  readonly paths: ReadonlyMap<string, string>;
  /** The kernel's number of each hierarchy; 0 is the unified one. */
  readonly numbers: ReadonlyMap<string, number>;
} {
  const paths = new Map<string, string>();
  const numbers = new Map<string, number>();
  let container: CgroupContainer | undefined;
  for (const line of text.split('\n')) {
    const first = line.indexOf(':');
    const second = line.indexOf(':', first + 1);
    if (first < 0 || second < 0) continue;
    const path = line.slice(second + 1);
    paths.set(line.slice(first + 1, second), path);
    numbers.set(line.slice(first + 1, second), Number(line.slice(0, first)));
    container ??= containerOfCgroup(path, isContainerdTask);
  }
  return { container, paths, numbers };
}
