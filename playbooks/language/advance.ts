import type { Outcome } from '../command.ts';
import {
  type ActionStep,
  type Approve,
  actionSteps,
  type OutputValue,
  type Playbook,
  type Retry,
  type Step,
} from './playbook.ts';
import type { Answer, Approval, Attempt, Run, StepState } from './run.ts';
import { MOST_ITEMS } from './step-schema.ts';

/** What happened to a run since it was last asked. */
export type RunEvent =
  | { readonly kind: 'resumed'; readonly nowMs: number }
  | {
      readonly kind: 'step_started';
      readonly step: string;
      readonly params: unknown;
      readonly key?: string;
      readonly nowMs: number;
    }
  /** The guard said no. */
  | { readonly kind: 'step_skipped'; readonly step: string; readonly reason: string; readonly nowMs: number }
  /** People were asked; the step waits for them. */
  | { readonly kind: 'asked'; readonly step: string; readonly approval: Approval; readonly nowMs: number }
  | { readonly kind: 'answered'; readonly step: string; readonly answer: Answer; readonly nowMs: number }
  /** What `foreach` goes through. */
  | { readonly kind: 'expanded'; readonly step: string; readonly items: readonly OutputValue[]; readonly nowMs: number }
  | {
      readonly kind: 'step_ended';
      readonly step: string;
      readonly outcome: Outcome;
      readonly detail: string;
      readonly startedMs: number;
      readonly nowMs: number;
      /** Whether trying again can help. */
      readonly retry: boolean;
      /** What the other side asked for (`Retry-After`). */
      readonly retryAfterMs: number | undefined;
      /** 0 (inclusive) to 1 (exclusive), for the jitter. */
      readonly random: number;
      readonly outputs?: Readonly<Record<string, OutputValue>> | undefined;
    };

/** What to do next. Of those that begin, all may be done at the same time. */
export type RunCommand =
  /** Look at the guard, fill in the parameters, act. `step` is `undefined` for what undoes one: its state says all. */
  | {
      readonly kind: 'begin';
      readonly id: string;
      readonly state: StepState;
      readonly step: ActionStep | undefined;
      readonly attempt: number;
    }
  /** Look at the guard, fill in the parameters, and ask people whether it may be performed. */
  | {
      readonly kind: 'ask';
      readonly id: string;
      readonly state: StepState;
      readonly step: ActionStep;
      readonly approve: Approve;
    }
  /** Fill in the list of `foreach`. */
  | { readonly kind: 'expand'; readonly step: ActionStep }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'finish' };

export type Advance = { readonly run: Run; readonly commands: readonly RunCommand[] };

/** Outcomes after which the run goes on as if all were well. `gone`: what was to be acted on needs no action any more. */
const fine: ReadonlySet<StepState['state']> = new Set(['done', 'skipped', 'gone']);

/** What is isolated must not stay so because its node was away for a while: an undo is tried for hours. */
const undoRetry: Retry = { attempts: 50, backoffMs: 1_000, mostMs: 600_000 };
const UNDO = '/undo';

/** A run before its first step. */
export function makeRun(
  playbook: Playbook,
  about: Omit<Run, 'playbook' | 'plan' | 'state' | 'steps' | 'finishedMs'>,
): Run {
  // Remedies get into the journal when it is their turn.
  const listed = [...playbook.steps, ...playbook.last].flatMap((step) =>
    step.kind === 'action' ? [step] : step.steps,
  );
  const steps = listed.map(({ id, uses }) => fresh(id, uses));
  return { ...about, playbook: playbook.name, plan: planOf(playbook), state: 'running', steps, finishedMs: undefined };
}

function fresh(id: string, uses: string): StepState {
  return { id, uses, state: 'waiting', detail: '', params: undefined, attempts: [], notBeforeMs: 0 };
}

function planOf(playbook: Playbook): string {
  return actionSteps(playbook)
    .map(({ id, uses }) => `${id}=${uses}`)
    .join(' ');
}

/**
 * Pure: what the run becomes and what is to be done next. Commands are carried out by router/runs; a test only reads
 * them. Steps run in their order, those of `parallel` at the same time; the first that fails for good ends the run,
 * unless its `on_error` says something else; `finally` comes in any case, and undoing when its time has come.
 */
export function advance(playbook: Playbook, run: Run, event: RunEvent): Advance {
  switch (event.kind) {
    case 'resumed':
      return next(playbook, run, event.nowMs);
    case 'step_started': {
      const { params, key } = event;
      const to = { state: 'running', params, ...(key === undefined ? {} : { key }) } as const;
      return next(playbook, change(playbook, run, event.step, to), event.nowMs);
    }
    case 'step_skipped':
      return next(playbook, change(playbook, run, event.step, { state: 'skipped', detail: event.reason }), event.nowMs);
    case 'asked':
      return next(playbook, change(playbook, run, event.step, { approval: event.approval }), event.nowMs);
    case 'answered':
      return next(playbook, answer(playbook, run, event), event.nowMs);
    case 'expanded':
      return next(playbook, expand(playbook, run, event), event.nowMs);
    case 'step_ended':
      return next(playbook, end(playbook, run, event), event.nowMs);
  }
}

/** A no ends the step as if it had been refused elsewhere. */
function answer(playbook: Playbook, run: Run, event: RunEvent & { readonly kind: 'answered' }): Run {
  const { approval } = stateOf(playbook, run, event.step);
  const step = actionSteps(playbook).find(({ id }) => id === baseOf(event.step));
  if (approval === undefined || approval.answer !== undefined) return run;
  const { verdict, by, way } = event.answer;
  const known = { approval: { ...approval, answer: event.answer } };
  if (verdict === 'approved' || (verdict === 'late' && step?.approve?.otherwise === 'proceed'))
    return change(playbook, run, event.step, known);
  const detail = verdict === 'denied' ? `${by} denied it (${way})` : 'nobody approved it in time';
  return change(playbook, run, event.step, { ...known, state: 'refused', detail });
}

function end(playbook: Playbook, run: Run, event: RunEvent & { readonly kind: 'step_ended' }): Run {
  const isUndo = event.step.endsWith(UNDO);
  const step = isUndo ? undefined : actionSteps(playbook).find(({ id }) => id === baseOf(event.step));
  if (step === undefined && !isUndo) throw new Error(`playbook ${playbook.name} has no step ${event.step}`);
  const state = stateOf(playbook, run, event.step);
  const { outcome, detail, startedMs, nowMs, outputs } = event;
  const retry = step?.retry ?? undoRetry;
  const attempts: Attempt[] = [...state.attempts, { startedMs, finishedMs: nowMs, outcome, detail }];
  const again = event.retry && (outcome === 'failed' || outcome === 'timed_out') && attempts.length < retry.attempts;
  if (again) {
    const notBeforeMs = nowMs + Math.max(event.retryAfterMs ?? 0, backoffMs(retry, attempts.length, event.random));
    return change(playbook, run, event.step, { state: 'waiting', detail, attempts, notBeforeMs });
  }
  const to = { state: outcome, detail, attempts, ...(outputs === undefined ? {} : { outputs }) };
  const ended = change(playbook, run, event.step, to);
  if (outcome !== 'done' || step?.undo === undefined) return ended;
  const undo: StepState = {
    ...fresh(`${event.step}${UNDO}`, step.undo.uses),
    params: state.params,
    notBeforeMs: nowMs + step.undo.afterMs,
  };
  return { ...ended, steps: [...ended.steps, undo] };
}

/** Full back-off less up to a half, so that many runs that failed together do not come back together. */
export function backoffMs(retry: Retry, failed: number, random: number): number {
  const full = Math.min(retry.mostMs, retry.backoffMs * 2 ** Math.min(failed - 1, 30));
  return Math.round(full * (1 - random / 2));
}

/** One state an item takes the place of the step's own. */
function expand(playbook: Playbook, run: Run, event: RunEvent & { readonly kind: 'expanded' }): Run {
  const { step, items } = event;
  if (items.length === 0) return change(playbook, run, step, { state: 'skipped', detail: 'nothing to go through' });
  if (items.length > MOST_ITEMS) {
    const detail = `foreach: at most ${MOST_ITEMS} items, found ${items.length}`;
    return change(playbook, run, step, { state: 'failed', detail });
  }
  const own = stateOf(playbook, run, step);
  const states = items.map((item, index): StepState => ({ ...own, id: `${step}[${index}]`, item }));
  const isListed = run.steps.some(({ id }) => id === step);
  const steps = isListed
    ? run.steps.flatMap((state) => (state.id === step ? states : [state]))
    : [...run.steps, ...states];
  return { ...run, steps };
}

type Progress =
  | { readonly kind: 'over'; readonly isFine: boolean }
  | { readonly kind: 'open'; readonly commands: readonly RunCommand[] };

function next(playbook: Playbook, run: Run, nowMs: number): Advance {
  if (run.finishedMs !== undefined) return nextUndo(run, nowMs);
  // What is left of the run has no meaning any more.
  if (run.plan !== planOf(playbook)) return nextUndo(finish(abandon(run), nowMs, 'failed'), nowMs);
  const walk = makeWalk(playbook, run, nowMs);
  const main = walk(playbook.steps, 'stop');
  if (main.kind === 'open') return { run, commands: main.commands };
  const last = walk(playbook.last, 'go on');
  if (last.kind === 'open') return { run, commands: last.commands };
  return nextUndo(finish(run, nowMs, main.isFine && last.isFine ? 'done' : 'failed'), nowMs);
}

function makeWalk(playbook: Playbook, run: Run, nowMs: number) {
  const walk = (steps: readonly Step[], afterFailure: 'stop' | 'go on'): Progress => {
    let isFine = true;
    for (const step of steps) {
      const progress = walkStep(step);
      if (progress.kind === 'open') return progress;
      isFine &&= progress.isFine;
      if (!progress.isFine && afterFailure === 'stop') return progress;
    }
    return { kind: 'over', isFine };
  };
  const walkStep = (step: Step): Progress => {
    const own = step.kind === 'parallel' ? walkParallel(step.steps) : walkAction(step);
    if (own.kind === 'open' || own.isFine || step.onError === 'stop') return own;
    return step.onError === 'continue' ? { kind: 'over', isFine: true } : walk(step.onError, 'stop');
  };
  const walkParallel = (steps: readonly ActionStep[]): Progress => {
    const all = steps.map(walkStep);
    const commands = all.flatMap((one) => (one.kind === 'open' ? one.commands : []));
    if (commands.length > 0) return { kind: 'open', commands };
    return { kind: 'over', isFine: all.every((one) => one.kind === 'over' && one.isFine) };
  };
  const walkAction = (step: ActionStep): Progress => {
    if (step.foreach === undefined) return walkState(step, stateOf(playbook, run, step.id));
    const items = run.steps.filter(({ id }) => baseOf(id) === step.id && id !== step.id && !id.endsWith(UNDO));
    if (items.length === 0) {
      const own = stateOf(playbook, run, step.id);
      return isOver(own) ? walkState(step, own) : { kind: 'open', commands: [{ kind: 'expand', step }] };
    }
    let isFine = true;
    for (const item of items) {
      const progress = walkState(step, item);
      if (progress.kind === 'open') return progress;
      isFine &&= progress.isFine;
      if (!isFine && step.onError !== 'continue') return progress;
    }
    return { kind: 'over', isFine };
  };
  const walkState = (step: ActionStep, state: StepState): Progress =>
    isOver(state)
      ? { kind: 'over', isFine: fine.has(state.state) }
      : { kind: 'open', commands: [askFor(state, step, run) ?? commandFor(state, step, nowMs)] };
  return walk;
}

/** Nobody is asked about what is not done. */
function askFor(state: StepState, step: ActionStep, { mode }: Run): RunCommand | undefined {
  const { approve } = step;
  const { id, approval } = state;
  if (approve === undefined || mode !== 'enforce' || approval?.answer !== undefined) return undefined;
  return approval === undefined
    ? { kind: 'ask', id, state, step, approve }
    : { kind: 'wait', untilMs: approval.untilMs };
}

function commandFor(state: StepState, step: ActionStep | undefined, nowMs: number): RunCommand {
  if (state.state === 'waiting' && state.notBeforeMs > nowMs) return { kind: 'wait', untilMs: state.notBeforeMs };
  return { kind: 'begin', id: state.id, state, step, attempt: state.attempts.length + 1 };
}

/** Of a run that is over: what `undo_after` has planned. */
function nextUndo(run: Run, nowMs: number): Advance {
  const open = run.steps.filter((state) => state.id.endsWith(UNDO) && !isOver(state));
  if (open.length === 0) return { run, commands: [{ kind: 'finish' }] };
  return { run, commands: open.map((state) => commandFor(state, undefined, nowMs)) };
}

/** The playbook was changed while the run waited: the step whose turn it was fails, and nothing follows. */
function abandon(run: Run): Run {
  const at = run.steps.findIndex((state) => !isOver(state) && !state.id.endsWith(UNDO));
  const detail = 'the playbook was changed before this step had ended';
  return {
    ...run,
    steps: run.steps.map((state, index) => (index === at ? { ...state, state: 'failed', detail } : state)),
  };
}

function isOver({ state }: StepState): boolean {
  return state !== 'waiting' && state !== 'running';
}

function finish(run: Run, nowMs: number, state: 'done' | 'failed'): Run {
  return { ...run, state, finishedMs: nowMs };
}

/** The step's id of the id of a state: without the item, without what undoes it. */
export function baseOf(id: string): string {
  return id.replace(/(\[\d+\])?(\/undo)?$/, '');
}

function stateOf(playbook: Playbook, run: Run, id: string): StepState {
  const found = run.steps.find((state) => state.id === id);
  if (found !== undefined) return found;
  const step = actionSteps(playbook).find((one) => one.id === id);
  if (step === undefined) throw new Error(`playbook ${playbook.name} has no step ${id}`);
  return fresh(step.id, step.uses);
}

function change(playbook: Playbook, run: Run, id: string, to: Partial<StepState>): Run {
  if (run.steps.some((state) => state.id === id))
    return { ...run, steps: run.steps.map((state) => (state.id === id ? { ...state, ...to } : state)) };
  return { ...run, steps: [...run.steps, { ...stateOf(playbook, run, id), ...to }] };
}
