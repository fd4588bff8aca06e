import type { Alert } from '#rules/alert';
import { baseOf, type RunEvent } from './advance.ts';
import type { ActionStep, OutputValue, Scope, Secrets, StepResult } from './playbook.ts';
import type { Run, StepState } from './run.ts';

/** What a run is about. */
export type About = { readonly alert: Alert; readonly alertId: string };

/** How bad an outcome is; of the items of a step, the worst speaks for all. */
const order = ['done', 'skipped', 'gone', 'waiting', 'running', 'timed_out', 'refused', 'failed'];

/** What a step's condition and parameters are read from. */
export function scopeOf(run: Run, { alert, alertId }: About, itemOf?: StepState): Scope {
  const steps = new Map<string, StepResult>();
  const worst = new Map<string, StepState>();
  for (const state of run.steps) {
    if (state.id.endsWith('/undo') || !isOver(state)) continue;
    const id = baseOf(state.id);
    const before = worst.get(id);
    if (before !== undefined && order.indexOf(before.state) >= order.indexOf(state.state)) continue;
    worst.set(id, state);
    steps.set(id, { outcome: state.state, detail: state.detail, outputs: state.outputs });
  }
  return { alert, alertId, steps, trigger: run.trigger, item: readItem(itemOf) };
}

function readItem(state: StepState | undefined): Scope['item'] {
  if (state?.item === undefined) return undefined;
  return { value: state.item, index: Number(/\[(\d+)\]/.exec(state.id)?.[1] ?? 0) };
}

function isOver({ state }: StepState): boolean {
  return state !== 'waiting' && state !== 'running';
}

/** Fills in the list of `foreach`. What cannot be gone through fails the step. */
export function expandStep(step: ActionStep, run: Run, about: About, secrets: Secrets, nowMs: number): RunEvent {
  const filled = step.foreach?.(scopeOf(run, about), secrets);
  const fail = (detail: string): RunEvent => ({
    kind: 'step_ended',
    step: step.id,
    outcome: 'failed',
    detail,
    startedMs: nowMs,
    nowMs,
    retry: false,
    retryAfterMs: undefined,
    random: 0,
  });
  if (filled === undefined) throw new Error(`step ${step.id} has no foreach`);
  if (!filled.ok) return fail(`foreach: ${filled.reason}`);
  const { value } = filled;
  if (!Array.isArray(value)) return fail('foreach: expected a list; the field holds one value');
  const items = value.flatMap((item: unknown): OutputValue[] =>
    typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean' ? [item] : [],
  );
  return { kind: 'expanded', step: step.id, items, nowMs };
}
