import { numberOfCall } from '../events/calls.ts';
import { file } from '../events/decode.ts';
import type { Event } from '../events/event.ts';

/** Calls by which container engines make groups: captured whether or not a rule names them. */
export const groupCalls: readonly string[] = ['mkdir', 'mkdirat'];

const [mkdir, mkdirat] = groupCalls.map(numberOfCall);

/**
 * Finds out which cgroup an event made, by its path in its hierarchy; `undefined` for every other event. An engine makes
 * the group a moment before the container's first program: whoever looks then knows the container in time.
 */
export function makeGroupFinder(mounts: Iterable<string>): (event: Event) => string | undefined {
  // Of mounts within one another, as on a hybrid host, the innermost counts.
  const prefixes = [...new Set(mounts)].map((mount) => `${mount}/`).toSorted((a, b) => b.length - a.length);
  return (event) => {
    const { nr } = event;
    if ((nr !== mkdir && nr !== mkdirat) || event.kind !== 'file' || event.ret !== 0) return undefined;
    const path = file.absolute(event);
    const prefix = path && prefixes.find((each) => path.startsWith(each));
    return path && prefix && path.slice(prefix.length - 1);
  };
}
