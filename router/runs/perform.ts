import { setTimeout as sleep } from 'node:timers/promises';
import { type Advance, advance, makeRun, type RunEvent } from '#playbooks/language/advance';
import type { Filled, Playbook, Scope, Step } from '#playbooks/language/playbook';
import type { Run, RunMode } from '#playbooks/language/run';
import { maskSecrets } from '#playbooks/language/value-template';
import type { Alert } from '#rules/alert';
import type { ActionResult } from './action.ts';
import type { RunPorts } from './ports.ts';

export type RunRequest = {
  readonly runId: string;
  readonly alertId: string;
  readonly alert: Alert;
  readonly playbook: Playbook;
  readonly mode: RunMode;
};

export type Performed =
  | { readonly kind: 'finished'; readonly run: Run }
  /** Nothing to do before then: come back with the same request. */
  | { readonly kind: 'wait'; readonly untilMs: number };

/** Waits up to this are sat out; longer ones give the worker free. */
const SHORT_WAIT_MS = 1_000;

/**
 * Performs a run from where its journal stands to its end or to its next long wait. Every step's outcome is in the
 * journal before the next begins, so a run that was cut off anywhere goes on at the right place.
 */
export async function performRun(request: RunRequest, ports: RunPorts, signal: AbortSignal): Promise<Performed> {
  const { ledger, nowMs } = ports;
  const { playbook } = request;
  const found = await ledger.load(request.runId);
  const before = found ?? makeRun(playbook, aboutRun(request, nowMs()));
  let { run, command } = advance(playbook, before, { kind: 'resumed', nowMs: nowMs() });
  for (;;) {
    signal.throwIfAborted();
    switch (command.kind) {
      case 'finish':
        await ledger.save(run);
        return { kind: 'finished', run };
      case 'wait': {
        await ledger.save(run);
        const leftMs = command.untilMs - nowMs();
        if (leftMs > SHORT_WAIT_MS) return { kind: 'wait', untilMs: command.untilMs };
        await sleep(Math.max(0, leftMs), undefined, { signal });
        ({ run, command } = advance(playbook, run, { kind: 'resumed', nowMs: nowMs() }));
        break;
      }
      case 'begin':
        ({ run, command } = await performStep(
          { ...request, run, step: command.step, attempt: command.attempt },
          ports,
          signal,
        ));
        break;
    }
  }
}

function aboutRun({ runId, alertId, alert, mode }: RunRequest, startedMs: number) {
  return {
    id: runId,
    alert: alertId,
    rule: alert.rule,
    priority: alert.priority,
    node: alert.lanner?.node,
    mode,
    startedMs,
  };
}

type StepRequest = RunRequest & { readonly run: Run; readonly step: Step; readonly attempt: number };

async function performStep(request: StepRequest, ports: RunPorts, signal: AbortSignal): Promise<Advance> {
  const { playbook, run, step, attempt } = request;
  const { ledger, nowMs } = ports;
  const scope = scopeOf(request);
  if (step.guard !== undefined && !step.guard(scope)) {
    return advance(playbook, run, {
      kind: 'step_skipped',
      step: step.id,
      reason: 'its condition does not hold',
      nowMs: nowMs(),
    });
  }
  const startedMs = nowMs();
  const filled = step.fill(scope, ports.secrets);
  if (!filled.ok)
    return advance(
      playbook,
      run,
      ended(step, { status: 'failed', retry: false, reason: filled.reason }, startedMs, ports),
    );
  const started = advance(playbook, run, {
    kind: 'step_started',
    step: step.id,
    params: filled.masked,
    nowMs: startedMs,
  });
  await ledger.save(started.run);
  const isRepeat = (await ledger.begin(request.runId, `${step.id}/${attempt}`)) === 'begun';
  // A dry run does nothing, so doing it again does nothing either.
  if (isRepeat && !step.action.idempotent && request.mode === 'enforce') {
    const reason = `a worker died while it performed ${step.uses}; whether it happened is unknown, and it is not safe to repeat`;
    return advance(playbook, started.run, ended(step, { status: 'failed', retry: false, reason }, startedMs, ports));
  }
  const result = masked(await act(request, filled, ports, signal), filled.secrets);
  // The router stops: the journal says that the step was begun, and whoever takes over decides.
  signal.throwIfAborted();
  const next = advance(playbook, started.run, ended(step, result, startedMs, ports));
  await ledger.save(next.run);
  return next;
}

type FilledStep = Filled & { readonly ok: true };

async function act(
  request: StepRequest,
  { value, secrets }: FilledStep,
  ports: RunPorts,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { step, alert, alertId, playbook, mode } = request;
  const action = ports.actions.get(step.uses);
  if (action === undefined) throw new Error(`checked playbook names the unknown action ${step.uses}`);
  return action.perform(value, {
    alert,
    alertId,
    playbook: playbook.name,
    mode,
    idempotencyKey: `${alertId}/${playbook.name}/${step.id}`,
    deadlineMs: ports.nowMs() + step.timeoutMs,
    signal: AbortSignal.any([signal, AbortSignal.timeout(step.timeoutMs)]),
    mask: (text) => maskSecrets(text, secrets),
    sendToNode: ports.sendToNode,
  });
}

/** Whatever an action or the other side says, a secret does not get into the journal. */
function masked(result: ActionResult, secrets: readonly string[]): ActionResult {
  return result.status === 'failed'
    ? { ...result, reason: maskSecrets(result.reason, secrets) }
    : { ...result, detail: maskSecrets(result.detail, secrets) };
}

function scopeOf({ alert, alertId, run }: StepRequest): Scope {
  const steps = new Map(run.steps.map(({ id, state, detail }) => [id, { outcome: state, detail }]));
  return { alert, alertId, steps };
}

function ended(step: Step, result: ActionResult, startedMs: number, { nowMs, random }: RunPorts): RunEvent {
  const isFailed = result.status === 'failed';
  return {
    kind: 'step_ended',
    step: step.id,
    outcome: result.status,
    detail: (isFailed ? result.reason : result.detail).slice(0, 4_096),
    startedMs,
    nowMs: nowMs(),
    retry: isFailed ? result.retry : result.status === 'timed_out' && step.action.idempotent,
    retryAfterMs: isFailed ? result.retryAfterMs : undefined,
    random: random(),
  };
}
