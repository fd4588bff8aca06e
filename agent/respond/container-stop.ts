import { setTimeout as sleep } from 'node:timers/promises';
import { nodeActionParams } from '#playbooks/command';
import type { ActionPorts, NodeAction } from './action.ts';
import { countProcesses, killMembers } from './container-kill.ts';
import { type ContainerTarget, findContainer, isMember, liveMembers } from './container-target.ts';
import { readStat } from './process.ts';
import { hold } from './signal.ts';
import { withParams } from './with-params.ts';

/** What an engine takes beyond the time it was given. */
const ENGINE_MORE_MS = 5_000;

/**
 * `container.stop`: SIGTERM to the container's first process, a time to end by itself, then SIGKILL to all. By the engine
 * where one knows the container, so that it does not start it again.
 */
export function makeContainerStop(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['container.stop'], async ({ container, grace_s: graceS }, command, signal) => {
    const found = await findContainer(command, container, ports);
    if (!found.ok) return found.result;
    const { target, pids, short } = found;
    if (command.mode === 'dry-run') {
      return { outcome: 'skipped', detail: `would stop container ${short} (${countProcesses(pids)})` };
    }
    const said = await stopByEngine(target, ports, graceS);
    if (said === undefined) {
      terminate(target, pids, ports);
      await untilEnded(target, graceS, signal);
    }
    if (!(await killMembers(target, pids, ports, signal))) {
      return { outcome: 'failed', retry: true, detail: `processes of container ${short} are still alive` };
    }
    return { outcome: 'done', detail: `container ${short} stopped${said ?? ''}` };
  });
}

/** What to add to the outcome; `undefined` when no engine did it. */
async function stopByEngine({ named }: ContainerTarget, ports: ActionPorts, graceS: number) {
  for (const engine of ports.engines()) {
    const timeoutMs = graceS * 1_000 + ENGINE_MORE_MS;
    const answer = await engine.control('stop', named, { timeoutMs, graceS });
    if (answer.status === 'done' || answer.status === 'not_running') return ` (by ${engine.name})`;
  }
  return undefined;
}

/** The container's first process is its oldest; the others are its own to end. */
function terminate(target: ContainerTarget, pids: readonly number[], { pidfds }: ActionPorts): void {
  const [first] = pids
    .flatMap((pid) => {
      const stat = readStat(pid);
      return stat === undefined ? [] : [{ pid, startTicks: stat.startTicks }];
    })
    .sort((a, b) => Number(a.startTicks - b.startTicks) || a.pid - b.pid);
  const held = first && hold(first, pidfds);
  if (held === undefined) return;
  if (isMember(held.pid, target)) held.signal('SIGTERM');
  held.close();
}

async function untilEnded(target: ContainerTarget, graceS: number, signal: AbortSignal): Promise<void> {
  const untilMs = performance.now() + graceS * 1_000;
  while (performance.now() < untilMs && !signal.aborted && liveMembers(target).length > 0) await sleep(20);
}
