import { setTimeout as sleep } from 'node:timers/promises';
import { nodeActionParams } from '#playbooks/command';
import type { Engine } from '../state/containers/engine.ts';
import type { ActionPorts, ActionResult, NodeAction } from './action.ts';
import { countProcesses, killMembers } from './container-kill.ts';
import { findContainer, toFacts } from './container-target.ts';
import { refuseContainer } from './guard.ts';
import { withParams } from './with-params.ts';

const ENGINE_TIMEOUT_MS = 10_000;
const MOST_TRIES = 5;

/** `container.remove`: kills the container and has its engine remove it; one that has ended already is removed as well. */
export function makeContainerRemove(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['container.remove'], async ({ container }, command, signal) => {
    const found = await findContainer(command, container, ports);
    if (!found.ok) {
      return found.isEnded ? removeEnded(container, command.mode, ports, found.result) : found.result;
    }
    const { target, pids, short } = found;
    if (command.mode === 'dry-run') {
      return { outcome: 'skipped', detail: `would remove container ${short} (${countProcesses(pids)})` };
    }
    if (!(await killMembers(target, pids, ports, signal))) {
      return { outcome: 'failed', retry: true, detail: `processes of container ${short} are still alive` };
    }
    return removeByEngine(target.named, short, ports);
  });
}

/** No process is left by which it could be found, so the engines are asked for the id. */
async function removeEnded(
  id: string,
  mode: 'enforce' | 'dry-run',
  ports: ActionPorts,
  gone: ActionResult,
): Promise<ActionResult> {
  for (const engine of ports.engines()) {
    const answer = await engine.inspect({ id }, ENGINE_TIMEOUT_MS);
    if (answer.status !== 'found') continue;
    const { details } = answer;
    const refusal = refuseContainer(toFacts({ id }, details), ports.protection);
    if (refusal !== undefined) return { outcome: 'refused', detail: refusal };
    const short = id.slice(0, 12);
    if (mode === 'dry-run') return { outcome: 'skipped', detail: `would remove container ${short}, which has ended` };
    return removeByEngine({ id }, short, ports);
  }
  return gone;
}

/** An engine hears of a death a little later than the kernel does, and refuses to remove what it takes for running. */
async function removeSoon(engine: Engine, named: { readonly id: string; readonly namespace?: string }) {
  for (let tries = 1; ; tries++) {
    const answer = await engine.control('remove', named, { timeoutMs: ENGINE_TIMEOUT_MS });
    if (answer.status !== 'failed' || tries === MOST_TRIES) return answer;
    await sleep(100 * tries);
  }
}

async function removeByEngine(
  named: { readonly id: string; readonly namespace?: string },
  short: string,
  ports: ActionPorts,
): Promise<ActionResult> {
  const reasons: string[] = [];
  for (const engine of ports.engines()) {
    const answer = await removeSoon(engine, named);
    if (answer.status === 'failed') reasons.push(`${engine.name}: ${answer.reason}`);
    else if (answer.status !== 'unknown') {
      return { outcome: 'done', detail: `container ${short} killed and removed (by ${engine.name})` };
    }
  }
  const why = reasons.length === 0 ? 'no engine that answers knows it' : reasons.join('; ');
  return {
    outcome: 'failed',
    retry: reasons.length > 0,
    detail: `container ${short} is killed, but not removed: ${why}`,
  };
}
