import { expect, it, vi } from 'vitest';
import { loadPlaybooks } from '#playbooks/language/load';
import type { Run } from '#playbooks/language/run';
import { alertSchema, reflexVerdicts } from '#rules/alert';
import { actionCatalogue } from '../actions/all.ts';
import { performRun } from './perform.ts';
import type { RunPorts } from './ports.ts';

const text = `playbook: p
on: { condition: proc.name = xmrig }
steps: [{ id: kill, uses: process.kill, where: kernel, if: user.uid = 0 }]
`;
const [playbook] = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue).playbooks;

/** Runs the playbook for the alert about what the kernel did, and gives the state of its step. */
async function stateAfter(verdict: string | undefined, steps = ['p/kill']) {
  if (playbook === undefined) throw new Error('the playbook does not load');
  const part = { version: 1, id: '0195d0b5-7c00-7000-8000-000000000001', node: 'n' };
  const alert = alertSchema.parse({
    time: '2026-11-28T08:00:00Z',
    rule: 'Lanner reflex: p/kill',
    priority: 'Critical',
    lanner: verdict === undefined ? part : { ...part, reflex: { verdict, steps } },
  });
  let kept: Run | undefined;
  const sendToNode = vi.fn(() => Promise.reject(new Error('nothing is to be sent')));
  const save = async (run: Run) => {
    kept = run;
  };
  const ports: RunPorts = {
    actions: actionCatalogue,
    ledger: {
      load: async () => kept,
      save,
      begin: async (run) => {
        await save(run);
        return 'fresh';
      },
      record: save,
    },
    hand: sendToNode,
    approvals: { ask: sendToNode, look: sendToNode, taken: sendToNode, drop: sendToNode },
    pages: { start: sendToNode, settled: sendToNode },
    explainHand: () => ({ status: 'failed', retry: false, reason: 'no destination here' }),
    sendToNode,
    secrets: () => undefined,
    nowMs: () => 1,
    random: () => 0,
  };
  const request = { runId: 'run', alertId: 'a', alert, playbook, mode: 'enforce' } as const;
  const { run } = await performRun(request, ports, new AbortController().signal);
  expect(sendToNode).not.toHaveBeenCalled();
  return run.steps[0]?.state;
}

it('takes how a step in the kernel went from the alert, and sends nothing to the node', async () => {
  const states = await Promise.all(reflexVerdicts.map((verdict) => stateAfter(verdict)));
  expect(Object.fromEntries(reflexVerdicts.map((verdict, at) => [verdict, states[at]]))).toEqual({
    killed: 'done',
    'dry-run': 'skipped',
    stopped: 'refused',
    capped: 'refused',
    spared: 'refused',
    failed: 'failed',
    denied: 'done',
  });
  expect(await stateAfter('killed', ['p/other'])).toBe('skipped');
  expect(await stateAfter(undefined)).toBe('skipped');
});
