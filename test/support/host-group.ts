import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = '/sys/fs/cgroup';

/** A cgroup of the host, with the path that some container manager would give it. */
export type HostGroup = {
  /** Words of a shell that bring the shell itself into the group. */
  readonly enter: string;
  /** Removes it, what lies below, and groups above that nobody else uses. */
  remove(): void;
};

/** Makes it where container managers do: in the unified hierarchy, systemd's, and those of the memory and pids controllers. */
export function makeHostGroup(path: string): HostGroup {
  const split = ['memory', 'pids', 'systemd', 'unified'].map((name) => join(root, name)).filter(existsSync);
  const hierarchies = existsSync(join(root, 'cgroup.controllers')) ? [root] : split;
  const groups = hierarchies.map((hierarchy) => ({ hierarchy, group: join(hierarchy, path) }));
  for (const { group } of groups) mkdirSync(group, { recursive: true });
  return {
    enter: groups.map(({ group }) => `echo $$ > '${group}/cgroup.procs'`).join('; '),
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
