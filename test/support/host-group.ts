import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = '/sys/fs/cgroup';

/** A cgroup of the host, with the path that some container manager would give it. */
export type HostGroup = {
  /** Words of a shell that bring the shell itself into the group. */
  readonly enter: string;
  /** The files that bring whoever is written into them into the group, one for each hierarchy. */
  readonly procs: readonly string[];
  /** Whether nobody is in it any more. */
  isEmpty(): boolean;
  /** Removes it, what lies below, and groups above that nobody else uses. */
  remove(): void;
};

/** Makes it where container managers do: in the unified hierarchy, systemd's, and those of the memory and pids controllers. */
export function makeHostGroup(path: string): HostGroup {
  const split = ['memory', 'pids', 'systemd', 'unified'].map((name) => join(root, name)).filter(existsSync);
  const hierarchies = existsSync(join(root, 'cgroup.controllers')) ? [root] : split;
  const groups = hierarchies.map((hierarchy) => ({ hierarchy, group: join(hierarchy, path) }));
  for (const { group } of groups) mkdirSync(group, { recursive: true });
  const procs = groups.map(({ group }) => join(group, 'cgroup.procs'));
  return {
    enter: procs.map((file) => `echo $$ > '${file}'`).join('; '),
    procs,
    isEmpty: () => procs.every((file) => readFileSync(file, 'utf8') === ''),
    remove() {
      for (const { hierarchy, group } of groups) {
        removeBelow(group);
        for (let at = group; at !== hierarchy && removeOne(at); ) at = dirname(at);
      }
    },
  };
}

function removeBelow(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    removeBelow(join(group, entry.name));
    rmdirSync(join(group, entry.name));
  }
}

/** Whether it could go: one that somebody else uses stays. */
function removeOne(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
