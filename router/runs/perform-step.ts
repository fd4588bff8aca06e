import { idempotencyKey } from '#playbooks/idempotency';
import type { RunEvent } from '#playbooks/language/advance';
import type { ActionStep, Filled } from '#playbooks/language/playbook';
import type { StepState } from '#playbooks/language/run';
import { scopeOf } from '#playbooks/language/scope';
import { maskSecrets } from '#playbooks/language/value-template';
import type { Action, ActionResult } from './action.ts';
import { ofKernel } from './kernel-step.ts';
import type { LiveRun, RunRequest } from './perform.ts';
import type { RunPorts } from './ports.ts';
import { within } from './within.ts';

export type StepRequest = RunRequest & {
  readonly live: LiveRun;
  readonly id: string;
  readonly state: StepState;
  /** `undefined`: what undoes a step; its state has the parameters. */
  readonly step: ActionStep | undefined;
  readonly attempt: number;
};

/** For the actions that undo. */
const UNDO_TIMEOUT_MS = 30_000;
/** Of what an action says about itself. */
const MOST_DETAIL = 4_096;

/** Looks at the guard, fills in the parameters and acts, and tells the run each of these. */
export async function performStep(asked: StepRequest, ports: RunPorts, signal: AbortSignal): Promise<void> {
  const { live, id, step, state, attempt } = asked;
  // What was done is undone, however the router has been started since.
  const mode = step === undefined ? live.current().mode : asked.mode;
  const request = { ...asked, mode };
  const { nowMs } = ports;
  const scope = scopeOf(live.current(), request, state);
  const skipped = reasonToSkip(request, scope);
  if (skipped !== undefined) {
    live.note({ kind: 'step_skipped', step: id, reason: skipped, nowMs: nowMs() });
    return;
  }
  const startedMs = nowMs();
  const action = ports.actions.get(state.uses);
  const filled: Filled = step === undefined ? undoing(action, state) : step.fill(scope, ports.secrets);
  const fail = (reason: string): RunEvent =>
    ended(request, action, { status: 'failed', retry: false, reason }, startedMs, ports);
  if (action === undefined) return live.apply(fail(`there is no action ${state.uses} any more`));
  if (!filled.ok) return live.apply(fail(filled.reason));
  for (const secret of filled.secrets) live.secrets.add(secret);
  const key = keyOf(request, action, filled);
  const about = { run: request.runId, alert: request.alertId, playbook: request.playbook.name, step: id };
  const entry = { ...about, uses: state.uses, key, mode, attempt };
  const { queued, begun } = live.begin(
    { kind: 'step_started', step: id, params: filled.masked, key, nowMs: startedMs },
    `${id}/${attempt}`,
    { kind: 'action_begun', ...entry, params: filled.masked },
  );
  // A command to a node is brought to the disk together with this entry, and the node knows a repeat by itself.
  const isSent = action.side === 'node' && action.idempotent;
  // A dry run does nothing, so doing it again does nothing either.
  if (!action.idempotent && (await begun) === 'begun' && mode === 'enforce') {
    const unknown = `a worker died while it performed ${state.uses}; whether it happened is unknown, and it is not safe to repeat`;
    return live.apply(fail(unknown));
  }
  const acting = (isSent ? queued() : begun).then(() => act(request, action, { ...filled, key }, ports, signal));
  const [acted] = await Promise.all([acting, begun]);
  const result = withQuestion(masked(acted, [...live.secrets]), request);
  // The router stops: the journal says that the step was begun, and whoever takes over decides.
  signal.throwIfAborted();
  const end = ended(request, action, result, startedMs, ports);
  await live.record(end, { kind: 'action_ended', ...entry, outcome: result.status, detail: end.detail });
}

/** What undoes an action gets the parameters that it had, as far as it knows them. */
function undoing(action: Action | undefined, { params }: StepState): Filled {
  const known = action !== undefined && 'shape' in action.params ? Object.keys(Object(action.params.shape)) : [];
  const value = Object.fromEntries(Object.entries(Object(params)).filter(([name]) => known.includes(name)));
  return { ok: true, value, masked: value, secrets: [] };
}

export function reasonToSkip(
  { step, trigger }: Pick<StepRequest, 'step' | 'trigger'>,
  scope: ReturnType<typeof scopeOf>,
): string | undefined {
  // A summary tells what was held back; it does not act on it again.
  if (trigger?.kind === 'summary' && step?.action.side === 'node') return 'a summary acts on no node';
  // The kernel has looked at the condition of its own steps.
  if (step?.where === 'kernel') return undefined;
  return step?.guard === undefined || step.guard(scope) ? undefined : 'its condition does not hold';
}

type FilledStep = Filled & { readonly ok: true };

function keyOf(
  { alertId, playbook, state }: StepRequest,
  action: Action,
  { value, masked: shown }: FilledStep,
): string {
  return idempotencyKey(alertId, playbook.name, state.id, action.target(value, shown));
}

async function act(
  request: StepRequest,
  action: Action,
  { value, key }: FilledStep & { readonly key: string },
  ports: RunPorts,
  signal: AbortSignal,
): Promise<ActionResult> {
  const { step, alert, alertId, playbook, mode, live } = request;
  if (step?.where === 'kernel') return ofKernel(alert, `${playbook.name}/${step.id}`);
  if (mode === 'shadow') return shadow(action, value);
  const timeoutMs = step?.timeoutMs ?? UNDO_TIMEOUT_MS;
  const context = {
    alert,
    alertId,
    playbook: playbook.name,
    mode,
    idempotencyKey: key,
    deadlineMs: ports.nowMs() + timeoutMs,
    mask: (text: string) => maskSecrets(text, [...live.secrets]),
    sendToNode: ports.sendToNode,
    hand: ports.hand,
    explainHand: ports.explainHand,
    pages: ports.pages,
    kubernetes: ports.kubernetes,
  };
  return within(timeoutMs, signal, (own) => action.perform(value, { ...context, signal: own }));
}

/** A dry run asks nobody. */
function withQuestion(result: ActionResult, { step, mode }: StepRequest): ActionResult {
  if (mode === 'enforce' || step?.approve === undefined || result.status !== 'skipped') return result;
  return { ...result, detail: `would ask ${step.approve.by.join(', ')} first; ${result.detail}` };
}

/** Nothing leaves the router: only whether the parameters are right is known. */
function shadow(action: Action, value: unknown): ActionResult {
  const read = action.params.safeParse(value);
  if (read.success) return { status: 'skipped', detail: `would perform ${action.name}` };
  const [issue] = read.error.issues;
  return { status: 'failed', retry: false, reason: `${issue?.path.join('.')}: ${issue?.message}` };
}

/** Whatever an action or the other side says, a secret does not get into the journal. */
function masked(result: ActionResult, secrets: readonly string[]): ActionResult {
  if (result.status === 'failed') return { ...result, reason: maskSecrets(result.reason, secrets) };
  const detail = maskSecrets(result.detail, secrets);
  if (result.outputs === undefined) return { ...result, detail };
  const outputs = Object.entries(result.outputs).map(
    ([name, value]) => [name, typeof value === 'string' ? maskSecrets(value, secrets) : value] as const,
  );
  return { ...result, detail, outputs: Object.fromEntries(outputs) };
}

function ended(
  { id }: StepRequest,
  action: Action | undefined,
  result: ActionResult,
  startedMs: number,
  { nowMs, random }: RunPorts,
): RunEvent & { readonly kind: 'step_ended' } {
  const isFailed = result.status === 'failed';
  return {
    kind: 'step_ended',
    step: id,
    outcome: result.status,
    detail: (isFailed ? result.reason : result.detail).slice(0, MOST_DETAIL),
    startedMs,
    nowMs: nowMs(),
    retry: isFailed ? result.retry : result.status === 'timed_out' && action?.idempotent === true,
    retryAfterMs: isFailed ? result.retryAfterMs : undefined,
    random: random(),
    outputs: isFailed ? undefined : result.outputs,
  };
}
