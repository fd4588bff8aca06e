import { file, join } from '../events/decode.ts';
import { O_CREAT, O_EXCL, O_TMPFILE } from './flag-names.ts';
import type { Scene } from './scene.ts';

const opening: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat', 'open_by_handle_at']);

export const isOpen = (scene: Scene): boolean => scene.kind === 'file' && opening.has(scene.type);

/** Flags of open(2) in the kernel's numbers; creat(2) implies its own. */
export function openFlagsOfCall(scene: Scene): number {
  return scene.type === 'creat' ? 0o1101 : file.flags(scene.event);
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/**
 * Whether an open made a new file. The kernel knows it (FMODE_CREATED), the record does not say: an exclusive create that
 * went well did; a plain O_CREAT on what is a regular file now may have. Devices and folders it never makes.
 */
export function isCreated(scene: Scene): boolean {
  const flags = openFlagsOfCall(scene);
  if (scene.event.ret < 0) return false;
  if ((flags & O_TMPFILE) === O_TMPFILE) return true;
  if ((flags & O_CREAT) === 0) return false;
  const mode = file.fileMode(scene.event);
  return (flags & O_EXCL) !== 0 || (mode & S_IFMT) === S_IFREG;
}

/** Path of the descriptor that a file call opened or was given; an open that failed still names its path. */
export function descriptorPath(scene: Scene): string | undefined {
  const { event } = scene;
  const resolved = file.resolved(event);
  if (resolved !== undefined) return resolved;
  return isOpen(scene) ? file.absolute(event) : undefined;
}

export const pathRaw = ({ event }: Scene): string | undefined => file.path(event);
export const secondPathRaw = ({ event }: Scene): string | undefined => file.path2(event);

/** What a call without a descriptor names, absolute. */
export function path(scene: Scene): string | undefined {
  return file.absolute(scene.event);
}

export function secondPath(scene: Scene): string | undefined {
  return file.absolute2(scene.event);
}

/** A relative path from the folder that the process stands in: the target of a symbolic link, say. */
export function fromFolder(scene: Scene, text: string | undefined): string | undefined {
  return text === undefined || text.startsWith('/') ? text : join(scene.process?.cwd, text);
}
