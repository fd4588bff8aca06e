import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { alertSchema } from '#rules/alert';
import { closeWindow, type Decision, decide, type GateState, resume } from './gate.ts';
import { loadPlaybooks } from './load.ts';
import { matchPlaybooks } from './match.ts';
import type { ActionSpec, Playbook } from './playbook.ts';

const act: ActionSpec = { name: 'act', side: 'router', doc: '', params: z.strictObject({}), idempotent: true };

function playbookOf(head: string): Playbook {
  const text = `playbook: p\n${head}\nsteps: [{ id: a, uses: act }]\n`;
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], new Map([['act', act]]));
  const [playbook] = playbooks;
  if (playbook === undefined) throw new Error(errors.map(({ message }) => message).join());
  return playbook;
}

type Fields = Readonly<Record<string, string>>;
/** Seconds of the router's clock, fields, and how many seconds before that the event was. */
type Coming = readonly [atS: number, fields?: Fields, lateS?: number];

const startMs = Date.UTC(2026, 0, 5); // a Monday

/** A playbook and its memory on a clock of its own, as JSON between any two alerts. */
function makeGate(head: string) {
  const playbook = playbookOf(head);
  const memory = new Map<string, string>();
  const read = (key: string) => JSON.parse(memory.get(key) ?? 'null') ?? undefined;
  let count = 0;
  const come = ([atS, fields = {}, lateS = 0]: Coming): Decision | 'no match' => {
    const nowMs = startMs + atS * 1_000;
    const alert = alertSchema.parse({
      time: new Date(nowMs - lateS * 1_000).toISOString(),
      rule: 'r',
      priority: 'Error',
      hostname: fields['host'] ?? '',
      output_fields: fields,
    });
    const alertId = `a${++count}`;
    if (matchPlaybooks([playbook], alert, alertId).length === 0) return 'no match';
    const scope = { alert, alertId, steps: new Map() };
    const groups = {
      memory: `memory ${playbook.on.memory?.by(scope)}`,
      dedupe: `dedupe ${playbook.dedupe?.by(scope)}`,
      limits: 'limits',
    };
    const state: GateState = {
      memory: read(groups.memory),
      dedupe: read(groups.dedupe),
      limits: read(groups.limits),
    };
    const decided = decide(playbook, scope, state, nowMs);
    for (const key of ['memory', 'dedupe', 'limits'] as const)
      memory.set(groups[key], JSON.stringify(decided.state[key] ?? null));
    return decided.decision;
  };
  /** In short: what started with how many, what was held back by what. */
  const told = (comings: readonly Coming[]): readonly string[] =>
    comings.map((coming) => {
      const decision = come(coming);
      if (decision === 'no match') return decision;
      return decision.kind === 'start' ? `start ${decision.trigger.count}` : decision.guard;
    });
  return { come, told, memory, read };
}

const sh = { 'proc.name': 'sh' };
const nc = { 'proc.name': 'nc' };
const inside = (id: string, fields: Fields = {}): Fields => ({ 'container.id': id, ...fields });

describe('count', () => {
  const on = 'on: { rules: [r], count: 3, within: 10s, by: [container.id] }';
  it.for<{ name: string; comings: readonly Coming[]; told: readonly string[] }>([
    { name: 'starts at the third within the window', comings: [[0], [1], [2]], told: ['count', 'count', 'start 3'] },
    {
      name: 'counts anew after it has started',
      comings: [[0], [1], [2], [3], [4], [5]],
      told: ['count', 'count', 'start 3', 'count', 'count', 'start 3'],
    },
    {
      name: 'forgets what is too old',
      comings: [[0], [1], [10.5], [10.9]],
      told: ['count', 'count', 'count', 'start 3'],
    },
    { name: 'takes the end of the window for outside', comings: [[0], [1], [10]], told: ['count', 'count', 'count'] },
    {
      name: 'counts each group alone',
      comings: [
        [0, inside('x')],
        [0, inside('y')],
        [1, inside('x')],
        [2, inside('y')],
        [3, inside('x')],
      ],
      told: ['count', 'count', 'count', 'count', 'start 3'],
    },
    {
      name: 'goes by the time of the events, in whatever order they come',
      comings: [
        [100, {}, 90],
        [101, {}, 1],
        [102, {}, 4],
        [103, {}, 7],
      ],
      told: ['count', 'count', 'count', 'start 3'],
    },
    {
      name: 'takes no burst for one that an outage held up',
      comings: [
        [1_000, {}, 900],
        [1_000, {}, 600],
        [1_000, {}, 300],
      ],
      told: ['count', 'count', 'count'],
    },
    {
      name: 'trusts no clock that is ahead',
      comings: [[0, {}, -3_600], [1], [2]],
      told: ['count', 'count', 'start 3'],
    },
  ])('$name', ({ comings, told }) => {
    expect(makeGate(on).told(comings)).toEqual(told);
  });

  it('tells which alerts took part', () => {
    const { come } = makeGate(on);
    come([0]);
    come([1]);
    expect(come([2])).toEqual({
      kind: 'start',
      trigger: { kind: 'count', count: 3, alerts: ['a1', 'a2', 'a3'] },
      guards: [{ guard: 'count', detail: '3 of 3 within 10 s' }],
    });
  });
});

describe('sequence', () => {
  const on = 'on: { sequence: [proc.name = sh, proc.name = curl, proc.name = nc], within: 10s, by: [container.id] }';
  /** `0 sh, 1 curl@y -4`: second, name of the process, container, how late the event comes. */
  const read = (text: string): Coming[] =>
    [...text.matchAll(/([\d.]+) (\w+)(?:@(\w+))?(?: -(\d+))?/g)].map(([, at, name = '', id = 'x', late = '0']) => [
      Number(at),
      { 'proc.name': name, 'container.id': id },
      Number(late),
    ]);
  const held = 'sequence';
  it.for([
    { name: 'starts at the last', comings: '0 sh, 1 curl, 2 nc', told: [held, held, 'start 3'] },
    { name: 'wants the order', comings: '0 curl, 1 sh, 2 nc', told: [held, held, held] },
    { name: 'wants it in time', comings: '0 sh, 1 curl, 10 nc', told: [held, held, held] },
    {
      name: 'lets others come between',
      comings: '0 sh, 1 ls, 2 curl, 3 curl, 4 nc',
      told: [held, 'no match', held, held, 'start 3'],
    },
    {
      name: 'takes the beginning that is still in time',
      comings: '0 sh, 6 sh, 7 curl, 15 nc',
      told: [held, held, held, 'start 3'],
    },
    {
      name: 'keeps a chain that a later beginning has not caught up with',
      comings: '0 sh, 1 curl, 2 sh, 3 nc',
      told: [held, held, held, 'start 3'],
    },
    {
      name: 'needs all of it in one group',
      comings: '0 sh@x, 1 curl@y, 2 nc@x, 3 curl@x, 4 nc@x',
      told: [held, held, held, held, 'start 3'],
    },
    {
      name: 'begins anew after it has started',
      comings: '0 sh, 1 curl, 2 nc, 3 nc',
      told: [held, held, 'start 3', held],
    },
    {
      name: 'is not deceived by an event that comes late',
      comings: '5 sh, 6 curl -4, 6.5 nc, 7 curl, 8 nc',
      told: [held, held, held, held, 'start 3'],
    },
  ])('$name', ({ comings, told }) => {
    expect(makeGate(on).told(read(comings))).toEqual(told);
  });

  it('takes one alert for one link, even if it fits two', () => {
    const { told } = makeGate('on: { sequence: [proc.name = sh, proc.name = sh], within: 10s }');
    expect(told(read('0 sh, 1 sh, 2 sh'))).toEqual([held, 'start 2', held]);
  });
});

describe('dedupe', () => {
  const head = 'on: { rules: [r] }\ndedupe: { by: [container.id], for: 10s }';

  it('lets the first through at once, holds back the others, and asks for one summary', () => {
    const { come } = makeGate(head);
    expect(come([0])).toMatchObject({ kind: 'start', trigger: { kind: 'alert', count: 1 } });
    expect(come([1])).toMatchObject({ guard: 'dedupe', summaryAtMs: startMs + 10_000 });
    expect(come([2])).toEqual({
      kind: 'held',
      guard: 'dedupe',
      detail: 'alert 3 of its kind before 2026-01-05T00:00:10.000Z',
    });
    expect(come([9.999])).not.toHaveProperty('summaryAtMs');
    expect(come([10])).toMatchObject({ kind: 'start' });
    expect(come([11])).toMatchObject({ guard: 'dedupe', summaryAtMs: startMs + 20_000 });
  });

  it('knows each kind by its fields, whatever they hold', () => {
    const { told } = makeGate('on: { rules: [r] }\ndedupe: { by: [proc.name, proc.cmdline], for: 10s }');
    const of = (name: string, line: string): Coming => [0, { 'proc.name': name, 'proc.cmdline': line }];
    expect(told([of('a', 'b'), of('a","b', ''), of('', 'a","b'), of('a', 'b'), [0, { 'proc.name': 'a' }]])).toEqual([
      'start 1',
      'start 1',
      'start 1',
      'dedupe',
      'start 1',
    ]);
  });

  it('counts what a window held back, also when the next has begun before it was told', () => {
    const { told, read } = makeGate(head);
    told([[0], [1], [2], [11], [12]]);
    const state = read('dedupe [null]');
    const first = closeWindow(state, startMs + 10_000);
    expect(first.held).toBe(2);
    expect(closeWindow(first.state, startMs + 10_000).held).toBe(0);
    const second = closeWindow(first.state, startMs + 21_000);
    expect(second).toEqual({ held: 1, state: undefined });
  });
});

describe('limits', () => {
  it('holds back runs beyond the limit until the window has moved on', () => {
    const { told } = makeGate('on: { rules: [r] }\nlimits: { runs: 2, per: 10s }');
    expect(told([[0], [1], [2], [9.9], [10], [10.5], [11]])).toEqual([
      'start 1',
      'start 1',
      'runs',
      'runs',
      'start 1',
      'runs',
      'start 1',
    ]);
  });

  it('takes an alert that a limit held back for no first of its kind', () => {
    const { told } = makeGate(
      'on: { rules: [r] }\ndedupe: { by: [container.id], for: 1h }\nlimits: { runs: 1, per: 10s }',
    );
    expect(
      told([
        [0, inside('x')],
        [1, inside('y')],
        [11, inside('y')],
      ]),
    ).toEqual(['start 1', 'runs', 'start 1']);
  });
});

describe('blast radius', () => {
  const head = 'on: { rules: [r] }\nlimits: { blast_radius: { containers: 2, nodes: 2, per: 10s } }';

  it('stops the playbook before it touches one more, and then for good', () => {
    const { come, told } = makeGate(head);
    expect(
      told([
        [0, inside('x')],
        [1, inside('y')],
        [2, inside('x')],
      ]),
    ).toEqual(['start 1', 'start 1', 'start 1']);
    expect(come([3, inside('z')])).toMatchObject({
      guard: 'blast_radius',
      stops: true,
      detail: '2 containers were touched within 10 s, and z would be one more',
    });
    // Not even what it has touched, and not after the window.
    expect(
      told([
        [4, inside('x')],
        [5_000, inside('x')],
      ]),
    ).toEqual(['stopped', 'stopped']);
  });

  it('goes on when a person says so', () => {
    const { told, memory, read } = makeGate(head);
    told([
      [0, inside('x')],
      [1, inside('y')],
      [2, inside('z')],
    ]);
    memory.set('limits', JSON.stringify(resume(read('limits'))));
    expect(
      told([
        [3, inside('z')],
        [4, inside('z')],
        [4, inside('x')],
        [5, inside('y')],
      ]),
    ).toEqual(['start 1', 'start 1', 'start 1', 'blast_radius']);
  });

  it('forgets what was touched before the window', () => {
    const { told } = makeGate(head);
    expect(
      told([
        [0, inside('x')],
        [1, inside('y')],
        [11, inside('z')],
        [11, inside('q')],
      ]),
    ).toEqual(Array(4).fill('start 1'));
  });

  it('counts nodes beside containers, and no host for a container', () => {
    const { told } = makeGate(head);
    const on = (host: string): Fields => ({ host, 'container.id': 'host' });
    expect(
      told([
        [0, on('a')],
        [1, on('a')],
        [1, on('b')],
        [2, on('c')],
      ]),
    ).toEqual(['start 1', 'start 1', 'start 1', 'blast_radius']);
  });
});

describe('schedule', () => {
  it('is asked before anything is counted', () => {
    const { told } = makeGate(
      'on: { rules: [r], count: 2, within: 1m }\nschedule: { maintenance: [{ from: "2026-01-05T00:00:00Z", to: "2026-01-05T00:00:10Z" }] }',
    );
    expect(told([[0], [9], [10], [11]])).toEqual(['schedule', 'schedule', 'count', 'start 2']);
  });
});

describe('silences', () => {
  it('hold back what they name until they end', () => {
    const { told, come } = makeGate(
      'on: { rules: [r] }\nsilences: [{ condition: proc.name = sh, until: "2026-01-05T00:00:10Z", reason: known }]',
    );
    expect(
      told([
        [0, sh],
        [0, nc],
        [9, sh],
        [10, sh],
      ]),
    ).toEqual(['silence', 'start 1', 'silence', 'start 1']);
    expect(come([1, sh])).toMatchObject({ detail: 'silenced until 2026-01-05T00:00:10.000Z: known' });
  });

  it('are not counted', () => {
    const { told } = makeGate(
      'on: { rules: [r], count: 2, within: 1m }\nsilences: [{ condition: proc.name = sh, until: "2026-01-05T00:00:10Z" }]',
    );
    expect(
      told([
        [0, sh],
        [1, nc],
        [2, nc],
      ]),
    ).toEqual(['silence', 'count', 'start 2']);
  });
});
