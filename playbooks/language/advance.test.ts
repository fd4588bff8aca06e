import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Outcome } from '../command.ts';
import { advance, backoffMs, makeRun, type RunEvent } from './advance.ts';
import { loadPlaybooks } from './load.ts';
import type { ActionSpec, Playbook } from './playbook.ts';
import type { Run } from './run.ts';

const act: ActionSpec = { name: 'act', side: 'router', doc: '', params: z.strictObject({}), idempotent: true };

/** A playbook of these steps, each written as a map in one line. */
function playbookOf(...steps: readonly string[]): Playbook {
  const text = `playbook: p\non: { rules: [r] }\nsteps:\n${steps.map((step) => `  - { uses: act, ${step} }`).join('\n')}\n`;
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], new Map([['act', act]]));
  const [playbook] = playbooks;
  if (playbook === undefined) throw new Error(errors.map(({ message }) => message).join());
  return playbook;
}

function runOf(playbook: Playbook): Run {
  const about = { id: 'run', alert: 'alert', rule: 'r', priority: 'Notice', node: undefined, mode: 'enforce' } as const;
  return makeRun(playbook, { ...about, startedMs: 0 });
}

type Answer = { readonly outcome: Outcome; readonly retry?: boolean; readonly retryAfterMs?: number };

function endOf(step: string, nowMs: number, { outcome, retry = false, retryAfterMs }: Answer): RunEvent {
  return {
    kind: 'step_ended',
    step,
    outcome,
    detail: outcome,
    startedMs: nowMs,
    nowMs,
    retry,
    retryAfterMs,
    random: 0,
  };
}

/** Plays the worker: every step that begins ends with the next of its answers; waits are sat out on a clock of its own. */
function play(playbook: Playbook, answers: Readonly<Record<string, readonly Answer[]>>) {
  const lines: string[] = [];
  let nowMs = 0;
  let { run, command } = advance(playbook, runOf(playbook), { kind: 'resumed', nowMs });
  while (command.kind !== 'finish') {
    if (command.kind === 'wait') {
      lines.push(`wait ${command.untilMs - nowMs}`);
      nowMs = command.untilMs;
      ({ run, command } = advance(playbook, run, { kind: 'resumed', nowMs }));
      continue;
    }
    const { step, attempt } = command;
    lines.push(`${step.id}/${attempt}`);
    run = advance(playbook, run, { kind: 'step_started', step: step.id, params: {}, nowMs }).run;
    const answer = answers[step.id]?.[attempt - 1];
    if (answer === undefined) throw new Error(`${step.id} was not to have attempt ${attempt}`);
    ({ run, command } = advance(playbook, run, endOf(step.id, nowMs, answer)));
  }
  return { lines, state: run.state, steps: run.steps.map(({ state }) => state), run };
}

const passing = { outcome: 'failed', retry: true } as const;

describe('advance', () => {
  it.for([
    {
      name: 'performs the steps in their order',
      steps: ['id: a', 'id: b'],
      answers: { a: [{ outcome: 'done' }], b: [{ outcome: 'done' }] },
      lines: ['a/1', 'b/1'],
      state: 'done',
      states: ['done', 'done'],
    },
    {
      name: 'stops at the first failure',
      steps: ['id: a', 'id: b'],
      answers: { a: [{ outcome: 'failed' }] },
      lines: ['a/1'],
      state: 'failed',
      states: ['failed', 'waiting'],
    },
    {
      name: 'goes on after a failure with on_error: continue',
      steps: ['id: a, on_error: continue', 'id: b'],
      answers: { a: [{ outcome: 'failed' }], b: [{ outcome: 'done' }] },
      lines: ['a/1', 'b/1'],
      state: 'done',
      states: ['failed', 'done'],
    },
    {
      name: 'takes a target that is gone for contained',
      steps: ['id: a', 'id: b'],
      answers: { a: [{ outcome: 'gone' }], b: [{ outcome: 'skipped' }] },
      lines: ['a/1', 'b/1'],
      state: 'done',
      states: ['gone', 'skipped'],
    },
    {
      name: 'stops when a guard rail refuses',
      steps: ['id: a, retry: { attempts: 3 }', 'id: b'],
      answers: { a: [{ outcome: 'refused' }] },
      lines: ['a/1'],
      state: 'failed',
      states: ['refused', 'waiting'],
    },
    {
      name: 'tries again with doubling waits',
      steps: ['id: a, retry: { attempts: 4, backoff: 100ms }'],
      answers: { a: [passing, passing, { outcome: 'timed_out', retry: true }, { outcome: 'done' }] },
      lines: ['a/1', 'wait 100', 'a/2', 'wait 200', 'a/3', 'wait 400', 'a/4'],
      state: 'done',
      states: ['done'],
    },
    {
      name: 'waits no longer than most',
      steps: ['id: a, retry: { attempts: 3, backoff: 1s, most: 1500ms }'],
      answers: { a: [passing, passing, passing] },
      lines: ['a/1', 'wait 1000', 'a/2', 'wait 1500', 'a/3'],
      state: 'failed',
      states: ['failed'],
    },
    {
      name: 'waits as long as the other side asked',
      steps: ['id: a, retry: { attempts: 2, backoff: 100ms }'],
      answers: { a: [{ ...passing, retryAfterMs: 7_000 }, { outcome: 'done' }] },
      lines: ['a/1', 'wait 7000', 'a/2'],
      state: 'done',
      states: ['done'],
    },
    {
      name: 'does not try again what cannot get better',
      steps: ['id: a, retry: { attempts: 5 }'],
      answers: { a: [{ outcome: 'failed' }] },
      lines: ['a/1'],
      state: 'failed',
      states: ['failed'],
    },
  ] as const)('$name', ({ steps, answers, lines, state, states }) => {
    const played = play(playbookOf(...steps), answers);
    expect(played).toMatchObject({ lines, state, steps: states });
    expect(played.run.finishedMs).toBeGreaterThanOrEqual(0);
  });

  it('keeps every attempt in the journal', () => {
    const { run } = play(playbookOf('id: a, retry: { attempts: 2, backoff: 100ms }'), {
      a: [passing, { outcome: 'done' }],
    });
    expect(run.steps[0]?.attempts).toEqual([
      { startedMs: 0, finishedMs: 0, outcome: 'failed', detail: 'failed' },
      { startedMs: 100, finishedMs: 100, outcome: 'done', detail: 'done' },
    ]);
  });

  it('goes on after a guard that said no', () => {
    const playbook = playbookOf('id: a', 'id: b');
    const next = advance(playbook, runOf(playbook), { kind: 'step_skipped', step: 'a', reason: 'no', nowMs: 5 });
    expect(next.run.steps[0]).toMatchObject({ state: 'skipped', detail: 'no', attempts: [] });
    expect(next.command).toMatchObject({ kind: 'begin', step: { id: 'b' }, attempt: 1 });
  });

  it('begins a step again whose worker died, with the same attempt', () => {
    const playbook = playbookOf('id: a');
    const { run } = advance(playbook, runOf(playbook), { kind: 'step_started', step: 'a', params: {}, nowMs: 1 });
    const { command } = advance(playbook, JSON.parse(JSON.stringify(run)), { kind: 'resumed', nowMs: 2 });
    expect(command).toMatchObject({ kind: 'begin', step: { id: 'a' }, attempt: 1 });
  });

  it('leaves a run that is over as it is', () => {
    const playbook = playbookOf('id: a');
    const { run } = play(playbook, { a: [{ outcome: 'done' }] });
    expect(advance(playbook, run, { kind: 'resumed', nowMs: 9_999 })).toEqual({ run, command: { kind: 'finish' } });
  });

  it.for([
    { name: 'another step stands there', now: ['id: b'] },
    { name: 'the step is gone', now: ['id: first'] },
  ])('ends a run whose playbook was changed: $name', ({ now }) => {
    const before = playbookOf('id: first', 'id: a');
    const { run } = advance(before, runOf(before), endOf('first', 1, { outcome: 'done' }));
    const after = advance(playbookOf(...(now[0] === 'id: b' ? ['id: first', ...now] : now)), run, {
      kind: 'resumed',
      nowMs: 3,
    });
    expect(after.command).toEqual({ kind: 'finish' });
    expect(after.run).toMatchObject({ state: 'failed', finishedMs: 3 });
    expect(after.run.steps[1]).toMatchObject({ state: 'failed', detail: expect.stringContaining('changed') });
  });

  it('never changes the run that it was given', () => {
    const playbook = playbookOf('id: a');
    const run = runOf(playbook);
    const copy = structuredClone(run);
    advance(playbook, run, endOf('a', 1, { outcome: 'done' }));
    expect(run).toEqual(copy);
  });
});

describe('backoffMs', () => {
  const retry = { attempts: 20, backoffMs: 100, mostMs: 1_000 };
  it.for([
    { failed: 1, random: 0, ms: 100 },
    { failed: 3, random: 0, ms: 400 },
    { failed: 3, random: 0.5, ms: 300 },
    { failed: 3, random: 0.999, ms: 200 },
    { failed: 19, random: 0, ms: 1_000 },
  ])('waits $ms ms after $failed failures with jitter $random', ({ failed, random, ms }) => {
    expect(backoffMs(retry, failed, random)).toBe(ms);
  });
});
