import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { loadPlaybooks } from '#playbooks/language/load';
import type { Run, RunMode } from '#playbooks/language/run';
import { alertSchema } from '#rules/alert';
import { type ActionContext, type ActionResult, defineAction } from './action.ts';
import { performRun } from './perform.ts';
import type { AuditEntry, Ledger, RunPorts } from './ports.ts';

const alert = alertSchema.parse({
  time: '2026-01-01T00:00:00Z',
  rule: 'r',
  priority: 'Error',
  output_fields: { 'proc.name': 'sh', 'proc.pid': 7 },
});

/** A journal in memory that keeps JSON, as Redis does. */
function memoryLedger() {
  const runs = new Map<string, string>();
  const audited: AuditEntry[] = [];
  const begun = new Set<string>();
  const ledger: Ledger = {
    load: async (id) => JSON.parse(runs.get(id) ?? 'null') ?? undefined,
    save: async (run) => void runs.set(run.id, JSON.stringify(run)),
    async begin(run, key, entry) {
      await ledger.record(run, entry);
      const isBegun = begun.has(`${run.id} ${key}`);
      begun.add(`${run.id} ${key}`);
      return isBegun ? 'begun' : 'fresh';
    },
    async record(run, entry) {
      runs.set(run.id, JSON.stringify(run));
      audited.push(entry);
    },
  };
  return { ledger, audited, journal: (): Run => JSON.parse(runs.get('run') ?? 'null') };
}

const nobody = () => Promise.reject(new Error('nobody here'));
type Perform = (params: unknown, context: ActionContext) => Promise<ActionResult>;
const done: ActionResult = { status: 'done', detail: 'it is done' };

function setUp(steps: string, action: Perform = async () => done, mode: RunMode = 'enforce') {
  const acted = vi.fn(action);
  const make = (name: string, idempotent: boolean) =>
    defineAction<{ readonly value?: unknown }>({
      name,
      side: 'router',
      doc: '',
      params: z.strictObject({ value: z.unknown().optional() }),
      idempotent,
      undo: 'once',
      outputs: { code: 'A number.', said: 'A text.' },
      run: acted,
      dryRun: ({ value }) => ({ status: 'skipped', detail: `would act on ${value}` }),
    });
  const actions = new Map([make('act', true), make('once', false)].map((action) => [action.name, action]));
  const text = `playbook: p\non: { rules: [r] }\nsteps:\n${steps.replace(/^/gm, '  ')}\n`;
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], actions);
  const [playbook] = playbooks;
  if (playbook === undefined) throw new Error(errors.map(({ message }) => message).join());
  const memory = memoryLedger();
  const clock = { nowMs: 1_000 };
  const ports: RunPorts = {
    actions,
    ledger: memory.ledger,
    hand: () => Promise.reject(new Error('no destination here')),
    approvals: { ask: nobody, look: nobody, taken: nobody, drop: nobody },
    pages: { start: nobody, settled: nobody },
    explainHand: () => ({ status: 'failed', retry: false, reason: 'no destination here' }),
    sendToNode: () => Promise.reject(new Error('no node')),
    secrets: (name) => (name === 'KEY' ? 's3cret' : undefined),
    nowMs: () => clock.nowMs,
    random: () => 0,
  };
  const request = { runId: 'run', alertId: 'an-alert', alert, playbook, mode };
  const run = (signal = new AbortController().signal) => performRun(request, ports, signal);
  const runAs = (other: RunMode) => performRun({ ...request, mode: other }, ports, new AbortController().signal);
  return { run, runAs, acted, clock, ports, ...memory };
}

describe('performRun', () => {
  it('fills in the parameters, performs the steps and keeps the journal', async () => {
    const { run, acted, journal } = setUp(
      '- { id: a, uses: act, with: { value: { pid: "%proc.pid", text: "%proc.name!" } } }\n- { id: b, uses: once, with: { value: "%steps.a.outcome: %steps.a.detail" } }',
    );
    const performed = await run();
    expect(acted.mock.calls.map(([params]) => params)).toEqual([
      { value: { pid: 7, text: 'sh!' } },
      { value: 'done: it is done' },
    ]);
    expect(acted.mock.calls[1]?.[1]).toMatchObject({
      idempotencyKey: expect.stringMatching(/^an-alert\/p\/b\/[0-9a-f]{16}$/),
      deadlineMs: 11_000,
    });
    expect(performed).toMatchObject({ kind: 'finished', run: journal(), justEnded: true });
    expect(journal()).toMatchObject({
      id: 'run',
      alert: 'an-alert',
      rule: 'r',
      playbook: 'p',
      mode: 'enforce',
      state: 'done',
      steps: [
        {
          id: 'a',
          uses: 'act',
          state: 'done',
          params: { value: { pid: 7, text: 'sh!' } },
          attempts: [{ outcome: 'done' }],
        },
        { id: 'b', uses: 'once', state: 'done' },
      ],
    });
  });

  it('skips a step whose condition does not hold', async () => {
    const { run, acted } = setUp(
      '- { id: a, uses: act, if: proc.name = bash }\n- { id: b, uses: act, if: steps.a.outcome = skipped }',
    );
    expect(await run()).toMatchObject({ run: { state: 'done', steps: [{ state: 'skipped' }, { state: 'done' }] } });
    expect(acted).toHaveBeenCalledTimes(1);
  });

  it('fails a step with a field that has no value, and does not act', async () => {
    const { run, acted } = setUp('- { id: a, uses: act, with: { value: { deep: ["%user.name"] } } }');
    expect(await run()).toMatchObject({
      run: {
        state: 'failed',
        steps: [{ state: 'failed', detail: expect.stringContaining('value: deep: [0]: %user.name has no value') }],
      },
    });
    expect(acted).not.toHaveBeenCalled();
  });

  it('does nothing in a dry run, and says what it would do', async () => {
    const { run, acted } = setUp('- { id: a, uses: once, with: { value: "%proc.name" } }', undefined, 'dry-run');
    expect(await run()).toMatchObject({
      run: { state: 'done', steps: [{ state: 'skipped', detail: 'would act on sh' }] },
    });
    expect(acted).not.toHaveBeenCalled();
  });

  it('writes no secret into the journal, whatever an action says', async () => {
    const { run, acted, journal } = setUp(
      '- { id: a, uses: act, with: { value: "Bearer %{secret.KEY}" }, on_error: continue }\n- { id: b, uses: act, with: { value: "%{secret.KEY}" }, if: steps.a.detail contains s3cret or steps.a.detail contains *** }',
      async (params) => ({ status: 'failed', retry: false, reason: `refused ${JSON.stringify(params)}` }),
    );
    await run();
    expect(acted.mock.calls.map(([params]) => params)).toEqual([{ value: 'Bearer s3cret' }, { value: 's3cret' }]);
    expect(JSON.stringify(journal())).not.toContain('s3cret');
    expect(journal().steps[0]).toMatchObject({
      params: { value: 'Bearer ***' },
      detail: 'refused {"value":"Bearer ***"}',
    });
  });

  it('sits out a short wait, and gives the worker free for a long one', async () => {
    const answers: ActionResult[] = [
      { status: 'failed', retry: true, reason: 'busy' },
      { status: 'failed', retry: true, reason: 'busy', retryAfterMs: 30_000 },
      done,
    ];
    const { run, acted, clock } = setUp('- { id: a, uses: act, retry: { attempts: 3, backoff: 10ms } }', async () => {
      // The clock goes on while the wait is sat out.
      setTimeout(() => {
        clock.nowMs += 10;
      }, 5);
      return answers.shift() ?? done;
    });
    expect(await run()).toMatchObject({ kind: 'wait', untilMs: 31_010 });
    expect(acted).toHaveBeenCalledTimes(2);
    clock.nowMs = 31_010;
    expect(await run()).toMatchObject({
      kind: 'finished',
      run: { state: 'done', steps: [{ attempts: [{}, {}, {}] }] },
    });
    expect(acted).toHaveBeenCalledTimes(3);
  });

  it.for([
    { uses: 'act', calls: 2, state: 'done', detail: 'it is done' },
    { uses: 'once', calls: 1, state: 'failed', detail: 'unknown' },
  ])('after a worker that died while it acted, $uses is $state', async ({ uses, calls, state, detail }) => {
    const worker = new AbortController();
    let isFirst = true;
    const { run, acted } = setUp(`- { id: a, uses: ${uses} }`, async () => {
      if (!isFirst) return done;
      isFirst = false;
      worker.abort(new Error('killed'));
      return done;
    });
    await expect(run(worker.signal)).rejects.toThrow('killed');
    expect(await run()).toMatchObject({
      kind: 'finished',
      run: { state, steps: [{ state, detail: expect.stringContaining(detail) }] },
    });
    expect(acted).toHaveBeenCalledTimes(calls);
  });

  it('does not perform a finished run again', async () => {
    const { run, acted } = setUp('- { id: a, uses: act }');
    const first = await run();
    expect(await run()).toEqual({ ...first, justEnded: false });
    expect(acted).toHaveBeenCalledTimes(1);
  });

  it('ends an action at its time-out; what is not safe to repeat is not tried again', async () => {
    const waits: Perform = (_, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve({ status: 'timed_out', detail: 'late' })),
      );
    const { run, acted } = setUp(
      '- { id: a, uses: once, timeout: 20ms, retry: { attempts: 3, backoff: 10ms } }',
      waits,
    );
    expect(await run()).toMatchObject({
      run: { state: 'failed', steps: [{ state: 'timed_out', attempts: [{ outcome: 'timed_out' }] }] },
    });
    expect(acted).toHaveBeenCalledTimes(1);
  });

  it('performs parallel steps at the same time, and keeps every outcome', async () => {
    let atOnce = 0;
    let most = 0;
    const { run, journal } = setUp(
      '- { id: g, parallel: [{ id: a, uses: act }, { id: b, uses: once }, { id: c, uses: act, on_error: [{ id: d, uses: act }] }] }\n- { id: e, uses: act, with: { value: "%steps.a.outcome %steps.c.status %steps.d.outcome" } }',
      async (_, { idempotencyKey }) => {
        most = Math.max(most, ++atOnce);
        await new Promise((resolve) => setTimeout(resolve, 20));
        atOnce--;
        return idempotencyKey.includes('/c/') ? { status: 'failed', retry: false, reason: 'no' } : done;
      },
    );
    expect(await run()).toMatchObject({ kind: 'finished', run: { state: 'done' } });
    expect(most).toBe(3);
    const states = journal().steps.map(({ id, state, params }) => [id, state, params]);
    expect(states).toContainEqual(['e', 'done', { value: 'done failed done' }]);
    expect(states.map(([id]) => id)).toEqual(['a', 'b', 'c', 'e', 'd']);
  });

  it('stops what runs beside a step that cannot be journalled', async () => {
    const aborted: boolean[] = [];
    const { run, ports } = setUp(
      '- { id: g, parallel: [{ id: a, uses: act }, { id: b, uses: act }] }',
      (_, { signal }) => {
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            aborted.push(true);
            resolve(done);
          }),
        );
      },
    );
    let begun = 0;
    ports.ledger.begin = async () => {
      if (++begun === 1) return 'fresh';
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('Redis is away');
    };
    await expect(run()).rejects.toThrow('away');
    expect(aborted).toEqual([true]);
  });

  it('goes through a list with a key of its own for each item', async () => {
    const { run, acted, journal } = setUp(
      '- { id: a, uses: act, foreach: [x, 7, "%proc.name"], if: item.index != 1, with: { value: "%item.value" } }\n- { id: b, uses: act, foreach: "%proc.name" , on_error: continue }',
    );
    await run();
    expect(acted.mock.calls.map(([params]) => params)).toEqual([{ value: 'x' }, { value: 'sh' }]);
    expect(new Set(acted.mock.calls.map(([, { idempotencyKey }]) => idempotencyKey)).size).toBe(2);
    expect(journal().steps).toMatchObject([
      { id: 'a[0]', state: 'done', item: 'x' },
      { id: 'a[1]', state: 'skipped', item: 7 },
      { id: 'a[2]', state: 'done', item: 'sh', key: acted.mock.calls[1]?.[1].idempotencyKey },
      { id: 'b', state: 'failed', detail: 'foreach: expected a list; the field holds one value' },
    ]);
  });

  it('undoes later, with the parameters of the journal, and tells the end once', async () => {
    const { run, acted, clock, journal } = setUp(
      '- { id: a, uses: act, undo_after: 30m, with: { value: "%proc.name" } }',
    );
    expect(await run()).toMatchObject({ kind: 'wait', untilMs: 1_801_000, justEnded: true, run: { state: 'done' } });
    expect(await run()).toMatchObject({ kind: 'wait', justEnded: false });
    expect(acted).toHaveBeenCalledTimes(1);
    clock.nowMs = 1_801_000;
    expect(await run()).toMatchObject({ kind: 'finished', justEnded: false });
    expect(acted).toHaveBeenLastCalledWith(
      { value: 'sh' },
      expect.objectContaining({ idempotencyKey: expect.stringMatching(/^an-alert\/p\/a\/undo\//) }),
    );
    expect(journal().steps[1]).toMatchObject({ id: 'a/undo', uses: 'once', state: 'done' });
  });

  it('undoes what it did also when the router only says what it would do by then', async () => {
    const { acted, clock, runAs } = setUp('- { id: a, uses: act, undo_after: 1m, with: { value: x } }');
    await runAs('enforce');
    clock.nowMs = 61_000;
    await runAs('dry-run');
    expect(acted).toHaveBeenCalledTimes(2);
  });

  it('undoes with those parameters only that the opposite action knows', async () => {
    const { run, acted, clock, ports } = setUp('- { id: a, uses: act, undo_after: 1m, with: { value: x } }');
    await run();
    clock.nowMs = 61_000;
    const fewer = defineAction({
      name: 'once',
      side: 'router',
      doc: '',
      params: z.strictObject({ other: z.string().optional() }),
      idempotent: true,
      run: acted,
      dryRun: () => done,
    });
    Object.assign(ports, { actions: new Map([...ports.actions, ['once', fewer]]) });
    expect(await run()).toMatchObject({ kind: 'finished', run: { steps: [{}, { state: 'done', params: {} }] } });
    expect(acted).toHaveBeenLastCalledWith({}, expect.anything());
  });

  it('asks nobody in shadow, but fills in everything', async () => {
    const { run, acted, journal } = setUp('- { id: a, uses: act, with: { value: "%proc.name" } }', undefined, 'shadow');
    await run();
    expect(acted).not.toHaveBeenCalled();
    expect(journal().steps).toMatchObject([{ state: 'skipped', detail: 'would perform act', params: { value: 'sh' } }]);
  });

  it('hands outputs to the steps after it, with secrets hidden', async () => {
    const { run, acted } = setUp(
      '- { id: a, uses: act, with: { value: "%secret.KEY" } }\n- { id: b, uses: act, with: { value: "%steps.a.code %steps.a.said" } }',
      async () => ({ status: 'done', detail: '', outputs: { code: 7, said: 'your s3cret' } }),
    );
    await run();
    expect(acted.mock.calls[1]?.[0]).toEqual({ value: '7 your ***' });
  });

  it('lets no hostile secret out, however an action repeats it', async () => {
    const hostile = [
      '"quoted" and \\ more',
      "a'b$(touch /tmp/lanner-was-here)`id`",
      'one line of a key\nanother line of it\r\n',
      '%{secret.KEY} %proc.name {{7*7}}',
      '\u001b[2J\u202e😀 and more',
      'x'.repeat(65_536),
    ];
    for (const secret of hostile) {
      const echoes = (text: string): string =>
        [text, JSON.stringify(text), encodeURIComponent(text), btoa(unescape(encodeURIComponent(text)))].join(' | ');
      const { run, acted, journal, audited, ports } = setUp(
        '- { id: a, uses: act, with: { value: { deep: ["%secret.KEY", "x %secret.KEY y"] } }, on_error: continue }\n- { id: b, uses: act, with: { value: "%steps.a.detail" } }',
        async () => ({ status: 'failed', retry: false, reason: `no: ${echoes(secret)}` }),
      );
      Object.assign(ports, { secrets: () => secret });
      await run();
      // The action gets it as it is.
      expect(acted.mock.calls[0]?.[0]).toEqual({ value: { deep: [secret, `x ${secret} y`] } });
      const kept = `${JSON.stringify(journal())}${JSON.stringify(audited)}${JSON.stringify(acted.mock.calls[1]?.[0])}`;
      for (const part of [...secret.split(/\r?\n/), secret].filter((text) => text.length > 7)) {
        for (const form of [
          part,
          JSON.stringify(part).slice(1, -1),
          encodeURIComponent(part),
          JSON.stringify(JSON.stringify(part)).slice(3, -3),
        ])
          expect(kept.includes(form)).toBe(false);
      }
      expect(kept).toContain('***');
    }
  });

  it('tells the audit log what begins and how it ends, without secrets', async () => {
    const { run, audited } = setUp('- { id: a, uses: act, with: { value: "%secret.KEY" } }', async () => ({
      status: 'done',
      detail: 'took s3cret',
    }));
    await run();
    expect(audited).toMatchObject([
      { kind: 'action_begun', step: 'a', uses: 'act', attempt: 1, params: { value: '***' } },
      { kind: 'action_ended', step: 'a', outcome: 'done', detail: 'took ***' },
    ]);
  });

  it('acts not before journal and audit log have it', async () => {
    const { run, acted, ports } = setUp('- { id: a, uses: act }');
    ports.ledger.begin = () => Promise.reject(new Error('Redis is away'));
    await expect(run()).rejects.toThrow('Redis is away');
    expect(acted).not.toHaveBeenCalled();
  });
});
