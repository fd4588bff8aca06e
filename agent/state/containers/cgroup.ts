/** A container as its cgroup's path names it. */
export type CgroupContainer = {
  /** As the engine writes it: 64 hexadecimal digits. */
  readonly id: string;
  /** What the path says about the engine; a bare id in `/docker/` is docker's, one below `/kubepods` may be any CRI's. */
  readonly engine: 'docker' | 'podman' | 'containerd' | 'cri-o' | 'cri';
};

const hex64 = /^[0-9a-f]{64}$/;

/**
 * Forms of the last path component, as each engine writes it:
 * cgroupfs driver: `/docker/<id>`, `/kubepods/…/pod<uid>/<id>`, `/libpod_parent/libpod-<id>`, `/<parent>/<id>`;
 * systemd driver: `docker-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>.scope`, `libpod-<id>.scope`.
 */
const scopes: readonly { readonly prefix: string; readonly engine: CgroupContainer['engine'] }[] = [
  { prefix: 'docker-', engine: 'docker' },
  { prefix: 'cri-containerd-', engine: 'containerd' },
  { prefix: 'crio-', engine: 'cri-o' },
  { prefix: 'libpod-', engine: 'podman' },
];

/**
 * The container that a cgroup path belongs to, the innermost one when containers are nested. `undefined` for the
 * host: ids have 64 hexadecimal digits, so a machine's own 32-digit groups are none.
 */
export function containerOfCgroup(path: string): CgroupContainer | undefined {
  const parts = path.split('/');
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at] ?? '';
    const found = containerOfPart(part, parts[at - 1] ?? '', path);
    if (found !== undefined) return found;
  }
  return undefined;
}

function containerOfPart(part: string, parent: string, path: string): CgroupContainer | undefined {
  const name = part.endsWith('.scope') ? part.slice(0, -'.scope'.length) : part;
  if (hex64.test(name)) {
    if (path.startsWith('/kubepods') || parent.startsWith('pod')) return { id: name, engine: 'cri' };
    return { id: name, engine: parent === 'docker' || parent === '' ? 'docker' : 'containerd' };
  }
  for (const { prefix, engine } of scopes) {
    // `conmon` of podman and cri-o sits beside its container (`libpod-conmon-<id>`), on the host.
    if (name.startsWith(prefix) && hex64.test(name.slice(prefix.length))) {
      return { id: name.slice(prefix.length), engine };
    }
  }
  // `<slice>:cri-containerd:<id>` is the systemd notation when it reaches a cgroupfs driver.
  const colons = name.split(':');
  const last = colons.at(-1) ?? '';
  if (colons.length === 3 && hex64.test(last)) return { id: last, engine: 'containerd' };
  return undefined;
}

/** Lines of /proc/PID/cgroup: the container of the first hierarchy that names one, and each hierarchy's path. */
export function parseProcCgroup(text: string): {
  readonly container: CgroupContainer | undefined;
  readonly paths: ReadonlyMap<string, string>;
} {
  const paths = new Map<string, string>();
  let container: CgroupContainer | undefined;
  for (const line of text.split('\n')) {
    const first = line.indexOf(':');
    const second = line.indexOf(':', first + 1);
    if (first < 0 || second < 0) continue;
    const path = line.slice(second + 1);
    paths.set(line.slice(first + 1, second), path);
    container ??= containerOfCgroup(path);
  }
  return { container, paths };
}
