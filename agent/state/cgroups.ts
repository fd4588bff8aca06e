import { type CgroupContainer, containerOfCgroup } from './containers/cgroup.ts';

/** Groups that are remembered; beyond, all are learnt anew. */
const MOST_GROUPS = 16_384;

/** The container of each cgroup by the kernel's number of the group, so that an event need not carry the path. */
export class Cgroups {
  readonly #byId = new Map<number, CgroupContainer | undefined>();
  readonly #readPath: (pid: number) => string | undefined;

  /** `readPath`: the group that a process is in now. */
  constructor(readPath: (pid: number) => string | undefined) {
    this.#readPath = readPath;
  }

  /** An exec says which path its group has. */
  learn(id: number, path: string): CgroupContainer | undefined {
    const container = containerOfCgroup(path);
    if (this.#byId.size >= MOST_GROUPS) this.#byId.clear();
    this.#byId.set(id, container);
    return container;
  }

  /** The container of group `id`, in which process `pid` was; `undefined` for the host. */
  containerOf(id: number, pid: number, lastKnownPath: string | undefined): CgroupContainer | undefined {
    const known = this.#byId.get(id);
    if (known !== undefined || this.#byId.has(id)) return known;
    const path = this.#readPath(pid);
    // A process that is gone cannot be asked; what it was in at its start is then all that is known.
    if (path === undefined) return lastKnownPath === undefined ? undefined : containerOfCgroup(lastKnownPath);
    return this.learn(id, path);
  }
}
