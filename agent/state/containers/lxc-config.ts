import { dirname } from 'node:path';
import { toByteString } from '#rules/language/byte-string';
import { type ContainerDetails, type Mount, makeDetails } from './container.ts';

/** Files that one configuration includes, one in the other, and lines of all of them. */
const MOST_FILES = 64;
const MOST_DEPTH = 8;
const MOST_LINES = 10_000;
const MOST_MOUNTS = 256;

/** How files are read: a folder that is included stands for the `*.conf` in it. */
export type ReadFiles = {
  readonly text: (path: string) => string | undefined;
  readonly list: (folder: string) => readonly string[];
};

type Setting = { readonly key: string; readonly value: string };

/**
 * Reads a container's configuration as lxc.container.conf(5) has it, LXC 2's keys as well. Only what it says: what LXC chooses by
 * itself where it is silent, such as the network, is not known.
 */
export function readLxcConfig(path: string, name: string, files: ReadFiles): ContainerDetails | undefined {
  const settings: Setting[] = [];
  const budget = { files: MOST_FILES };
  if (!collect(path, MOST_DEPTH, budget, files, settings)) return undefined;
  // The last one counts where there is one; an empty value takes back what was said.
  const last = (...keys: readonly string[]) => settings.findLast(({ key }) => keys.includes(key))?.value || undefined;
  const all = (...keys: readonly string[]) =>
    settings.filter(({ key }) => keys.includes(key)).map(({ value }) => value);
  const kept = (last('lxc.namespace.keep') ?? '').split(/\s+/);
  const isHosts = (kind: string) => {
    if (kept.includes(kind)) return true;
    return last(`lxc.namespace.share.${kind}`) === undefined ? false : undefined;
  };
  const networks = settings.filter(({ key }) => /^lxc\.(net\.\d+|network)\.type$/.test(key)).map(({ value }) => value);
  const address = settings.find(({ key }) => /^lxc\.(net\.\d+\.ipv4\.address|network\.ipv4)$/.test(key))?.value;
  const table = last('lxc.mount.fstab', 'lxc.mount');
  const lines = [...(table === undefined ? [] : (files.text(table) ?? '').split('\n')), ...all('lxc.mount.entry')];
  return makeDetails({
    name: toByteString(name),
    image: bytes(last('lxc.rootfs.path', 'lxc.rootfs')?.replace(/^[a-z]+:(?=\/)/, '')),
    // LXC's own word for a container whose root is the host's.
    privileged: last('lxc.idmap', 'lxc.id_map') === undefined,
    mounts: lines.slice(0, MOST_MOUNTS).flatMap(readMount),
    ip: bytes(address?.split(/[/\s]/)[0]),
    hostNetwork:
      networks.length === 0 && !kept.includes('net') ? undefined : networks.includes('none') || isHosts('net'),
    hostPid: isHosts('pid'),
    hostIpc: isHosts('ipc'),
    command: bytes(last('lxc.execute.cmd', 'lxc.init.cmd'))?.split(' '),
  });
}

const bytes = (text: string | undefined): string | undefined => (text === undefined ? undefined : toByteString(text));

/** The settings of a file and of those that it includes, in order; `false` when it cannot be read. */
function collect(path: string, depth: number, budget: { files: number }, files: ReadFiles, into: Setting[]): boolean {
  if (depth === 0 || budget.files-- <= 0) return false;
  const text = files.text(path);
  if (text === undefined) {
    const parts = files.list(path).filter((each) => each.endsWith('.conf'));
    for (const each of parts.toSorted()) collect(`${path}/${each}`, depth - 1, budget, files, into);
    return parts.length > 0;
  }
  for (const line of text.split('\n')) {
    const found = /^\s*([a-z0-9_.]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (found === null || into.length >= MOST_LINES) continue;
    const [, key = '', value = ''] = found;
    if (key === 'lxc.include') collect(value, depth - 1, budget, files, into);
    else into.push({ key, value });
  }
  return true;
}

/** A line as in fstab(5), its target relative to the root; only what is taken from the host counts. */
function readMount(line: string): readonly Mount[] {
  const [source = '', target = '', kind = '', option = ''] = line.trim().split(/\s+/);
  const options = option.split(',');
  const isBind = kind === 'none' || kind === 'bind' || options.includes('bind') || options.includes('rbind');
  if (source === '' || source.startsWith('#') || target === '' || !isBind || !source.startsWith('/')) return [];
  return [
    {
      source: toByteString(unescapePath(source)),
      destination: toByteString(unescapePath(target.startsWith('/') ? target : `/${target}`)),
      mode: options.includes('ro') ? 'ro' : '',
      writable: !options.includes('ro'),
      propagation: options.find((each) => /^r?(private|shared|slave)$/.test(each)) ?? '',
    },
  ];
}

/** Blanks stand in such a line as octal escapes. */
const unescapePath = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Where the configuration is that a monitor's command line names: its title `[lxc monitor] PATH NAME`, or `lxc-start -F` as it was given. */
export function configOfMonitor(line: string): { readonly path: string; readonly name: string } | undefined {
  const [, folder, name] = /^\[lxc monitor\] (\/.*) ([^\s/]+)\s*$/.exec(line.replaceAll('\0', ' ')) ?? [];
  if (folder !== undefined && name !== undefined) return { path: `${folder}/${name}/config`, name };
  const words = line.split('\0');
  const file = optionOf(words, '-f', '--rcfile');
  const given = optionOf(words, '-n', '--name') ?? '';
  if (file?.startsWith('/')) return { path: file, name: given };
  const path = optionOf(words, '-P', '--lxcpath');
  return path?.startsWith('/') && /^[^/]+$/.test(given) ? { path: `${path}/${given}/config`, name: given } : undefined;
}

/** What follows an option in a command line, in the same word or the next. */
function optionOf(words: readonly string[], short: string, long: string): string | undefined {
  for (const [index, word] of words.entries()) {
    if (word === '--') return undefined;
    if (word === short || word === long) return words[index + 1];
    if (word.startsWith(`${long}=`)) return word.slice(long.length + 1);
  }
  return undefined;
}

/** The group of a container's monitor, beside the container's: `lxc.payload.NAME`, `lxc.payload/NAME`, Proxmox's `lxc/NAME`. */
export function groupOfMonitor(group: string): string {
  const parent = dirname(group);
  const part = group.slice(group.lastIndexOf('/') + 1);
  if (part.startsWith('lxc.payload.')) return `${group.slice(0, -part.length)}lxc.monitor.${part.slice(12)}`;
  return `${dirname(parent) === '/' ? '' : dirname(parent)}/lxc.monitor/${part}`;
}
