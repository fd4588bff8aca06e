import { setTimeout as sleep } from 'node:timers/promises';
import { nodeActionParams } from '#playbooks/command';
import type { Control, Engine } from '../state/containers/engine.ts';
import type { ActionPorts, NodeAction } from './action.ts';
import { writeGroupFile } from './cgroup.ts';
import { setFrozen } from './container-freeze.ts';
import { type ContainerTarget, findContainer, isMember, liveMembers } from './container-target.ts';
import { readStat } from './process.ts';
import { hold } from './signal.ts';
import { withParams } from './with-params.ts';

const ENGINE_TIMEOUT_MS = 5_000;
/** New children may appear between listing and killing; each pass kills what the one before let through. */
const MOST_PASSES = 20;

/**
 * `container.kill`: SIGKILL to every process of the container at once, by its cgroup, and then the engine's own kill so
 * that the engine knows. The kernel's cgroup.kill is atomic; on v1 the group is frozen while its members are killed.
 */
export function makeContainerKill(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['container.kill'], async ({ container }, command, signal) => {
    const found = await findContainer(command, container, ports);
    if (!found.ok) return found.result;
    const { target, pids, short } = found;
    if (command.mode === 'dry-run') {
      return { outcome: 'skipped', detail: `would kill container ${short} (${countProcesses(pids)})` };
    }
    if (!(await killMembers(target, pids, ports, signal))) {
      return { outcome: 'failed', retry: true, detail: `processes of container ${short} are still alive` };
    }
    const { said } = await tellEngines(ports.engines(), target, 'kill');
    return { outcome: 'done', detail: `container ${short} killed${said}` };
  });
}

export const countProcesses = (pids: readonly number[]): string =>
  pids.length === 1 ? '1 process' : `${pids.length} processes`;

/** Kills the whole container, the processes that are known, `first`, before it looks for more. Whether nothing of it runs any more. */
export async function killMembers(
  target: ContainerTarget,
  first: readonly number[],
  ports: ActionPorts,
  signal: AbortSignal,
): Promise<boolean> {
  // Atomic and whole-tree since Linux 5.14 (Documentation/admin-guide/cgroup-v2.rst, cgroup.kill).
  const unified = target.groups.get('');
  const isAtomic = unified !== undefined && writeGroupFile(unified, 'cgroup.kill', '1');
  // Among them is the first process, with which the kernel ends all of its pid namespace: freezing may take milliseconds.
  for (const pid of first) killMember(pid, target, ports);
  if (!isAtomic) setFrozen(target, 'frozen');
  try {
    const known = new Set(first);
    for (const pid of liveMembers(target)) if (!known.has(pid)) killMember(pid, target, ports);
  } finally {
    // A frozen process (v1) dies only when it is thawed; this one may have been frozen before, too.
    setFrozen(target, 'thawed');
  }
  for (let pass = 0; pass < MOST_PASSES && !signal.aborted; pass++) {
    const pids = liveMembers(target);
    if (pids.length === 0) return true;
    for (const pid of pids) killMember(pid, target, ports);
    await sleep(Math.min(2 ** pass, 200));
  }
  return liveMembers(target).length === 0;
}

/** Kills a process that is a member at this moment: it is held first, and asked then. */
function killMember(pid: number, target: ContainerTarget, { pidfds }: ActionPorts): void {
  const stat = readStat(pid);
  const held = pid <= 1 || stat === undefined ? undefined : hold({ pid, startTicks: stat.startTicks }, pidfds);
  if (held === undefined) return;
  if (isMember(pid, target)) held.signal('SIGKILL');
  held.close();
}

/** `said` is what to add to the outcome: who knows now, or why nobody does. */
type Told = { readonly status: 'agrees' | 'failed' | 'unknown'; readonly said: string };

/** Has the engine do the same, so that its state is right. */
export async function tellEngines(
  engines: readonly Engine[],
  { named }: Pick<ContainerTarget, 'named'>,
  control: Control,
): Promise<Told> {
  for (const engine of engines) {
    const answer = await engine.control(control, named, { timeoutMs: ENGINE_TIMEOUT_MS });
    if (answer.status === 'failed')
      return { status: 'failed', said: `; ${engine.name} did not confirm: ${answer.reason}` };
    if (answer.status !== 'unknown') return { status: 'agrees', said: ` (${engine.name} agrees)` };
  }
  return { status: 'unknown', said: '' };
}
