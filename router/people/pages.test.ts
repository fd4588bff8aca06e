import { describe, expect, it } from 'vitest';
import { alertSchema } from '#rules/alert';
import { page } from '../actions/page.ts';
import type { Message } from '../runs/outward.ts';
import type { AuditEntry } from '../runs/ports.ts';
import type { PageRecord } from './escalation.ts';
import { memoryStore } from './memory-store.ts';
import { makePageDesk } from './pages.ts';

const minute = 60_000;
const alert = alertSchema.parse({ time: '2026-01-01T00:00:00Z', rule: 'r', priority: 'Critical', hostname: 'h' });
const KEY = 'r/h/host';

function setUp() {
  const clock = { nowMs: 0 };
  const sent: Message[] = [];
  const audited: AuditEntry[] = [];
  const store = memoryStore<PageRecord>();
  const hand = async (message: Message) => {
    // As the queue of a destination does: the same key is the same message.
    if (!sent.some(({ via, key }) => via === message.via && key === message.key)) sent.push(message);
    return { status: 'done', detail: 'handed' } as const;
  };
  /** Another router each time: what it knows is what was kept. */
  const desk = () =>
    makePageDesk({
      store,
      kindOf: (name) => ({ first: 'page', second: 'page', chat: 'chat', mail: 'email' })[name],
      hand,
      audit: async (entry) => void audited.push(entry),
      counted: () => undefined,
      nowMs: () => clock.nowMs,
    });
  /** A step of a playbook, as it is performed. */
  const step = (params: object, alertId = 'alert') =>
    page.perform(params, {
      ...{ alert, alertId, playbook: 'p', mode: 'enforce', idempotencyKey: `${alertId}/p/page/x`, deadlineMs: 0 },
      signal: new AbortController().signal,
      mask: (text) => text,
      sendToNode: () => Promise.reject(new Error('no node')),
      hand,
      explainHand: () => ({ status: 'skipped', detail: '' }),
      pages: desk(),
    });
  const at = async (minutes: number) => {
    clock.nowMs = minutes * minute;
    await desk().sweep();
    return told();
  };
  const told = () => sent.map(({ via, uses, params }) => `${via} ${uses} ${Object(params).action ?? ''}`.trim());
  const idOf = async () => (await desk().open())[0]?.id ?? '';
  return { desk, step, at, told, clock, sent, audited, idOf, say: () => audited.map(({ kind }) => kind) };
}

const escalating = { via: 'first', ack_within: '5m', next: ['second', 'chat', 'mail'] };

describe('a page', () => {
  it('goes on to the next target each time that nobody has acknowledged it, and ends', async () => {
    const { step, at, sent, desk, say } = setUp();
    expect(await step(escalating)).toMatchObject({ status: 'done', detail: 'handed; then second, chat, mail' });
    expect(await at(4.9)).toEqual(['first page trigger']);
    expect(await at(5)).toEqual(['first page trigger', 'second page trigger']);
    expect(await at(9.9)).toHaveLength(2);
    expect((await at(10)).at(-1)).toBe('chat chat');
    expect((await at(15)).at(-1)).toBe('mail email');
    expect(await at(19.9)).toHaveLength(4);
    expect(await at(20)).toHaveLength(4);
    expect(say()).toEqual(['page_started', ...Array(3).fill('page_escalated'), 'page_exhausted']);
    expect(new Set(sent.slice(0, 2).map(({ params }) => Object(params).key))).toEqual(new Set([KEY]));
    expect(sent.map(({ ask }) => ask?.way)).toEqual(['first', 'second', 'chat', 'mail']);
    expect(await desk().open()).toMatchObject([{ state: 'exhausted', at: 3 }]);
  });

  it.for([
    { name: 'the console', about: 'id', way: 'console', tells: ['first page acknowledge', 'second page acknowledge'] },
    { name: 'a button or link', about: 'id', way: 'second', tells: ['first page acknowledge'] },
    {
      name: "a pager's webhook",
      about: 'key',
      way: 'pagerduty',
      tells: ['first page acknowledge', 'second page acknowledge'],
    },
  ])('that was acknowledged by $name goes no further, and the pagers hear of it', async ({ about, way, tells }) => {
    const { desk, step, at, idOf, audited } = setUp();
    await step(escalating);
    await at(5);
    const which = about === 'id' ? { id: await idOf() } : { key: KEY };
    expect(await desk().answer(which, 'acknowledge', { person: 'anna', way })).toMatchObject({ kind: 'taken' });
    expect(await desk().answer(which, 'acknowledge', { person: 'bob', way })).toMatchObject({
      kind: 'over',
      record: { by: 'anna' },
    });
    expect(await at(60)).toEqual(['first page trigger', 'second page trigger', ...tells]);
    expect(audited.at(-1)).toMatchObject({ kind: 'page_acknowledged', by: 'anna', way, key: KEY });
  });

  it('that was resolved is resolved at the pagers, and a later alert begins anew', async () => {
    const { desk, step, at, told, idOf } = setUp();
    await step(escalating);
    await desk().answer({ id: await idOf() }, 'acknowledge', { person: 'anna', way: 'pagerduty' });
    await desk().answer({ id: await idOf() }, 'resolve', { person: 'anna', way: 'console' });
    expect(told()).toEqual(['first page trigger', 'first page acknowledge', 'first page resolve']);
    expect(await desk().open()).toEqual([]);
    await at(10);
    await step(escalating, 'another');
    expect((await at(15)).slice(3)).toEqual(['first page trigger', 'second page trigger']);
  });

  it('is resolved by a later step of a playbook', async () => {
    const { desk, step, at, told } = setUp();
    await step(escalating);
    await at(5);
    await step({ via: 'first', action: 'resolve' }, 'other');
    expect(told().slice(2)).toEqual(['second page resolve', 'first page resolve']);
    expect(await desk().open()).toEqual([]);
  });

  it('of an incident that is open or acknowledged begins no second one', async () => {
    const { desk, step, at, idOf, say } = setUp();
    await step(escalating);
    await at(1);
    await step(escalating, 'second');
    await desk().answer({ id: await idOf() }, 'acknowledge', { person: 'anna', way: 'console' });
    await step(escalating, 'third');
    expect((await at(60)).filter((one) => one.startsWith('second'))).toEqual([]);
    expect(say()).toEqual(['page_started', 'page_acknowledged']);
  });

  it('takes no repeat of what was said about an earlier incident', async () => {
    const { desk, step, clock } = setUp();
    clock.nowMs = 60 * minute;
    await step(escalating);
    const who = { person: 'anna', way: 'pagerduty' };
    expect(await desk().answer({ key: KEY }, 'resolve', who, 59 * minute)).toEqual({ kind: 'unknown' });
    expect(await desk().answer({ key: KEY }, 'resolve', who, 60 * minute)).toMatchObject({ kind: 'taken' });
    expect(await desk().answer({ key: 'other' }, 'resolve', who)).toEqual({ kind: 'unknown' });
  });

  it('is handed once and skips nobody when the router dies in between', async () => {
    const { desk, step, clock, told } = setUp();
    await step(escalating);
    await step(escalating);
    clock.nowMs = 5 * minute;
    await Promise.all([desk().sweep(), desk().sweep()]);
    expect(told()).toEqual(['first page trigger', 'second page trigger']);
  });

  it('is forgotten when nobody resolves it', async () => {
    const { desk, step, at } = setUp();
    await step(escalating);
    for (const minutes of [5, 10, 15, 20]) await at(minutes);
    await at(7 * 24 * 60 + 20);
    expect(await desk().open()).toEqual([]);
  });

  it.for([
    { params: { via: 'first', ack_within: '5m' }, says: 'next: is missing' },
    { params: { via: 'first', next: ['second'] }, says: 'ack_within: is missing' },
    { params: { ...escalating, action: 'resolve' }, says: 'next: belongs to action: trigger' },
  ])('is refused: $says', async ({ params, says }) => {
    expect(await setUp().step(params)).toMatchObject({ status: 'failed', reason: expect.stringContaining(says) });
  });
});
