import { statSync } from 'node:fs';
import { toByteString } from '#rules/language/byte-string';
import { readBounded, readWithin } from './bounded-file.ts';
import type { OwnFile, OwnUsers, Range } from './containers/own-files.ts';
import type { Process } from './process.ts';
import { parseGroup, parsePasswd, type User, type Users } from './users.ts';

/** A user database beyond this is cut off. */
const MOST_BYTES = 1024 * 1024;
const MOST_CONTAINERS = 1_024;
/** Somebody may add a user inside. */
const FRESH_MS = 5_000;

type Entry = { readonly users: Users; readonly readMs: number };

export type ContainerUsersPorts = {
  readonly nowMs: () => number;
  /** Whether the process with this pid is still this one. */
  readonly isAlive: (process: Process) => boolean;
  readonly proc?: string;
};

/**
 * The users that a container has of its own, from /etc/passwd and /etc/group as its processes see them. Whoever built
 * the container wrote these files: no link in them is followed, and no more than a bound of them is read.
 */
export class ContainerUsers {
  readonly #byContainer = new Map<string, Entry>();
  readonly #ports: ContainerUsersPorts;

  constructor(ports: ContainerUsersPorts) {
    this.#ports = ports;
  }

  /** By processes that are in the container; `undefined` when nothing was read yet and all of them are gone. */
  of(container: string, processes: readonly Process[]): Users | undefined {
    const nowMs = this.#ports.nowMs();
    const known = this.#byContainer.get(container);
    if (known !== undefined && nowMs - known.readMs < FRESH_MS) return known.users;
    const users = this.#readFirst(processes);
    if (users === undefined) return known?.users;
    this.#keep(container, users);
    return users;
  }

  /**
   * Before its first program runs: whoever ends at once cannot be asked later. `where` is asked only about a container
   * that is new here.
   */
  foresee(container: string, where: () => OwnUsers | undefined): void {
    if (this.#byContainer.has(container)) return;
    const own = where();
    const passwd = readOwn(own?.passwd);
    const group = readOwn(own?.group);
    // Of a root that is not mounted where we are: nothing is known, and not that there are no users.
    if (own === undefined || (passwd === undefined && group === undefined)) return;
    this.#keep(container, lookUp(passwd, group, own.uids, own.gids));
  }

  #keep(container: string, users: Users): void {
    if (!this.#byContainer.has(container) && this.#byContainer.size >= MOST_CONTAINERS) {
      const oldest = this.#byContainer.keys().next().value;
      if (oldest !== undefined) this.#byContainer.delete(oldest);
    }
    this.#byContainer.set(container, { users, readMs: this.#ports.nowMs() });
  }

  #readFirst(processes: readonly Process[]): Users | undefined {
    for (const process of processes) {
      const users = this.#read(process);
      if (users !== undefined) return users;
    }
    return undefined;
  }

  #read(process: Process): Users | undefined {
    const folder = `${this.#ports.proc ?? '/proc'}/${process.pid}`;
    // A runtime that is still making the container sees the host's files: its users are not the container's.
    if (isHostRoot(`${folder}/root/`)) return undefined;
    const passwd = readWithin(`${folder}/root`, ['etc', 'passwd'], MOST_BYTES);
    const group = readWithin(`${folder}/root`, ['etc', 'group'], MOST_BYTES);
    const uids = parseMap(readBounded(`${folder}/uid_map`, MOST_BYTES));
    const gids = parseMap(readBounded(`${folder}/gid_map`, MOST_BYTES));
    // Read before the check, so that all of it is of that process.
    if (!this.#ports.isAlive(process)) return undefined;
    return lookUp(passwd, group, uids, gids);
  }
}

function lookUp(
  passwd: string | undefined,
  group: string | undefined,
  uids: readonly Range[],
  gids: readonly Range[],
): Users {
  const users = parsePasswd(toByteString(passwd ?? ''));
  const groups = parseGroup(toByteString(group ?? ''));
  return { user: (uid) => find<User>(users, uids, uid), groupName: (gid) => find(groups, gids, gid) };
}

const readOwn = (file: OwnFile | undefined): string | undefined =>
  file && readWithin(file.folder, file.parts, MOST_BYTES);

/** Of what has ended: no. */
function isHostRoot(path: string): boolean {
  try {
    const [root, ours] = [statSync(path), statSync('/')];
    return root.dev === ours.dev && root.ino === ours.ino;
  } catch {
    return false; // Whether it still runs is asked for after reading.
  }
}

function find<T>(table: ReadonlyMap<number, T>, ranges: readonly Range[], outside: number): T | undefined {
  const range = ranges.find((each) => outside >= each.outside && outside < each.outside + each.length);
  return range && table.get(outside - range.outside + range.inside);
}

export function parseMap(text: string | undefined): readonly Range[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const [inside, outside, length] = line.trim().split(/\s+/).map(Number);
    return inside === undefined || outside === undefined || length === undefined ? [] : [{ inside, outside, length }];
  });
}
