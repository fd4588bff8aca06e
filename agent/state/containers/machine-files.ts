import { readdirSync } from 'node:fs';
import { toByteString } from '#rules/language/byte-string';
import { readBounded } from '../bounded-file.ts';
import type { CgroupContainer } from './cgroup.ts';
import { type ContainerDetails, makeDetails } from './container.ts';
import { configOfMonitor, groupOfMonitor, readLxcConfig } from './lxc-config.ts';

const MOST_BYTES = 256 * 1024;

/** Where what runs whole systems keeps what it knows of them. */
export type MachineFolders = {
  /** LXC's own; where a user's lie is asked of the monitor. */
  readonly lxc: string;
  /** machined's notes of the machines that run. */
  readonly machines: string;
  /** Where hierarchies of groups are mounted. */
  readonly groups: readonly string[];
  readonly proc: string;
};

export const knownMachineFolders: MachineFolders = {
  lxc: '/var/lib/lxc',
  machines: '/run/systemd/machines',
  groups: ['', '/unified', '/systemd', '/memory', '/pids'].map((each) => `/sys/fs/cgroup${each}`),
  proc: '/proc',
};

/** Containers of LXC and systemd-nspawn, which have no engine to ask: their name, and what their configuration says. */
export function readMachine(container: CgroupContainer, folders: MachineFolders): ContainerDetails {
  const found = container.engine === 'lxc' ? readLxc(container, folders) : readNspawn(container, folders);
  return found ?? makeDetails({ name: container.id });
}

/** The monitor says where: the same name may be there twice, for root and for a user. */
function readLxc({ id, group }: CgroupContainer, { lxc, groups, proc }: MachineFolders): ContainerDetails | undefined {
  const monitor = group === undefined ? undefined : groupOfMonitor(group);
  const pids = groups
    .map((mount) => /^\d+/.exec(readBounded(`${mount}${monitor}/cgroup.procs`, 4_096) ?? '')?.[0])
    .filter((pid) => pid !== undefined);
  const titles = pids.map((pid) => readBounded(`${proc}/${pid}/cmdline`, 8_192) ?? '');
  const told = titles.map(configOfMonitor).find((each) => each !== undefined);
  const { path, name } = told ?? { path: `${lxc}/${id}/config`, name: id };
  return readLxcConfig(path, name === '' ? id : name, { text: (each) => readBounded(each, MOST_BYTES), list: namesIn });
}

/** `KEY=value` a line; machined writes the root that it was told, and when it was told in microseconds. */
function readNspawn({ id }: CgroupContainer, { machines }: MachineFolders): ContainerDetails | undefined {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) return undefined;
  const text = readBounded(`${machines}/${id}`, MOST_BYTES);
  const of = (key: string) => new RegExp(`^${key}=(.+)$`, 'm').exec(text ?? '')?.[1];
  if (text === undefined || of('CLASS') !== 'container') return undefined;
  const root = of('ROOT');
  const startedUs = Number(of('REALTIME') ?? Number.NaN);
  return makeDetails({
    name: id,
    image: root === undefined ? undefined : toByteString(root),
    startedMs: Number.isNaN(startedUs) ? undefined : Math.floor(startedUs / 1_000),
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Neither a file nor a folder: LXC itself would not start with it.
  }
}
