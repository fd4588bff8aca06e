import { nodeActionParams } from '#playbooks/command';
import type { ActionPorts, NodeAction } from './action.ts';
import { setFrozen, untilFrozen } from './container-freeze.ts';
import { countProcesses, tellEngines } from './container-kill.ts';
import { findContainer } from './container-target.ts';
import { withParams } from './with-params.ts';

/**
 * `container.pause`: by its engine, since runc refuses to pause what is frozen already, and the engine's state would be
 * wrong; by its cgroup where no engine does it.
 */
export function makeContainerPause(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['container.pause'], async ({ container }, command, signal) => {
    const found = await findContainer(command, container, ports);
    if (!found.ok) return found.result;
    const { target, pids, short } = found;
    if (command.mode === 'dry-run') {
      return { outcome: 'skipped', detail: `would pause container ${short} (${countProcesses(pids)})` };
    }
    const { status, said } = await tellEngines(ports.engines(), target, 'pause');
    if (status !== 'agrees') setFrozen(target, 'frozen');
    if (await untilFrozen(target, 'frozen', signal)) {
      return { outcome: 'done', detail: `container ${short} paused${said}` };
    }
    return { outcome: 'failed', retry: true, detail: `container ${short} still runs${said}` };
  });
}

/** `container.unpause`: the engine first, whose pause may be one of its own making; then whatever is frozen still. */
export function makeContainerUnpause(ports: ActionPorts): NodeAction {
  return withParams(nodeActionParams['container.unpause'], async ({ container }, command, signal) => {
    const found = await findContainer(command, container, ports);
    if (!found.ok) return found.result;
    const { target, short } = found;
    if (command.mode === 'dry-run') return { outcome: 'skipped', detail: `would unpause container ${short}` };
    const { said } = await tellEngines(ports.engines(), target, 'unpause');
    setFrozen(target, 'thawed');
    if (await untilFrozen(target, 'thawed', signal)) {
      return { outcome: 'done', detail: `container ${short} runs${said}` };
    }
    return { outcome: 'failed', retry: true, detail: `container ${short} is still paused${said}` };
  });
}
