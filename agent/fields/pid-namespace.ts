import type { Process } from '../state/process.ts';
import type { Scene } from './scene.ts';

/**
 * The first process of the pid namespace that the event's process is in: itself or an ancestor. `undefined` when it was
 * put into the namespace from outside, as `docker exec` does, or is not known any more.
 */
export function firstOfNamespace({ process, around }: Scene): Process | undefined {
  if (process === undefined) return undefined;
  return [process, ...around.processes.ancestors(process)].find(({ vpid }) => vpid === 1);
}
