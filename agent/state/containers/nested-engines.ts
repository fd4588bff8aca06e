import { closeSync, constants, fstatSync, openSync, readdirSync } from 'node:fs';
import type { EngineName } from '../../config/engine-socket.ts';
import { readBounded } from '../bounded-file.ts';
import type { CgroupContainer } from './cgroup.ts';
import { type ContainerDetails, makeDetails } from './container.ts';
import { type Engine, engineNames, openEngine } from './engine.ts';

/** Containers with engines in them whose sockets are held open at one time. */
const MOST_CONTAINERS = 64;
/** Groups of such a container, and processes in them, that are tried for its files. */
const MOST_GROUPS = 32;
const MOST_PROCESSES = 8;
/** How often a container in which no engine answered is looked into again. */
const LOOK_AGAIN_MS = 2_000;
/** Less than an engine of the host gets: who runs the container decides how long its engine takes. Events wait half as long. */
const TIMEOUT_MS = 1_000;

const { O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;
/** open(2): a place to start from and nothing else. Node has no name for it. */
const O_PATH = 0o10000000;

/** Where engines listen in their container. Debian's /var/run is a link, which is not followed. */
const sockets: readonly { readonly name: EngineName; readonly path: string }[] = [
  { name: 'docker', path: 'run/docker.sock' },
  { name: 'docker', path: 'var/run/docker.sock' },
  { name: 'podman', path: 'run/podman/podman.sock' },
  { name: 'containerd', path: 'run/containerd/containerd.sock' },
  { name: 'cri-o', path: 'run/crio/crio.sock' },
];

type Opened = { readonly engines: readonly Engine[]; readonly lookedMs: number };

export type NestedEnginesOptions = {
  readonly groups: readonly string[];
  readonly proc: string;
  readonly nowMs: () => number;
};

/**
 * Engines that run in containers, by the sockets in their container's files. They are asked about containers whose groups lie below
 * their own container's, and about nothing else. Their container's owner may say what he likes, so the answer is a claim: see
 * `claimed`. No part of a path may be a link, or it would lead into the host's files.
 */
export class NestedEngines {
  readonly #opened = new Map<string, Opened>();
  readonly #options: NestedEnginesOptions;

  constructor(options: NestedEnginesOptions) {
    this.#options = options;
  }

  /** Those that may know the container; none unless it lies in another. */
  of({ outer, engine }: CgroupContainer): readonly Engine[] {
    if (outer === undefined) return [];
    const names = engineNames[engine];
    return this.#in(outer).filter(({ name }) => names.includes(name));
  }

  close(): void {
    for (const { engines } of this.#opened.values()) for (const engine of engines) engine.close();
    this.#opened.clear();
  }

  #in(outer: string): readonly Engine[] {
    const nowMs = this.#options.nowMs();
    const known = this.#opened.get(outer);
    if (known !== undefined && (known.engines.length > 0 || nowMs - known.lookedMs < LOOK_AGAIN_MS))
      return known.engines;
    const engines = this.#look(outer);
    const [oldest] = this.#opened.size < MOST_CONTAINERS ? [] : this.#opened.keys();
    if (oldest !== undefined) this.#forget(oldest);
    this.#opened.set(outer, { engines, lookedMs: nowMs });
    return engines;
  }

  #forget(outer: string): void {
    for (const engine of this.#opened.get(outer)?.engines ?? []) engine.close();
    this.#opened.delete(outer);
  }

  #look(outer: string): readonly Engine[] {
    for (const pid of membersOf(outer, this.#options.groups)) {
      const found = sockets.flatMap(({ name, path }) => {
        const socket = openSocket(`${this.#options.proc}/${pid}/root`, path.split('/'));
        return socket === undefined ? [] : [this.#wrap(outer, openEngine(name, `/proc/self/fd/${socket}`), socket)];
      });
      if (found.length > 0) return found;
    }
    return [];
  }

  /** What it says is a claim; one that fails is looked for anew, because it may have been started again. */
  #wrap(outer: string, engine: Engine, socket: number): Engine {
    let isOpen = true;
    return {
      ...engine,
      inspect: async (wanted) => {
        const answer = await engine.inspect(wanted, TIMEOUT_MS);
        if (answer.status === 'found') return { ...answer, details: claimed(answer.details) };
        if (answer.status === 'failed') this.#forget(outer);
        // That it does not answer is no blind spot of this host.
        return { status: 'unknown' };
      },
      close() {
        engine.close();
        if (isOpen) closeSync(socket);
        isOpen = false;
      },
    };
  }
}

/**
 * What names the container. Its pod, mounts, rights and probes are left out: they are about another machine's files, or would have
 * it taken for something that is spared.
 */
function claimed(details: ContainerDetails): ContainerDetails {
  const { name, image, imageId, repository, tag, digest, labels, command, createdMs, startedMs } = details;
  return makeDetails({
    ...{ name, image, imageId, repository, tag, digest, labels, command, createdMs, startedMs },
    isClaimed: true,
  });
}

/** Processes of a container itself, not of those in it: in its group, or in one right below it. */
function membersOf(group: string, hierarchies: readonly string[]): readonly string[] {
  const pids = new Set<string>();
  for (const hierarchy of hierarchies) {
    const folder = `${hierarchy}${group}`;
    for (const at of [folder, ...groupsIn(folder)]) {
      const listed = (readBounded(`${at}/cgroup.procs`, 4_096) ?? '').split('\n');
      for (const pid of listed) if (/^[1-9]\d*$/.test(pid) && pids.size < MOST_PROCESSES) pids.add(pid);
    }
    if (pids.size > 0) break;
  }
  return [...pids];
}

function groupsIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return entries.slice(0, MOST_GROUPS).map(({ name }) => `${folder}/${name}`);
  } catch {
    return []; // Not in this hierarchy, or gone.
  }
}

/** Opens a socket's file without following any link in it, and without speaking to it; close it at the end. */
function openSocket(root: string, parts: readonly string[]): number | undefined {
  let at = -1;
  try {
    at = openSync(root, O_PATH | O_DIRECTORY);
    for (const [index, part] of parts.entries()) {
      const kind = index < parts.length - 1 ? O_DIRECTORY : O_NONBLOCK;
      const next = openSync(`/proc/self/fd/${at}/${part}`, O_PATH | O_NOFOLLOW | kind);
      closeSync(at);
      at = next;
    }
    if (fstatSync(at).isSocket()) return at;
  } catch {
    // Not there, a link, or its container is gone.
  }
  if (at >= 0) closeSync(at);
  return undefined;
}
