import { describe, expect, it } from 'vitest';
import { alertSchema } from '#rules/alert';
import type { Message } from '../runs/outward.ts';
import type { DigestStore } from '../store/digests.ts';
import { composeDigest, rowOf } from './digest.ts';
import { makeDigests } from './digests.ts';

const minute = 60_000;
const startMs = Date.parse('2026-01-01T10:00:00Z');
const alertOf = (rule: string, priority = 'Notice', output = 'something', container?: string) =>
  alertSchema.parse({
    time: '2026-01-01T00:00:00Z',
    rule,
    priority,
    output,
    hostname: 'node-1',
    output_fields: container === undefined ? {} : { 'container.id': container },
  });

/** As the one in Redis. */
function memoryStore(): DigestStore {
  const rows = new Map<string, string[]>();
  const batches = new Map<string, { id: string; rows: readonly string[] }>();
  const dueMs = new Map<string, number>();
  const known = new Set<string>();
  let count = 0;
  return {
    async put(name, id, row, { everyMs, most }, nowMs) {
      if (known.has(`${name} ${id}`)) return 'kept';
      known.add(`${name} ${id}`);
      const own = rows.get(name) ?? [];
      rows.set(name, [...own, row]);
      if (own.length === 0 && !dueMs.has(name)) dueMs.set(name, nowMs + everyMs);
      if (own.length + 1 >= most) dueMs.set(name, nowMs);
      return 'kept';
    },
    due: async (nowMs) => [...dueMs].flatMap(([name, ms]) => (ms <= nowMs ? [name] : [])),
    async take(name) {
      const own = rows.get(name);
      if (!batches.has(name) && own !== undefined) {
        batches.set(name, { id: String(++count), rows: own });
        rows.delete(name);
      }
      return batches.get(name);
    },
    async done(name, id) {
      if (batches.get(name)?.id !== id) return;
      batches.delete(name);
      dueMs.delete(name);
    },
    waiting: async (name) => rows.get(name)?.length ?? 0,
  };
}

function setUp(kind = 'email') {
  const clock = { nowMs: startMs };
  const sent = new Map<string, Message>();
  const store = memoryStore();
  const state = { isFull: false, isThere: true };
  /** Another router each time. */
  const digests = () =>
    makeDigests({
      store,
      kindOf: () => (state.isThere ? kind : undefined),
      async handNow(message) {
        if (state.isFull) return { status: 'failed', retry: true, reason: 'full' };
        sent.set(message.key, message);
        return { status: 'done', detail: '' };
      },
      nowMs: () => clock.nowMs,
    });
  const tell = (id: string, alert = alertOf('r')) => {
    const message: Message = {
      via: 'mail',
      uses: 'email',
      params: {},
      alert,
      alertId: id,
      playbook: 'p',
      key: `${id}/p/mail`,
    };
    return digests().gather(message, { everyMs: 10 * minute, most: 5 });
  };
  const at = async (minutes: number) => {
    clock.nowMs = startMs + minutes * minute;
    await digests().sweep();
    return [...sent.values()];
  };
  return { tell, at, clock, sent, state, digests };
}

describe('a digest', () => {
  it('is sent as one when its first message is old enough, and the next one later', async () => {
    const { tell, at } = setUp();
    expect(await tell('a')).toEqual({ status: 'done', detail: 'kept for the next digest of mail' });
    expect(await at(5)).toEqual([]);
    await tell('b');
    expect(await at(9.9)).toEqual([]);
    expect(await at(10)).toMatchObject([{ via: 'mail', uses: 'email', params: { subject: '2 alerts: Notice: r' } }]);
    expect(await at(60)).toHaveLength(1);
    await tell('c');
    expect(await at(69.9)).toHaveLength(1);
    expect(await at(70)).toHaveLength(2);
  });

  it('is sent at once when there are enough', async () => {
    const { tell, at } = setUp();
    for (const id of ['a', 'b', 'c', 'd']) await tell(id);
    expect(await at(0)).toEqual([]);
    await tell('e');
    expect(await at(0)).toMatchObject([{ params: { subject: '5 alerts: Notice: r' } }]);
  });

  it('has a message once that a run hands over again', async () => {
    const { tell, at } = setUp();
    await tell('a');
    await tell('a');
    expect(await at(10)).toMatchObject([{ params: { subject: '1 alert: Notice: r' } }]);
  });

  it('is the same message whoever sends it, and waits while its queue is full', async () => {
    const { tell, at, state, digests, sent } = setUp();
    await tell('a');
    state.isFull = true;
    expect(await at(10)).toEqual([]);
    await tell('b');
    state.isFull = false;
    await Promise.all([digests().sweep(), digests().sweep()]);
    expect([...sent.values()]).toMatchObject([
      { key: 'digest-mail-1/digest', params: { subject: '1 alert: Notice: r' } },
    ]);
  });

  it('waits for a destination that is missing from the configuration', async () => {
    const { tell, at, state } = setUp();
    await tell('a');
    state.isThere = false;
    expect(await at(10)).toEqual([]);
    state.isThere = true;
    expect(await at(20)).toHaveLength(1);
  });

  it('is a title and a text in a chat', async () => {
    const { tell, at } = setUp('chat');
    await tell('a');
    expect(await at(10)).toMatchObject([{ uses: 'chat', params: { title: '1 alert: Notice: r', fields: {} } }]);
  });
});

describe('the table of a digest', () => {
  it('has a storm in one line, the most severe first', async () => {
    const rows = [
      ...Array.from({ length: 500 }, (_, at) =>
        rowOf(alertOf('Shell', 'Notice', `shell ${at}`), 'p', startMs + at * 100),
      ),
      rowOf(
        alertOf('Escape', 'Critical', 'mount of /host by\n\u001b[31mroot', 'cccccccccccccccc'),
        'p',
        startMs + minute,
      ),
      rowOf(alertOf('Shell', 'Notice', 'in a container', 'dddddddddddd'), 'p', startMs + 2 * minute),
    ];
    const { subject, text, table } = composeDigest(rows);
    await expect(`${subject}\n\n${text}\n`).toMatchFileSnapshot('golden/digest.txt');
    expect(table.rows).toHaveLength(3);
    expect(table.rows[0]).toEqual([
      'Critical',
      '1',
      'Escape',
      'node-1/cccccccccccc',
      '10:01:00Z',
      '10:01:00Z',
      expect.any(String),
    ]);
    expect(text).not.toContain('\u001b');
  });

  it('stays short however many kinds there are', () => {
    const rows = Array.from({ length: 3_000 }, (_, at) =>
      rowOf(alertOf(`rule ${at}`, 'Error', 'x'.repeat(9_999)), 'p', startMs),
    );
    const { subject, text, table } = composeDigest(rows);
    expect(table.rows).toHaveLength(50);
    expect(text.split('\n').at(-1)).toBe('and 2950 more kinds, 2950 alerts');
    expect([subject.length <= 200, text.length < 20_000]).toEqual([true, true]);
  });
});
