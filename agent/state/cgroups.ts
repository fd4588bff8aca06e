import { type CgroupContainer, containerOfCgroup, type IsContainerdTask } from './containers/cgroup.ts';

/** Groups that are remembered; beyond, all are learnt anew. */
const MOST_GROUPS = 16_384;
/** Tasks of containerd that are remembered; beyond, the oldest are forgotten. */
const MOST_TASKS = 4_096;

/** The group of a process, and whether it is certain that the kernel's number means this group. */
export type GroupPath = { readonly path: string; readonly certain: boolean };

type Group = { readonly path: string; readonly container: CgroupContainer | undefined };

export type CgroupsOptions = {
  /** The group with this number that a process is in now. */
  readonly locate: (pid: number, id: number) => GroupPath | undefined;
  readonly isContainerdTask?: IsContainerdTask;
  /** Something new is known of a group; `undefined`: it is the host's. */
  readonly learned?: (id: number, container: CgroupContainer | undefined) => void;
};

/** The container of each cgroup by the kernel's number of the group, so that an event need not carry the path. */
export class Cgroups {
  /** Goes up whenever a group becomes known, or a task is noted. */
  version = 0;
  readonly #byId = new Map<number, Group>();
  /** The one that was asked for last: most events are of the same group as the one before. */
  #lastId: number | undefined;
  #last: Group | undefined;
  readonly #tasks = new Set<string>();
  readonly #options: CgroupsOptions;

  constructor(options: CgroupsOptions) {
    this.#options = options;
  }

  /** An exec says which path its group has. */
  learn(id: number, path: string): CgroupContainer | undefined {
    const known = id === this.#lastId ? this.#last : this.#byId.get(id);
    // An engine notes a container before it makes its group: what the group is does not change as long as it is there.
    if (known?.path === path) return known.container;
    const container = this.named(path);
    if (this.#byId.size >= MOST_GROUPS) this.#byId.clear();
    this.#byId.set(id, { path, container });
    this.#lastId = undefined;
    this.version++;
    this.#options.learned?.(id, container);
    return container;
  }

  /** The container of group `id`, in which process `pid` was; `undefined` for the host. */
  containerOf(id: number, pid: number, lastKnownPath: string | undefined): CgroupContainer | undefined {
    if (id === this.#lastId) return this.#last?.container;
    const known = this.#byId.get(id);
    if (known !== undefined) {
      this.#lastId = id;
      this.#last = known;
      return known.container;
    }
    const located = this.#options.locate(pid, id);
    // A process that is gone cannot be asked; what it was in at its start is then all that is known.
    if (located === undefined) return lastKnownPath === undefined ? undefined : this.named(lastKnownPath);
    return located.certain ? this.learn(id, located.path) : this.named(located.path);
  }

  /** The id of the container that made the event, as far as its group tells. */
  idOf({ cgroupId, pid }: { readonly cgroupId: number; readonly pid: number }): string | undefined {
    return this.containerOf(cgroupId, pid, undefined)?.id;
  }

  /** containerd makes this task: whoever looks for its folder may come when a short one is over. */
  noteTask(namespace: string, id: string): void {
    const [oldest] = this.#tasks;
    if (this.#tasks.size >= MOST_TASKS && oldest !== undefined) this.#tasks.delete(oldest);
    this.version++;
    this.#tasks.add(`${namespace}/${id}`);
  }

  /** The container that has or will have this group. */
  named(path: string): CgroupContainer | undefined {
    return containerOfCgroup(
      path,
      (namespace, id) =>
        this.#tasks.has(`${namespace}/${id}`) || this.#options.isContainerdTask?.(namespace, id) === true,
    );
  }
}
