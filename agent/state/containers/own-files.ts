import { isAbsolute, join, relative } from 'node:path';
import { fromByteString } from '#rules/language/byte-string';
import { isJson, listOf, partOf, textOf, textsOf } from './json.ts';

/** A file of a container's as the host has it: a folder, and the way down from it, in which no link is followed. */
export type OwnFile = { readonly folder: string; readonly parts: readonly string[] };

/** Numbers inside of a user namespace and outside: user_namespaces(7), uid_map. */
export type Range = { readonly inside: number; readonly outside: number; readonly length: number };

/** Where a container's users stand before its first program runs, and what their numbers are outside. */
export type OwnUsers = {
  readonly passwd: OwnFile | undefined;
  readonly group: OwnFile | undefined;
  readonly uids: readonly Range[];
  readonly gids: readonly Range[];
};

const same: readonly Range[] = [{ inside: 0, outside: 0, length: 0xffff_ffff }];

/**
 * Reads them from `config.json` of the OCI runtime specification, which lies in the folder `bundle`. `undefined`: it joins
 * a user namespace of somebody else's, or is none.
 */
export function readOwnUsers(spec: unknown, bundle: string): OwnUsers | undefined {
  if (!isJson(spec)) return undefined;
  const root = pathOf(partOf(spec, 'root')['path']);
  const linux = partOf(spec, 'linux');
  const ofUsers = listOf(linux['namespaces']).find(({ type }) => type === 'user');
  if (root === undefined || ofUsers?.['path'] !== undefined) return undefined;
  const mounts = listOf(spec['mounts']).map((mount) => {
    const options = textsOf(mount['options']) ?? [];
    const isBind = mount['type'] === 'bind' || options.includes('bind') || options.includes('rbind');
    const source = pathOf(mount['source']) ?? '';
    return { at: pathOf(mount['destination']) ?? '', source: isBind && isAbsolute(source) ? source : undefined };
  });
  // More than are kept: one of them might be the one.
  if (Array.isArray(spec['mounts']) && spec['mounts'].length > mounts.length) return undefined;
  const fileAt = (path: string): OwnFile | undefined => {
    // The last one lies above the others.
    const mount = mounts.findLast(({ at }) => path === at || path.startsWith(`${at.replace(/\/+$/, '')}/`));
    if (mount === undefined) return { folder: join(isAbsolute(root) ? '/' : bundle, root), parts: partsOf(path) };
    if (mount.source === undefined) return undefined;
    const parts = partsOf(relative(mount.at, path));
    return parts.length > 0
      ? { folder: mount.source, parts }
      : { folder: join(mount.source, '..'), parts: partsOf(mount.source).slice(-1) };
  };
  const ranges = (mappings: unknown): readonly Range[] => {
    const found = listOf(mappings).flatMap(({ containerID: inside, hostID: outside, size: length }) =>
      typeof inside === 'number' && typeof outside === 'number' && typeof length === 'number'
        ? [{ inside, outside, length }]
        : [],
    );
    return ofUsers === undefined ? same : found;
  };
  return {
    passwd: fileAt('/etc/passwd'),
    group: fileAt('/etc/group'),
    uids: ranges(linux['uidMappings']),
    gids: ranges(linux['gidMappings']),
  };
}

/** As the file system takes it. */
function pathOf(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : fromByteString(text);
}

const partsOf = (path: string): readonly string[] => path.split('/').filter((part) => part !== '');
