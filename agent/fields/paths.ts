import { file, join } from '../events/decode.ts';
import { O_TMPFILE } from './flag-names.ts';
import type { Scene } from './scene.ts';

/** Nearly every event is asked: comparing is cheaper than a set. */
export function isOpen({ kind, type }: Scene): boolean {
  if (kind !== 'file') return false;
  return type === 'openat' || type === 'open' || type === 'openat2' || type === 'creat' || type === 'open_by_handle_at';
}

/** Flags of open(2) in the kernel's numbers; creat(2) implies its own. */
export function openFlagsOfCall(scene: Scene): number {
  return scene.type === 'creat' ? 0o1101 : file.flags(scene.event);
}

/** Whether an open made a new file. */
export function isCreated(scene: Scene): boolean {
  if (scene.event.ret < 0) return false;
  return file.isCreated(scene.event) || (openFlagsOfCall(scene) & O_TMPFILE) === O_TMPFILE;
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
  return text === undefined || text.startsWith('/') ? text : join(scene.process?.context.cwd, text);
}
