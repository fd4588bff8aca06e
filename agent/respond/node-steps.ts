import { CHANNEL_VERSION, type NodeCommand, nodeActionParams, type Receipt } from '#playbooks/command';
import { idempotencyKey, nodeTarget, targetInKey } from '#playbooks/idempotency';
import { whyQuiet } from '#playbooks/language/gate';
import { matchPlaybooks } from '#playbooks/language/match';
import { leadingNodeSteps } from '#playbooks/language/node-steps';
import type { ActionStep, Playbook, StepResult } from '#playbooks/language/playbook';
import type { RunMode } from '#playbooks/language/run';
import type { Alert } from '#rules/alert';
import type { Log } from '#rules/cli/log';

export type NodeStepOptions = {
  readonly playbooks: readonly Playbook[];
  /** Of playbooks that name none. */
  readonly mode: RunMode;
  readonly perform: (command: NodeCommand) => Promise<Receipt>;
  readonly log: Log;
  readonly nowMs: () => number;
};

export type NodeSteps = {
  respond(alert: Alert): void;
  /** Other playbooks from the next alert on; what is under way ends as it began. */
  use(playbooks: readonly Playbook[]): void;
};

/**
 * Carries out the first steps of playbooks with `where: node` as soon as the alert is there, router or not. Each has the
 * router's own id of it: when the router comes to the step it asks as ever, and has the answer of this first time.
 */
export function makeNodeSteps(options: NodeStepOptions): NodeSteps {
  const { mode, log } = options;
  // A dry run and a shadow are the router's: nothing happens on the node by itself.
  const findActing = (playbooks: readonly Playbook[]): readonly Playbook[] =>
    playbooks.filter((playbook) => (playbook.mode ?? mode) === 'enforce' && leadingNodeSteps(playbook).length > 0);
  let acting = findActing(options.playbooks);
  const respond = (alert: Alert): void => {
    if (acting.length === 0 || alert.lanner === undefined) return;
    const { id } = alert.lanner;
    for (const playbook of matchPlaybooks(acting, alert, id)) {
      run(playbook, alert, id, options).catch((error: unknown) =>
        log('error', 'a step on this node failed unexpectedly', { playbook: playbook.name, reason: String(error) }),
      );
    }
  };
  return {
    respond,
    use(playbooks) {
      acting = findActing(playbooks);
    },
  };
}

async function run(playbook: Playbook, alert: Alert, alertId: string, options: NodeStepOptions): Promise<void> {
  const { perform, log, nowMs } = options;
  const results = new Map<string, StepResult>();
  const scope = { alert, alertId, steps: results };
  if (whyQuiet(playbook, scope, nowMs()) !== undefined) return;
  for (const step of leadingNodeSteps(playbook)) {
    if (step.guard?.(scope) === false) {
      results.set(step.id, { outcome: 'skipped', detail: 'its condition does not hold' });
      continue;
    }
    const command = commandOf(step, playbook, { alert, alertId, nowMs: nowMs() });
    // What the router makes of it then is in its journal.
    if (typeof command === 'string') {
      log('warn', 'a step on this node has no parameters', { playbook: playbook.name, step: step.id, reason: command });
      return;
    }
    const { outcome, detail } = await perform(command);
    results.set(step.id, { outcome, detail });
    const isWell = outcome === 'done' || outcome === 'gone' || outcome === 'skipped';
    if (!isWell && step.onError !== 'continue') return;
  }
}

type About = { readonly alert: Alert; readonly alertId: string; readonly nowMs: number };

/** As the router would send it; a text says why there is none. */
function commandOf(step: ActionStep, playbook: Playbook, { alert, alertId, nowMs }: About): NodeCommand | string {
  const filled = step.fill({ alert, alertId, steps: new Map() }, () => undefined);
  if (!filled.ok) return filled.reason;
  const schema = Object.entries(nodeActionParams).find(([name]) => name === step.uses)?.[1];
  const read = schema?.safeParse(filled.value);
  if (read?.success !== true) return read?.error.issues[0]?.message ?? `this agent knows no action ${step.uses}`;
  const { process, boot_id } = alert.lanner ?? {};
  return {
    version: CHANNEL_VERSION,
    kind: 'command',
    id: idempotencyKey(alertId, playbook.name, step.id, targetInKey(nodeTarget(read.data), filled.masked)),
    action: step.uses,
    params: { ...read.data },
    mode: 'enforce',
    deadline_ms: nowMs + step.timeoutMs,
    alert: {
      id: alertId,
      rule: alert.rule,
      ...(process !== undefined && { process: { pid: process.pid, start_ns: process.start_ns } }),
      ...(boot_id !== undefined && { boot_id }),
    },
  };
}
