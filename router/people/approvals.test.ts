import { describe, expect, it, vi } from 'vitest';
import { loadPlaybooks } from '#playbooks/language/load';
import { type Playbook, withoutSteps } from '#playbooks/language/playbook';
import type { Run, RunMode } from '#playbooks/language/run';
import { alertSchema } from '#rules/alert';
import { actionCatalogue } from '../actions/all.ts';
import type { Message } from '../runs/outward.ts';
import { performRun } from '../runs/perform.ts';
import type { AuditEntry, RunPorts } from '../runs/ports.ts';
import { type ApprovalRecord, makeApprovalDesk } from './approvals.ts';
import { memoryStore } from './memory-store.ts';
import { makePeople } from './people.ts';

const alert = alertSchema.parse({
  time: '2026-01-01T00:00:00Z',
  rule: 'r',
  priority: 'Error',
  output_fields: { 'proc.name': 'sh' },
  lanner: { version: 1, id: '0195d0b5-7c00-7000-8000-000000000001', node: 'n', container: { id: 'c'.repeat(64) } },
});
const minute = 60_000;

const settings = {
  people: {
    anna: { slack: 'U0ANNA', email: 'anna@example.com', token: 'the-token-of-anna' },
    bob: { email: 'bob@example.com' },
    eve: {},
  },
  groups: { soc: ['anna', 'bob'], others: ['eve'] },
  silences: { by: [] },
  hooks: {},
};

function setUp(
  approve: string,
  { mode = 'enforce', guard = 'proc.name = sh' }: { mode?: RunMode; guard?: string } = {},
) {
  const text = `playbook: p
on: { rules: [r] }
steps:
  - id: kill
    uses: container.kill
    if: ${guard}
    with: { container: "%container.full_id" }
    approve: ${approve}
  - { id: after, uses: container.kill, with: { container: host }, if: steps.kill.outcome = done }
`;
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue);
  const [playbook] = playbooks;
  if (playbook === undefined) throw new Error(errors.map(({ message }) => message).join());
  const clock = { nowMs: 0 };
  const audited: AuditEntry[] = [];
  const sent: Message[] = [];
  const woken: string[] = [];
  let journal: string | undefined;
  const save = async (run: Run) => {
    journal = JSON.stringify(run);
  };
  const hand: RunPorts['hand'] = async (message) => {
    sent.push(message);
    return { status: 'done', detail: 'handed' };
  };
  const audit = async (entry: AuditEntry) => void audited.push(entry);
  const store = memoryStore<ApprovalRecord>();
  const makeDesk = () =>
    makeApprovalDesk({
      store,
      people: makePeople(
        settings,
        'the-token-of-the-router',
        () => undefined,
        () => clock.nowMs,
      ),
      kindOf: (name) => ({ soc: 'chat', mail: 'email' })[name],
      hand,
      wake: async (run) => void woken.push(run),
      audit,
      counted: () => undefined,
      nowMs: () => clock.nowMs,
    });
  const sendToNode = vi.fn<RunPorts['sendToNode']>(async (_, { id }) => ({
    ...{
      version: 1,
      kind: 'receipt',
      command: id,
      outcome: 'done',
      detail: 'killed',
      retry: false,
      started_ms: 0,
      finished_ms: 0,
    },
  }));
  const ports: Omit<RunPorts, 'approvals'> = {
    actions: actionCatalogue,
    ledger: {
      load: async () => (journal === undefined ? undefined : JSON.parse(journal)),
      save,
      begin: async (run, _, entry) => {
        await Promise.all([save(run), audit(entry)]);
        return 'fresh';
      },
      record: async (run, entry) => void (await Promise.all([save(run), audit(entry)])),
    },
    hand,
    pages: { start: async () => undefined, settled: async () => undefined },
    explainHand: () => ({ status: 'skipped', detail: '' }),
    sendToNode,
    secrets: () => undefined,
    nowMs: () => clock.nowMs,
    random: () => 0,
  };
  const request = { runId: 'run', alertId: 'alert', alert, playbook, mode };
  let desk = makeDesk();
  /** Another router each time: what is known is what was kept. */
  const run = (changed: Playbook = playbook) => {
    desk = makeDesk();
    return performRun({ ...request, playbook: changed }, { ...ports, approvals: desk }, new AbortController().signal);
  };
  const idOf = async () => (await desk.open())[0]?.id ?? '';
  const answer = async (verdict: 'approved' | 'denied', person = 'anna', way = 'console') =>
    desk.answer(await idOf(), verdict, { person, way });
  return { run, answer, idOf, desk: () => desk, clock, audited, sent, woken, sendToNode };
}

const usual = '{ via: [soc, mail, console], by: [soc], within: 10m }';

describe('a step that people must agree to', () => {
  it('is left alone until somebody does, and holds no place meanwhile', async () => {
    const { run, answer, sendToNode, woken, audited, desk } = setUp(usual);
    expect(await run()).toMatchObject({ kind: 'wait', untilMs: 10 * minute, run: { state: 'running' } });
    expect(sendToNode).not.toHaveBeenCalled();
    expect(await run()).toMatchObject({ kind: 'wait', untilMs: 10 * minute });
    expect(await answer('approved')).toMatchObject({ kind: 'taken' });
    expect(woken).toEqual(['run']);
    expect(await run()).toMatchObject({ kind: 'finished', run: { state: 'done', steps: [{ state: 'done' }, {}] } });
    expect(sendToNode).toHaveBeenCalledTimes(2);
    expect(audited.map(({ kind }) => kind).slice(0, 4)).toEqual([
      'approval_asked',
      'approval_answered',
      'action_begun',
      'action_ended',
    ]);
    expect(audited[1]).toMatchObject({ verdict: 'approved', by: 'anna', way: 'console', step: 'kill', run: 'run' });
    expect(await desk().open()).toEqual([]);
  });

  it('asks each chat once and everybody who has an address, without a link that lies in a queue', async () => {
    const { run, sent } = setUp(usual);
    await run();
    await run();
    expect(sent.map(({ via, uses, ask, params }) => [via, uses, ask?.person, Object(params).to])).toEqual([
      ['soc', 'chat', undefined, undefined],
      ['mail', 'email', 'anna', 'anna@example.com'],
      ['mail', 'email', 'bob', 'bob@example.com'],
    ]);
    expect(new Set(sent.map(({ key }) => key)).size).toBe(3);
    expect(Object(sent[0]?.params)).toMatchObject({
      title: 'Approval wanted: p/kill',
      text: expect.stringContaining(`container.kill with {"container":"${'c'.repeat(64)}"}`),
    });
  });

  it.for([
    { verdict: 'denied', detail: 'anna denied it (console)' },
    { verdict: 'late', detail: 'nobody approved it in time' },
  ] as const)('is refused when $verdict, and ends the run', async ({ verdict, detail }) => {
    const { run, answer, clock, sendToNode } = setUp(usual);
    await run();
    if (verdict === 'denied') await answer('denied');
    else clock.nowMs = 10 * minute;
    expect(await run()).toMatchObject({
      kind: 'finished',
      run: { state: 'failed', steps: [{ state: 'refused', detail, approval: { answer: { verdict } } }, {}] },
    });
    expect(sendToNode).not.toHaveBeenCalled();
  });

  it('is performed without an answer where it says so', async () => {
    const { run, clock, sendToNode } = setUp('{ via: [console], by: [soc], within: 10m, otherwise: proceed }');
    await run();
    clock.nowMs = 10 * minute;
    expect(await run()).toMatchObject({
      run: { state: 'done', steps: [{ approval: { answer: { verdict: 'late' } } }, {}] },
    });
    expect(sendToNode).toHaveBeenCalledTimes(2);
  });

  it('takes one answer: whoever comes later changes nothing, nor does who comes too late', async () => {
    const { run, answer, desk, idOf, clock } = setUp(usual);
    await run();
    const id = await idOf();
    await answer('denied');
    const other = await desk().answer(id, 'approved', { person: 'bob', way: 'console' });
    expect(other).toMatchObject({ kind: 'over', answer: { verdict: 'denied', by: 'anna' } });
    const late = setUp(usual);
    await late.run();
    const lateId = await late.idOf();
    late.clock.nowMs = 10 * minute;
    expect(await late.desk().answer(lateId, 'approved', { person: 'anna', way: 'console' })).toMatchObject({
      kind: 'over',
      answer: { verdict: 'late' },
    });
    expect(clock.nowMs).toBe(0);
  });

  it.for([
    { name: 'people of other groups', person: 'eve', way: 'console', reason: 'eve is not in soc' },
    { name: 'people that nobody knows', person: '__proto__', way: 'console', reason: '__proto__ is not in soc' },
    { name: 'other ways', person: 'anna', way: 'elsewhere', reason: 'but by soc, mail, console' },
  ])('takes no answer of $name, and keeps a trace of it', async ({ person, way, reason }) => {
    const { run, answer, audited, sendToNode } = setUp(usual);
    await run();
    expect(await answer('approved', person, way)).toEqual({ kind: 'refused', reason: expect.stringContaining(reason) });
    expect(audited.at(-1)).toMatchObject({ kind: 'approval_refused', by: person, way });
    expect(await run()).toMatchObject({ kind: 'wait' });
    expect(sendToNode).not.toHaveBeenCalled();
  });

  it('wakes a run whose answer came while nobody looked, until it has taken it', async () => {
    const { run, answer, desk, woken } = setUp(usual);
    await run();
    await desk().sweep();
    expect(woken).toEqual([]);
    await answer('approved');
    await desk().sweep();
    expect(woken).toEqual(['run', 'run']);
    await run();
    await desk().sweep();
    expect(woken).toEqual(['run', 'run']);
  });

  it('is over for everybody when the playbook was changed meanwhile', async () => {
    const { run, desk, idOf } = setUp(usual);
    await run();
    const id = await idOf();
    expect(await run(withoutSteps('p'))).toMatchObject({ kind: 'finished', run: { state: 'failed' } });
    expect(await desk().open()).toEqual([]);
    expect(await desk().answer(id, 'approved', { person: 'anna', way: 'console' })).toMatchObject({ kind: 'over' });
  });

  it('asks nobody when its condition does not hold, nor in a dry run', async () => {
    const skipped = setUp(usual, { guard: 'proc.name = bash' });
    expect(await skipped.run()).toMatchObject({ kind: 'finished', run: { steps: [{ state: 'skipped' }, {}] } });
    expect(skipped.sent).toEqual([]);
    const dry = setUp(usual, { mode: 'dry-run' });
    dry.sendToNode.mockImplementation(async (_, { id }) => ({
      ...{
        version: 1,
        kind: 'receipt',
        command: id,
        outcome: 'skipped',
        detail: 'would kill',
        retry: false,
        started_ms: 0,
        finished_ms: 0,
      },
    }));
    expect(await dry.run()).toMatchObject({
      run: { steps: [{ state: 'skipped', detail: 'would ask soc first; would kill' }, {}] },
    });
    expect(dry.sent).toEqual([]);
  });
});
