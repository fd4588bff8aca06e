import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Outcome } from '../command.ts';
import { advance, backoffMs, makeRun, type RunEvent } from './advance.ts';
import { loadPlaybooks } from './load.ts';
import type { ActionSpec, Playbook } from './playbook.ts';
import type { Run } from './run.ts';

const params = z.strictObject({});
const act: ActionSpec = { name: 'act', side: 'router', doc: '', params, idempotent: true, undo: 'unact' };
const unact: ActionSpec = { name: 'unact', side: 'router', doc: '', params, idempotent: true };

/** A playbook of these steps, each written as a map in one line. */
function playbookOf(...steps: readonly string[]): Playbook {
  return playbookWith(`steps:\n${steps.map((step) => `  - { uses: act, ${step} }`).join('\n')}\n`);
}

function playbookWith(steps: string): Playbook {
  const text = `playbook: p\non: { rules: [r] }\n${steps}`;
  const actions = new Map([act, unact].map((action) => [action.name, action]));
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], actions);
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
function play(playbook: Playbook, answers: Readonly<Record<string, readonly Answer[]>>, items: readonly string[] = []) {
  const lines: string[] = [];
  let nowMs = 0;
  let { run, commands } = advance(playbook, runOf(playbook), { kind: 'resumed', nowMs });
  for (;;) {
    const begins = commands.flatMap((command) => (command.kind === 'begin' ? [command] : []));
    const [first] = commands;
    if (first === undefined || first.kind === 'finish') break;
    if (first.kind === 'expand') {
      ({ run, commands } = advance(playbook, run, { kind: 'expanded', step: first.step.id, items, nowMs }));
      continue;
    }
    if (begins.length === 0) {
      const untilMs = Math.min(...commands.map((command) => (command.kind === 'wait' ? command.untilMs : Infinity)));
      lines.push(`wait ${untilMs - nowMs}`);
      nowMs = untilMs;
      ({ run, commands } = advance(playbook, run, { kind: 'resumed', nowMs }));
      continue;
    }
    lines.push(begins.map(({ id, attempt }) => `${id}/${attempt}`).join(' '));
    for (const { id } of begins)
      run = advance(playbook, run, { kind: 'step_started', step: id, params: { of: id }, nowMs }).run;
    for (const { id, attempt } of begins) {
      const answer = answers[id]?.[attempt - 1];
      if (answer === undefined) throw new Error(`${id} was not to have attempt ${attempt}`);
      ({ run, commands } = advance(playbook, run, endOf(id, nowMs, answer)));
    }
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
    expect(next.commands).toMatchObject([{ kind: 'begin', step: { id: 'b' }, attempt: 1 }]);
  });

  it('begins a step again whose worker died, with the same attempt', () => {
    const playbook = playbookOf('id: a');
    const { run } = advance(playbook, runOf(playbook), { kind: 'step_started', step: 'a', params: {}, nowMs: 1 });
    const { commands } = advance(playbook, JSON.parse(JSON.stringify(run)), { kind: 'resumed', nowMs: 2 });
    expect(commands).toMatchObject([{ kind: 'begin', step: { id: 'a' }, attempt: 1 }]);
  });

  it('leaves a run that is over as it is', () => {
    const playbook = playbookOf('id: a');
    const { run } = play(playbook, { a: [{ outcome: 'done' }] });
    expect(advance(playbook, run, { kind: 'resumed', nowMs: 9_999 })).toEqual({
      run,
      commands: [{ kind: 'finish' }],
    });
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
    expect(after.commands).toEqual([{ kind: 'finish' }]);
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

const well = [{ outcome: 'done' }] as const;
const badly = [{ outcome: 'failed' }] as const;

describe('advance: structure', () => {
  it.for([
    {
      name: 'begins the steps of parallel together, and goes on when all are over',
      text: `steps:\n  - { id: g, parallel: [{ id: a, uses: act, retry: { attempts: 2, backoff: 100ms } }, { id: b, uses: act }] }\n  - { id: c, uses: act }\n`,
      answers: { a: [passing, { outcome: 'done' }], b: well, c: well },
      lines: ['a/1 b/1', 'wait 100', 'a/2', 'c/1'],
      state: 'done',
    },
    {
      name: 'ends the run after a failure in parallel, but not before the others are over',
      text: `steps:\n  - { id: g, parallel: [{ id: a, uses: act }, { id: b, uses: act, retry: { attempts: 2, backoff: 100ms } }] }\n  - { id: c, uses: act }\n`,
      answers: { a: badly, b: [passing, { outcome: 'done' }] },
      lines: ['a/1 b/1', 'wait 100', 'b/2'],
      state: 'failed',
    },
    {
      name: 'goes on when the remedy went well',
      text: `steps:\n  - { id: a, uses: act, on_error: [{ id: r, uses: act }] }\n  - { id: b, uses: act }\n`,
      answers: { a: badly, r: well, b: well },
      lines: ['a/1', 'r/1', 'b/1'],
      state: 'done',
    },
    {
      name: 'ends the run when the remedy fails, too',
      text: `steps:\n  - { id: a, uses: act, on_error: [{ id: r, uses: act }] }\n  - { id: b, uses: act }\n`,
      answers: { a: badly, r: badly },
      lines: ['a/1', 'r/1'],
      state: 'failed',
    },
    {
      name: 'needs no remedy when all is well',
      text: `steps:\n  - { id: a, uses: act, on_error: [{ id: r, uses: act }] }\n`,
      answers: { a: well },
      lines: ['a/1'],
      state: 'done',
    },
    {
      name: 'remedies a whole group, and one step inside it',
      text: `steps:\n  - id: g\n    on_error: [{ id: r, uses: act }]\n    parallel:\n      - { id: a, uses: act, on_error: [{ id: s, uses: act }] }\n      - { id: b, uses: act }\n`,
      answers: { a: badly, s: well, b: badly, r: well },
      lines: ['a/1 b/1', 's/1', 'r/1'],
      state: 'done',
    },
    {
      name: 'performs finally after a failure, each step of it',
      text: `steps:\n  - { id: a, uses: act }\n  - { id: b, uses: act }\nfinally:\n  - { id: x, uses: act }\n  - { id: y, uses: act }\n`,
      answers: { a: badly, x: badly, y: well },
      lines: ['a/1', 'x/1', 'y/1'],
      state: 'failed',
    },
    {
      name: 'fails a run whose finally fails',
      text: `steps:\n  - { id: a, uses: act }\nfinally:\n  - { id: x, uses: act }\n`,
      answers: { a: well, x: badly },
      lines: ['a/1', 'x/1'],
      state: 'failed',
    },
    {
      name: 'goes through a list, one after the other',
      text: `steps:\n  - { id: a, uses: act, foreach: [x, y, z] }\n  - { id: b, uses: act }\n`,
      answers: { 'a[0]': well, 'a[1]': well, 'a[2]': well, b: well },
      lines: ['a[0]/1', 'a[1]/1', 'a[2]/1', 'b/1'],
      state: 'done',
    },
    {
      name: 'stops going through a list at the first failure',
      text: `steps:\n  - { id: a, uses: act, foreach: [x, y, z] }\n`,
      answers: { 'a[0]': well, 'a[1]': badly },
      lines: ['a[0]/1', 'a[1]/1'],
      state: 'failed',
    },
    {
      name: 'goes through the rest of a list with on_error: continue',
      text: `steps:\n  - { id: a, uses: act, foreach: [x, y, z], on_error: continue }\n`,
      answers: { 'a[0]': badly, 'a[1]': badly, 'a[2]': well },
      lines: ['a[0]/1', 'a[1]/1', 'a[2]/1'],
      state: 'done',
    },
    {
      name: 'undoes what was done when its time has come, for each item',
      text: `steps:\n  - { id: a, uses: act, undo_after: 30m }\n  - { id: b, uses: act, undo_after: 10m }\n  - { id: c, uses: act }\n`,
      answers: { a: well, b: well, c: badly, 'a/undo': [passing, { outcome: 'done' }], 'b/undo': well },
      lines: ['a/1', 'b/1', 'c/1', 'wait 600000', 'b/undo/1', 'wait 1200000', 'a/undo/1', 'wait 1000', 'a/undo/2'],
      state: 'failed',
    },
    {
      name: 'undoes nothing that was not done',
      text: `steps:\n  - { id: a, uses: act, undo_after: 30m }\n  - { id: b, uses: act, undo_after: 30m, on_error: continue }\n`,
      answers: { a: [{ outcome: 'skipped' }], b: badly },
      lines: ['a/1', 'b/1'],
      state: 'done',
    },
  ] as const)('$name', ({ text, answers, lines, state }) => {
    expect(play(playbookWith(text), answers, ['x', 'y', 'z'])).toMatchObject({ lines, state });
  });

  it('is over before what it undoes later, and undoes with the same parameters', () => {
    const playbook = playbookOf('id: a, undo_after: 30m');
    const started = advance(playbook, runOf(playbook), { kind: 'step_started', step: 'a', params: { x: 1 }, nowMs: 1 });
    const { run, commands } = advance(playbook, started.run, endOf('a', 5, { outcome: 'done' }));
    expect(run).toMatchObject({ state: 'done', finishedMs: 5 });
    expect(commands).toEqual([{ kind: 'wait', untilMs: 1_800_005 }]);
    // Also when the playbook has another form by then, or is gone.
    const other = { ...playbook, steps: [], last: [] };
    const due = advance(other, JSON.parse(JSON.stringify(run)), { kind: 'resumed', nowMs: 1_800_005 });
    expect(due.commands).toMatchObject([
      { kind: 'begin', id: 'a/undo', state: { uses: 'unact', params: { x: 1 } }, attempt: 1 },
    ]);
  });

  it.for([
    { count: 0, state: 'done', step: { id: 'a', state: 'skipped', detail: 'nothing to go through' } },
    { count: 65, state: 'failed', step: { id: 'a', state: 'failed', detail: 'foreach: at most 64 items, found 65' } },
  ])('goes through no list of $count', ({ count, state, step }) => {
    const played = play(playbookOf('id: a, foreach: "%alert.tags"'), {}, Array(count).fill('x'));
    expect(played).toMatchObject({ lines: [], state, run: { steps: [step] } });
  });

  it('resumes a group where each of its steps stands', () => {
    const playbook = playbookWith(
      `steps:\n  - { id: g, parallel: [{ id: a, uses: act }, { id: b, uses: act }, { id: c, uses: act }] }\n`,
    );
    let { run } = advance(playbook, runOf(playbook), { kind: 'step_started', step: 'a', params: {}, nowMs: 1 });
    ({ run } = advance(playbook, run, endOf('b', 2, { outcome: 'done' })));
    const { commands } = advance(playbook, JSON.parse(JSON.stringify(run)), { kind: 'resumed', nowMs: 3 });
    expect(commands).toMatchObject([
      { kind: 'begin', id: 'a', attempt: 1 },
      { kind: 'begin', id: 'c', attempt: 1 },
    ]);
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
