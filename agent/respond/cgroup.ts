import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the hierarchies are mounted: read once, since they do not move while a host runs. */
export type CgroupMounts = {
  /** The unified (v2) tree, where there is one. */
  readonly unified: string | undefined;
  /** v1: controller → mount point. */
  readonly controllers: ReadonlyMap<string, string>;
};

/** Reads /proc/mounts: `cgroup2` is the unified tree, `cgroup` a v1 hierarchy with its controllers among the options. */
export function parseCgroupMounts(mounts: string): CgroupMounts {
  let unified: string | undefined;
  const controllers = new Map<string, string>();
  for (const line of mounts.split('\n')) {
    const [, at = '', kind = '', options = ''] = line.split(' ');
    if (kind === 'cgroup2') unified ??= at;
    if (kind !== 'cgroup') continue;
    for (const option of options.split(',')) if (/^[a-z_]+$/.test(option)) controllers.set(option, at);
  }
  return { unified, controllers };
}

export function readCgroupMounts(): CgroupMounts {
  return parseCgroupMounts(readFileSync('/proc/mounts', 'utf8'));
}

/** Deepest nesting of groups that is walked: a container may make groups of its own. */
const MOST_DEPTH = 16;
const MOST_GROUPS = 4_096;

/** Every group at or below `path` of one hierarchy, as absolute folders; none when the group does not exist. */
export function groupsBelow(mount: string, path: string): string[] {
  const found: string[] = [];
  const walk = (folder: string, depth: number) => {
    if (depth > MOST_DEPTH || found.length >= MOST_GROUPS) return;
    let entries: { name: string; isDirectory(): boolean }[];
    try {
      entries = readdirSync(folder, { withFileTypes: true });
    } catch {
      return; // Removed meanwhile: nothing runs in it.
    }
    found.push(folder);
    for (const entry of entries) if (entry.isDirectory()) walk(join(folder, entry.name), depth + 1);
  };
  walk(join(mount, path), 0);
  return found;
}

/** The thread groups in a cgroup folder. */
export function membersOf(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'latin1')
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return []; // Removed meanwhile, or a threaded group, whose processes are listed above it.
  }
}

/** Writes one of a group's files; `false` when it is not there or the kernel refuses. */
export function writeGroupFile(folder: string, file: string, value: string): boolean {
  try {
    statSync(join(folder, file));
    writeFileSync(join(folder, file), value);
    return true;
  } catch {
    return false;
  }
}
