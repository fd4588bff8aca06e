import { describe, expect, it, vi } from 'vitest';
import { commandSchema, type Receipt } from '#playbooks/command';
import type { ActionResult } from './action.ts';
import { ActionCap } from './cap.ts';
import type { ReceiptJournal } from './journal.ts';
import type { OffSwitch } from './off-switch.ts';
import { makePerformer } from './perform.ts';

const commandOf = (changes: Readonly<Record<string, unknown>> = {}) =>
  commandSchema.parse({
    version: 1,
    kind: 'command',
    id: 'alert/playbook/step',
    action: 'container.kill',
    params: { container: 'a'.repeat(64) },
    mode: 'enforce',
    deadline_ms: 2_000,
    alert: { id: 'alert', rule: 'Shell in container' },
    ...changes,
  });

/** A journal in memory; `full`: the disk takes no more. */
function memoryJournal(disk: 'works' | 'full' = 'works'): ReceiptJournal {
  const receipts = new Map<string, Receipt>();
  return {
    find: (command) => receipts.get(command),
    add(receipt) {
      receipts.set(receipt.command, receipt);
      if (disk === 'full') throw new Error('ENOSPC');
    },
    unacknowledged: () => [...receipts.values()],
    acknowledge: () => undefined,
    close: () => undefined,
  };
}

type Rails = { readonly stop?: ReturnType<OffSwitch['stop']>; readonly most?: number };

function performer(
  answer: () => Promise<ActionResult>,
  journal = memoryJournal(),
  nowMs = 1_000,
  { stop, most = 100 }: Rails = {},
) {
  const action = vi.fn(answer);
  const log = vi.fn();
  const capped = vi.fn();
  const perform = makePerformer({
    actions: new Map([
      ['container.kill', action],
      ['container.unpause', action],
    ]),
    isDestructive: (name) => name === 'container.kill',
    offSwitch: { stop: () => stop },
    cap: new ActionCap(most),
    capped,
    journal,
    log,
    nowMs: () => nowMs,
  });
  return { perform, action, log, capped };
}

const done = async (): Promise<ActionResult> => ({ outcome: 'done', detail: 'killed' });

describe('carrying out commands', () => {
  it('acts once for a command and its repeats, under way or finished', async () => {
    const { perform, action } = performer(done);
    const [first, second] = await Promise.all([perform(commandOf()), perform(commandOf())]);
    const third = await perform(commandOf());
    expect(first).toMatchObject({ command: 'alert/playbook/step', outcome: 'done', detail: 'killed' });
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(action).toHaveBeenCalledTimes(1);
  });

  it.for([
    { name: 'tries a failure again that may be', answer: { outcome: 'failed', detail: 'x', retry: true }, calls: 2 },
    { name: 'keeps a failure that stays one', answer: { outcome: 'failed', detail: 'x', retry: false }, calls: 1 },
    { name: 'keeps that the target is gone', answer: { outcome: 'gone', detail: 'x' }, calls: 1 },
  ] as const)('$name', async ({ answer, calls }) => {
    const { perform, action } = performer(async () => answer);
    await perform(commandOf());
    expect(await perform(commandOf())).toMatchObject({ outcome: answer.outcome });
    expect(action).toHaveBeenCalledTimes(calls);
  });

  it('refuses an action that it does not know', async () => {
    const { perform, action } = performer(done);
    const receipt = await perform(commandOf({ action: 'host.reboot' }));
    expect(receipt).toMatchObject({ outcome: 'refused', detail: 'this agent knows no action "host.reboot"' });
    expect(action).not.toHaveBeenCalled();
  });

  it('does nothing after the deadline', async () => {
    const { perform, action } = performer(done, memoryJournal(), 2_000);
    expect(await perform(commandOf())).toMatchObject({ outcome: 'timed_out' });
    expect(action).not.toHaveBeenCalled();
  });

  it('makes a receipt of an action that throws', async () => {
    const { perform } = performer(async () => {
      throw new Error('boom');
    });
    expect(await perform(commandOf())).toMatchObject({
      outcome: 'failed',
      retry: false,
      detail: expect.stringContaining('boom'),
    });
  });

  it('answers although the journal cannot be written, and does not act again', async () => {
    const { perform, action, log } = performer(done, memoryJournal('full'));
    expect(await perform(commandOf())).toMatchObject({ outcome: 'done' });
    expect(await perform(commandOf())).toMatchObject({ outcome: 'done' });
    expect(action).toHaveBeenCalledTimes(1);
    expect(log).toHaveBeenCalledWith('error', 'the journal of receipts cannot be written', expect.anything());
  });

  it('does nothing destructive while responding is stopped, also in a dry run, but undoes', async () => {
    const stop = { source: 'router', since_ms: 1, reason: 'a bad rule', by: 'ann' } as const;
    const { perform, action } = performer(done, memoryJournal(), 1_000, { stop });
    for (const mode of ['enforce', 'dry-run'])
      expect(await perform(commandOf({ id: mode, mode }))).toMatchObject({
        outcome: 'refused',
        detail: expect.stringContaining('by ann: a bad rule'),
      });
    expect(action).not.toHaveBeenCalled();
    expect(await perform(commandOf({ action: 'container.unpause' }))).toMatchObject({ outcome: 'done' });
  });

  it('stops at its most actions within a minute, and says so', async () => {
    const { perform, action, capped } = performer(done, memoryJournal(), 1_000, { most: 2 });
    const outcomes = [];
    for (const id of ['a', 'b', 'c', 'd']) outcomes.push((await perform(commandOf({ id }))).outcome);
    expect(outcomes).toEqual(['done', 'done', 'refused', 'refused']);
    expect(action).toHaveBeenCalledTimes(2);
    expect(capped).toHaveBeenCalledTimes(2);
    expect(await perform(commandOf({ id: 'e', action: 'container.unpause' }))).toMatchObject({ outcome: 'done' });
  });

  it('does not count what touched nothing', async () => {
    const gone = async (): Promise<ActionResult> => ({ outcome: 'gone', detail: 'ended' });
    const { perform, capped } = performer(gone, memoryJournal(), 1_000, { most: 1 });
    for (const id of ['a', 'b', 'c']) await perform(commandOf({ id }));
    await perform(commandOf({ id: 'd', mode: 'dry-run' }));
    expect(capped).not.toHaveBeenCalled();
  });
});
