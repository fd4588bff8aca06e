import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { locate } from '#rules/language/source';
import { loadPlaybooks } from './load.ts';
import type { ActionSpec } from './playbook.ts';

const send: ActionSpec = {
  name: 'send',
  side: 'router',
  doc: '',
  params: z.strictObject({ to: z.string(), body: z.unknown().optional() }),
  idempotent: true,
};
const isolate: ActionSpec = {
  name: 'isolate',
  side: 'node',
  doc: '',
  params: z.strictObject({ container: z.string() }),
  idempotent: true,
  outputs: { cidrs: 'What it may still reach.' },
  undo: 'restore',
};
const restore: ActionSpec = { ...isolate, name: 'restore', undo: 'isolate' };
const kill: ActionSpec = {
  name: 'kill',
  side: 'node',
  doc: '',
  params: z.strictObject({}),
  idempotent: true,
  kernel: true,
};
const catalogue = new Map([send, isolate, restore, kill].map((action) => [action.name, action]));

const load = (text: string) => loadPlaybooks([{ path: '1.yaml', text }], catalogue);

function errorsOf(text: string): readonly string[] {
  return load(text).errors.map(({ message, source, span }) => {
    const { line, column } = locate(source, span.start);
    return `${line}:${column}: ${message}`;
  });
}

const whole = `playbook: whole
description: Everything that the language has.
mode: shadow
on:
  rules: [r]
  count: 5
  within: 10m
  by: [container.id, "proc.aname[2]"]
dedupe: { by: [container.id], for: 10m }
limits: { runs: 20, per: 1h, blast_radius: { containers: 5, nodes: 2, per: 1h } }
schedule:
  zone: Europe/Vienna
  hours: [{ days: [mon, fri], from: "22:00", to: "06:00" }]
  maintenance: [{ from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00+01:00", reason: move }]
silences:
  - { condition: proc.name = backup, until: "2026-02-01T00:00:00Z", reason: known }
steps:
  - id: tell
    parallel:
      - { id: one, uses: send, with: { to: x }, on_error: [{ id: instead, uses: send, with: { to: "%steps.one.detail" } }] }
      - { id: two, uses: send, with: { to: y }, on_error: continue }
    if: proc.name = sh
  - { id: cut, uses: isolate, where: node, with: { container: "%container.full_id" }, undo_after: 30m }
  - { id: each, uses: send, foreach: "%alert.tags", with: { to: "%item.value", body: "%steps.cut.cidrs %steps.one.status" } }
finally:
  - { id: last, uses: send, with: { to: "%trigger.kind", body: "%steps.each.outcome %secret.KEY" } }
`;

describe('the whole language', () => {
  it('becomes what the engine takes', () => {
    const { playbooks, errors, secrets } = load(whole);
    expect(errors).toEqual([]);
    expect(secrets.map(({ name }) => name)).toEqual(['KEY']);
    const minutes = 60_000;
    const by = expect.any(Function);
    expect(playbooks).toMatchObject([
      {
        mode: 'shadow',
        on: { memory: { kind: 'count', count: 5, withinMs: 10 * minutes, by } },
        dedupe: { by, forMs: 10 * minutes },
        limits: {
          runs: { most: 20, perMs: 60 * minutes },
          blast: { most: { containers: 5, nodes: 2 }, perMs: 60 * minutes },
        },
        schedule: {
          zone: 'Europe/Vienna',
          hours: [{ days: [0, 4], from: 1_320, to: 360 }],
          maintenance: [{ fromMs: Date.UTC(2026, 0, 1), toMs: Date.UTC(2026, 0, 1, 23), reason: 'move' }],
        },
        silences: [{ untilMs: Date.UTC(2026, 1, 1), reason: 'known' }],
        steps: [
          {
            kind: 'parallel',
            id: 'tell',
            steps: [
              { id: 'one', guard: expect.any(Function), onError: [{ id: 'instead', onError: 'stop' }] },
              { id: 'two', guard: expect.any(Function), onError: 'continue' },
            ],
          },
          { id: 'cut', where: 'node', undo: { uses: 'restore', afterMs: 30 * minutes } },
          { id: 'each', where: 'router', foreach: expect.any(Function) },
        ],
        last: [{ id: 'last' }],
      },
    ]);
  });

  it.for([
    ['count: 5', 'count: 1', '6:10: on.count: expected at least 2'],
    ['count: 5', 'cuont: 5', 'unknown key cuont; did you mean count?'],
    ['  within: 10m\n', '', 'on.within: is missing; count and sequence need a window'],
    ['  count: 5\n', '', 'on.within: belongs to count or sequence, and neither is here'],
    ['count: 5', 'sequence: [proc.name = a]', 'on.sequence: expected at least 2 items'],
    ['count: 5', 'sequence: [proc.name = a, proc.nam = b]', '6:29: unknown field proc.nam; did you mean proc.name?'],
    ['count: 5', 'count: 5\n  sequence: [proc.name = a, proc.name = b]', 'count and sequence exclude each other'],
    ['by: [container.id, ', 'by: [container.di, ', '8:8: unknown field container.di; did you mean container.id?'],
    ['proc.aname[2]', 'proc.name[2]', 'proc.name takes no argument, found [2]'],
    ['for: 10m', 'fro: 10m', 'unknown key fro; did you mean for?'],
    ['by: [container.id], for', 'by: [steps.cut.outcome], for', 'unknown field steps.cut.outcome'],
    ['runs: 20, per', 'per', 'limits.per: belongs to runs, which is not here'],
    ['containers: 5, nodes: 2, ', '', 'limits.blast_radius: expected at least one of containers, pods, nodes'],
    ['containers: 5', 'container: 5', 'unknown key container; did you mean containers?'],
    [
      'Europe/Vienna',
      'Europe/Wien',
      'schedule.zone: expected a time zone such as UTC or Europe/Vienna, found Europe/Wien',
    ],
    ['"22:00"', '"25:00"', 'schedule.hours[0].from: expected a time of day such as "08:30", in quotes, found 25:00'],
    [
      '[mon, fri]',
      '[mon, fry]',
      'schedule.hours[0].days[1]: expected one of mon, tue, wed, thu, fri, sat, sun, found fry',
    ],
    [
      '2026-01-01T00:00:00Z',
      '2026-01-01',
      'expected a time with its zone, such as 2026-01-31T22:00:00Z, found 2026-01-01',
    ],
    ['until: ', 'untl: ', 'unknown key untl; did you mean until?'],
    ['condition: proc.name = backup', 'condition: proc.nam = backup', '16:18: unknown field proc.nam'],
    [
      'on_error: continue',
      'on_error: contineu',
      'steps[0].parallel[1].on_error: expected stop, continue or a list of steps, found contineu',
    ],
    ['id: instead, uses', 'id: instead, ues', 'unknown key ues; did you mean uses?'],
    ['id: instead, uses: send', 'id: instead, uses: sned', '20:81: unknown action sned; did you mean send?'],
    ['%steps.one.detail', '%steps.two.detail', 'unknown field steps.two.detail'],
    ['id: two', 'id: one', 'another step is called one already'],
    ['    if: proc.name = sh', '    timeout: 10s', 'steps[0].timeout: belongs to the steps inside parallel'],
    ['    if: proc.name = sh', '    uses: send', 'steps[0].uses: a step has either uses or parallel'],
    [
      'uses: isolate, where: node',
      'uses: isolate, where: kernel',
      'isolate cannot be carried out in the kernel; expected router or node',
    ],
    ['uses: send, foreach', 'uses: send, where: node, foreach', 'send is carried out by the router, not on a node'],
    ['uses: send, foreach', 'uses: send, undo_after: 1h, foreach', 'nothing undoes send'],
    ['"%container.full_id"', '"%secret.X"', 'a step with where: node has no secrets: X stays with the router'],
    [
      'where: node, with: { container: "%container.full_id"',
      'with: { container: "%secret.X"',
      'a step with undo_after has no secrets, found X',
    ],
    ['foreach: "%alert.tags"', 'foreach: "%secret.X"', 'foreach cannot go through a secret: its items are shown'],
    ['%steps.cut.cidrs', '%steps.cut.cidr', 'unknown field steps.cut.cidr; did you mean steps.cut.cidrs?'],
    ['to: "%trigger.kind"', 'to: "%item.value"', 'unknown field item.value'],
    ['proc.name = sh', 'item.value = sh', 'unknown field item.value'],
    ['proc.name = backup', 'trigger.kind = count', 'unknown field trigger.kind'],
  ] as const)('says what is wrong after %s → %s', ([from, to, error]) => {
    expect(whole).toContain(from);
    expect(errorsOf(whole.replace(from, to)).join('\n')).toContain(error);
  });

  it('lets the kernel do what it can', () => {
    const on = 'on: { condition: proc.name = xmrig }';
    expect(errorsOf(`playbook: p\n${on}\nsteps: [{ id: a, uses: kill, where: kernel }]\n`)).toEqual([]);
  });
});
