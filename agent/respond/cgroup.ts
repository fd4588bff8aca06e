import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Hierarchy as /proc/PID/cgroup names it → where it is mounted: `''` is the unified (v2) tree, `freezer` or
 * `name=systemd` one of v1, which has an entry for each of its controllers.
 */
export type CgroupMounts = ReadonlyMap<string, string>;

/** Reads /proc/mounts, where a v1 hierarchy has its controllers among the options. */
export function parseCgroupMounts(mounts: string): CgroupMounts {
  const found = new Map<string, string>();
  for (const line of mounts.split('\n')) {
    const [, at = '', kind = '', options = ''] = line.split(' ');
    const folder = unescapeMount(at);
    if (kind === 'cgroup2' && !found.has('')) found.set('', folder);
    if (kind !== 'cgroup') continue;
    for (const option of options.split(',')) if (/^(name=.+|[a-z_]+)$/.test(option)) found.set(option, folder);
  }
  return found;
}

/** proc(5): blanks and backslashes of a mount point stand there as octal escapes. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

export function readCgroupMounts(): CgroupMounts {
  return parseCgroupMounts(readFileSync('/proc/mounts', 'utf8'));
}

/** Where a hierarchy (`cpu,cpuacct`) is mounted; `undefined` when it is not. */
export function mountOf(mounts: CgroupMounts, hierarchy: string): string | undefined {
  for (const controller of hierarchy.split(',')) {
    const mount = mounts.get(controller);
    if (mount !== undefined) return mount;
  }
  return undefined;
}

/** Deepest nesting of groups that is walked, and most groups: a container may make groups of its own. */
const MOST_DEPTH = 16;
const MOST_GROUPS = 4_096;

/** The thread groups in a cgroup folder and in every group below it; none when it does not exist. */
export function membersOf(folder: string): ReadonlySet<number> {
  const pids = new Set<number>();
  let groups = 0;
  const walk = (at: string, depth: number) => {
    if (depth > MOST_DEPTH || groups++ >= MOST_GROUPS) return;
    for (const pid of readMembers(at)) pids.add(pid);
    if (hasSubgroups(at)) for (const name of subgroups(at)) walk(join(at, name), depth + 1);
  };
  walk(folder, 0);
  return pids;
}

function readMembers(folder: string): readonly number[] {
  try {
    const pids = readFileSync(join(folder, 'cgroup.procs'), 'latin1').split('\n').map(Number);
    return pids.filter((pid) => pid > 0);
  } catch {
    return []; // Removed meanwhile, or a threaded group, whose processes are listed above it.
  }
}

/** kernfs counts a folder's subfolders in its links, as ext4 does; asking for that is cheaper than listing it. */
function hasSubgroups(folder: string): boolean {
  try {
    return statSync(folder).nlink !== 2;
  } catch {
    return false; // Removed meanwhile.
  }
}

function subgroups(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return []; // Removed meanwhile: nothing runs in it.
  }
}

/** Writes one of a group's files; `false` when it is not there or the kernel refuses. */
export function writeGroupFile(folder: string, file: string, value: string): boolean {
  try {
    // `r+`: a file that is missing must not be made, wherever the folder turns out to be.
    writeFileSync(join(folder, file), value, { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}
