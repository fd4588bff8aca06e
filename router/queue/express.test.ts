import { describe, expect, it, vi } from 'vitest';
import { loadPlaybooks } from '#playbooks/language/load';
import { alertSchema } from '#rules/alert';
import { actionCatalogue } from '../actions/all.ts';
import { makeExpress } from './express.ts';
import type { JobResult } from './queue.ts';

const text = `
playbook: contain
on: { rules: ["*"] }
steps: [{ id: kill, uses: container.kill, with: { container: "%container.full_id" } }]
---
playbook: tell
on: { rules: ["*"] }
steps: [{ id: log, uses: log, with: { file: /tmp/x } }]
`;
const { playbooks } = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue);
const named = (name: string) => playbooks.find((one) => one.name === name);

const alert = alertSchema.parse({ time: '2026-01-01T00:00:00Z', rule: 'r', priority: 'Error', output_fields: {} });
const job = { id: 'an-alert', alert, playbook: 'contain' };
const never = new AbortController().signal;

/** `mine`: whether the hold of the run is given to this router. */
function setUp(mine: boolean) {
  const ends: PromiseWithResolvers<JobResult>[] = [];
  const perform = vi.fn((_: unknown, signal: AbortSignal) => {
    const end = Promise.withResolvers<JobResult>();
    signal.addEventListener('abort', () => end.reject(signal.reason));
    ends.push(end);
    return end.promise;
  });
  const release = vi.fn(async () => undefined);
  const holds = { claim: async () => mine, take: async () => mine, keep: async () => undefined, release };
  const express = makeExpress(
    perform,
    holds,
    async ({ playbook }) => named(playbook),
    () => undefined,
  );
  return { express, perform, release, finish: (result: JobResult) => ends.map((end) => end.resolve(result)) };
}

describe('the way around the queue', () => {
  it('is for playbooks that act on a node first', () => {
    const { express } = setUp(true);
    expect(playbooks.map((one) => [one.name, express.isFor(one)])).toEqual([
      ['contain', true],
      ['tell', false],
    ]);
  });

  it('performs a run once: the worker that gets its job joins it, and then it is given back', async () => {
    const { express, perform, release, finish } = setUp(true);
    express.begin(job);
    express.begin(job);
    const joined = express.perform(job, never, 'quick');
    finish({ kind: 'wait', untilMs: 7 });
    expect(await joined).toEqual({ kind: 'wait', untilMs: 7 });
    expect(perform).toHaveBeenCalledTimes(1);
    await vi.waitFor(() => expect(release).toHaveBeenCalledTimes(1));
  });

  it('has the slow lane look again at a run that the quick one leaves to it just then', async () => {
    const { express, finish } = setUp(true);
    const quick = express.perform(job, never, 'quick');
    await new Promise((resolve) => setImmediate(resolve));
    const slow = express.perform(job, never, 'slow');
    await new Promise((resolve) => setImmediate(resolve));
    finish({ kind: 'slow' });
    expect([await quick, await slow]).toEqual([{ kind: 'slow' }, { kind: 'wait', untilMs: expect.any(Number) }]);
  });

  it('leaves a run to the router that holds it, and looks again', async () => {
    const { express, perform } = setUp(false);
    expect(await express.perform(job, never, 'quick')).toEqual({ kind: 'wait', untilMs: expect.any(Number) });
    expect(perform).not.toHaveBeenCalled();
  });

  it('leaves a run that it has begun when another router turns out to hold it', async () => {
    const { express, perform } = setUp(false);
    express.begin(job);
    await vi.waitFor(() => expect(perform.mock.calls[0]?.[1].aborted).toBe(true));
  });

  it('begins nothing more when it is closed', () => {
    const { express, perform } = setUp(true);
    express.close();
    express.begin(job);
    expect(perform).not.toHaveBeenCalled();
  });
});
