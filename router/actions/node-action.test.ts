import { describe, expect, it, vi } from 'vitest';
import { commandSchema, type NodeCommand, nodeActionParams, type Receipt } from '#playbooks/command';
import { type Alert, alertSchema } from '#rules/alert';
import type { ActionContext } from '../runs/action.ts';
import { actionCatalogue } from './all.ts';
import { containerKill } from './container-kill.ts';

const container = 'c'.repeat(64);
const alertOf = (lanner: unknown): Alert =>
  alertSchema.parse({ time: '2026-01-01T00:00:00Z', rule: 'Shell in container', priority: 'Notice', lanner });
const raised = alertOf({
  version: 1,
  id: '0190a0a0-0000-7000-8000-000000000000',
  node: 'one',
  boot_id: 'a-boot',
  process: { pid: 42, tid: 43, start_ns: '123456789012345678' },
});

const receiptOf = (changes: Partial<Receipt>): Receipt => ({
  version: 1,
  kind: 'receipt',
  command: 'c',
  outcome: 'done',
  detail: 'killed 2 processes',
  retry: false,
  started_ms: 1,
  finished_ms: 2,
  ...changes,
});

/** The node's answer, or none before the signal. */
function perform(answer: Partial<Receipt> | 'silence' | Error, changes: Partial<ActionContext> = {}) {
  const sendToNode = vi.fn((_node: string, _command: NodeCommand, signal: AbortSignal): Promise<Receipt> => {
    if (answer instanceof Error) return Promise.reject(answer);
    if (answer !== 'silence') return Promise.resolve(receiptOf(answer));
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const result = containerKill.perform(
    { container },
    {
      alert: raised,
      alertId: 'an-alert',
      hand: () => Promise.reject(new Error('no destination here')),
      pages: { start: async () => undefined, settled: async () => undefined },
      explainHand: () => ({ status: 'failed', retry: false, reason: 'no destination here' }),
      playbook: 'p',
      mode: 'enforce',
      idempotencyKey: 'an-alert/p/kill',
      deadlineMs: 5_000,
      signal: AbortSignal.timeout(5_000),
      mask: (text) => text,
      sendToNode,
      ...changes,
    },
  );
  return { result, sendToNode };
}

describe('container.kill', () => {
  it('sends the node a command that names the container and the process with its boot', async () => {
    const { result, sendToNode } = perform({});
    expect(await result).toEqual({ status: 'done', detail: 'killed 2 processes' });
    const [node, command] = sendToNode.mock.calls[0] ?? [];
    expect(node).toBe('one');
    expect(commandSchema.parse(command)).toEqual({
      version: 1,
      kind: 'command',
      id: 'an-alert/p/kill',
      action: 'container.kill',
      params: { container },
      mode: 'enforce',
      deadline_ms: 5_000,
      alert: {
        id: 'an-alert',
        rule: 'Shell in container',
        process: { pid: 42, start_ns: '123456789012345678' },
        boot_id: 'a-boot',
      },
    });
  });

  it.for([
    {
      answer: { outcome: 'gone', detail: 'no such container' },
      result: { status: 'gone', detail: 'no such container' },
    },
    { answer: { outcome: 'refused', detail: 'protected' }, result: { status: 'refused', detail: 'protected' } },
    {
      answer: { outcome: 'failed', detail: 'EBUSY', retry: true },
      result: { status: 'failed', retry: true, reason: 'EBUSY' },
    },
    { answer: { outcome: 'failed', detail: 'EIO' }, result: { status: 'failed', retry: false, reason: 'EIO' } },
  ] as const)('hands on that the node says $answer.outcome', async ({ answer, result }) => {
    expect(await perform(answer).result).toEqual(result);
  });

  it('may try again when the command cannot be sent', async () => {
    expect(await perform(new Error('Redis is away')).result).toEqual({
      status: 'failed',
      retry: true,
      reason: 'Redis is away',
    });
  });

  it('times out when the node does not answer', async () => {
    const { result } = perform('silence', { signal: AbortSignal.timeout(20) });
    expect(await result).toEqual({ status: 'timed_out', detail: 'node one did not answer in time' });
  });

  it('refuses an alert that no agent of ours raised', async () => {
    const { result, sendToNode } = perform({}, { alert: alertOf(undefined) });
    expect(await result).toMatchObject({ status: 'refused' });
    expect(sendToNode).not.toHaveBeenCalled();
  });

  it('asks the node in a dry run, under an id of its own', async () => {
    const { result, sendToNode } = perform(
      { outcome: 'skipped', detail: 'would kill 2 processes' },
      { mode: 'dry-run' },
    );
    expect(await result).toEqual({ status: 'skipped', detail: 'would kill 2 processes' });
    expect(sendToNode.mock.calls[0]?.[1]).toMatchObject({ id: 'an-alert/p/kill/dry-run', mode: 'dry-run' });
  });

  it('says so in a dry run when the node does not answer', async () => {
    const { result } = perform('silence', { mode: 'dry-run', signal: AbortSignal.timeout(20) });
    expect(await result).toMatchObject({ status: 'skipped', detail: expect.stringContaining('did not answer') });
  });
});

describe('every node action', () => {
  it('has an entry for each name that nodes know', () => {
    const named = [...actionCatalogue.values()].filter(({ side }) => side === 'node').map(({ name }) => name);
    expect(named.toSorted()).toEqual(Object.keys(nodeActionParams).toSorted());
  });
});
