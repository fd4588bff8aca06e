import type { Outcome } from '../command.ts';
import { advance, baseOf, makeRun } from './advance.ts';
import type { OutputValue, Playbook, RunTrigger, Secrets } from './playbook.ts';
import type { Answer, Run } from './run.ts';
import { type About, expandStep, scopeOf } from './scope.ts';

/** What an action is said to answer. */
export type SimulatedAnswer = {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly outputs: Readonly<Record<string, OutputValue>>;
};

/** A step that acted: with these parameters, secrets included. */
export type SimulatedStep = {
  readonly id: string;
  readonly uses: string;
  readonly with: unknown;
  readonly outcome: Outcome;
  readonly detail: string;
};

export type Simulated = { readonly run: Run; readonly steps: readonly SimulatedStep[] };

export type Simulation = About & {
  readonly trigger: RunTrigger;
  readonly nowMs: number;
  readonly secrets: Secrets;
  /** By the id of the step, item and undoing included. */
  readonly answer: (id: string) => SimulatedAnswer;
  /** What people say about the step with this id. */
  readonly approval: (id: string) => Answer['verdict'];
};

/**
 * Pure: plays a run to its end, undoing included, with answers instead of actions. It fills in and checks as a router
 * does, tries nothing again, and sits out no wait.
 */
export function simulate(playbook: Playbook, simulation: Simulation): Simulated {
  const { alert, alertId, trigger, secrets } = simulation;
  let { nowMs } = simulation;
  const steps: SimulatedStep[] = [];
  const about = { id: 'run', alert: alertId, rule: alert.rule, priority: alert.priority, node: alert.lanner?.node };
  const first = makeRun(playbook, { ...about, mode: 'enforce', trigger, startedMs: nowMs });
  let { run, commands } = advance(playbook, first, { kind: 'resumed', nowMs });
  const end = (step: string, outcome: Outcome, detail: string, outputs?: SimulatedAnswer['outputs']): void => {
    const event = {
      step,
      outcome,
      detail,
      outputs,
      startedMs: nowMs,
      nowMs,
      retry: false,
      retryAfterMs: undefined,
      random: 0,
    };
    ({ run, commands } = advance(playbook, run, { kind: 'step_ended', ...event }));
  };
  for (;;) {
    const [command] = commands.toSorted((a, b) => Number(a.kind === 'wait') - Number(b.kind === 'wait'));
    if (command === undefined || command.kind === 'finish') return { run, steps };
    if (command.kind === 'expand') {
      ({ run, commands } = advance(playbook, run, expandStep(command.step, run, simulation, secrets, nowMs)));
      continue;
    }
    if (command.kind === 'wait') {
      nowMs = Math.max(nowMs, command.untilMs);
      ({ run, commands } = advance(playbook, run, { kind: 'resumed', nowMs }));
      continue;
    }
    const { id, step, state } = command;
    const scope = scopeOf(run, simulation, state);
    const isLeftOut = trigger.kind === 'summary' && step?.action.side === 'node';
    if (isLeftOut || (step?.guard !== undefined && !step.guard(scope))) {
      ({ run, commands } = advance(playbook, run, { kind: 'step_skipped', step: id, reason: '', nowMs }));
      continue;
    }
    const filled = step === undefined ? undefined : step.fill(scope, secrets);
    const read = filled?.ok === true ? step?.action.params.safeParse(filled.value) : undefined;
    if (command.kind === 'ask' && filled?.ok === true && read?.success !== false) {
      const verdict = simulation.approval(baseOf(id));
      const approval = { id, untilMs: nowMs + command.approve.withinMs };
      ({ run } = advance(playbook, run, { kind: 'asked', step: id, approval, nowMs }));
      if (verdict === 'late') nowMs = approval.untilMs;
      const answer = { verdict, by: 'somebody', way: 'test', atMs: nowMs };
      ({ run, commands } = advance(playbook, run, { kind: 'answered', step: id, answer, nowMs }));
      const { state: after, detail = '' } = run.steps.find((one) => one.id === id) ?? {};
      if (after === 'refused') steps.push({ id, uses: state.uses, with: filled.value, outcome: after, detail });
      continue;
    }
    if (filled?.ok === false) end(id, 'failed', filled.reason);
    else if (read?.success === false) {
      const [issue] = read.error.issues;
      end(id, 'failed', `${issue?.path.join('.')}: ${issue?.message}`);
    } else {
      const params = filled?.ok === true ? filled.value : state.params;
      ({ run } = advance(playbook, run, { kind: 'step_started', step: id, params, nowMs }));
      const { outcome, detail, outputs } = simulation.answer(id);
      steps.push({ id, uses: state.uses, with: params, outcome, detail });
      end(id, outcome, detail, outputs);
      continue;
    }
    const { detail = '' } = run.steps.find((one) => one.id === id) ?? {};
    steps.push({ id, uses: state.uses, with: undefined, outcome: 'failed', detail });
  }
}
