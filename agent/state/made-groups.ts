import { numberOfCall } from '../events/calls.ts';
import { file } from '../events/decode.ts';
import type { Event } from '../events/event.ts';

/** Calls by which container engines make groups: captured whether or not a rule names them. */
export const groupCalls: readonly string[] = ['mkdir', 'mkdirat'];

const [mkdir, mkdirat] = groupCalls.map(numberOfCall);

export type Made =
  | { readonly kind: 'group'; readonly path: string }
  /** The folder in which containerd keeps a task, made before its group: only by it such a group is known for a container's. */
  | { readonly kind: 'task'; readonly namespace: string; readonly id: string };

/**
 * Finds out which cgroup an event made, by its path in its hierarchy, or which task in one of `tasks`; `undefined` for
 * every other event. An engine makes the group a moment before the container's first program: whoever looks then knows
 * the container in time.
 */
export function makeMadeFinder(mounts: Iterable<string>, tasks: readonly string[]): (event: Event) => Made | undefined {
  // Of mounts within one another, as on a hybrid host, the innermost counts.
  const prefixes = [...new Set(mounts)].map((mount) => `${mount}/`).toSorted((a, b) => b.length - a.length);
  return (event) => {
    const { nr } = event;
    if ((nr !== mkdir && nr !== mkdirat) || event.kind !== 'file' || event.ret !== 0) return undefined;
    const path = file.absolute(event);
    const prefix = path && prefixes.find((each) => path.startsWith(each));
    if (path === undefined) return undefined;
    return prefix === undefined ? taskOf(path, tasks) : { kind: 'group', path: path.slice(prefix.length - 1) };
  };
}

function taskOf(path: string, tasks: readonly string[]): Made | undefined {
  const folder = tasks.find((each) => path.startsWith(`${each}/`));
  if (folder === undefined) return undefined;
  const [namespace, id, ...below] = path.slice(folder.length + 1).split('/');
  return namespace && id && below.length === 0 ? { kind: 'task', namespace, id } : undefined;
}
