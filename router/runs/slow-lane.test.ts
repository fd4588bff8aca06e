import { expect, it } from 'vitest';
import { loadPlaybooks } from '#playbooks/language/load';
import type { Run } from '#playbooks/language/run';
import { alertSchema } from '#rules/alert';
import { actionCatalogue } from '../actions/all.ts';
import { performRun, type RunRequest } from './perform.ts';
import type { RunPorts } from './ports.ts';

const text = `playbook: p
on: { rules: [r] }
steps:
  - { id: a, uses: webhook, if: proc.name = bash, with: { url: "http://localhost:1" } }
  - { id: b, uses: program, with: { argv: [/bin/true] } }
`;
const alert = alertSchema.parse({ time: '2026-01-01T00:00:00Z', rule: 'r', priority: 'Error' });

/** A run of its own. */
function perform(more: Partial<RunRequest>) {
  const [playbook] = loadPlaybooks([{ path: 'p.yaml', text }], actionCatalogue).playbooks;
  if (playbook === undefined) throw new Error('the playbook does not load');
  let kept: Run | undefined;
  const save = async (run: Run) => {
    kept = run;
  };
  const nobody = () => Promise.reject(new Error('nobody here'));
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
    approvals: { ask: nobody, look: nobody, taken: nobody, drop: nobody },
    pages: { start: nobody, settled: nobody },
    hand: nobody,
    explainHand: () => ({ status: 'skipped', detail: '' }),
    sendToNode: nobody,
    secrets: () => undefined,
    nowMs: Date.now,
    random: () => 0,
  };
  const request: RunRequest = { runId: 'run', alertId: 'an-alert', alert, playbook, mode: 'enforce', ...more };
  return performRun(request, ports, new AbortController().signal);
}

it('is where a run goes on from its first step that may have to wait for somebody', async () => {
  expect(await perform({ lane: 'quick' })).toMatchObject({
    kind: 'slow',
    run: { state: 'running', steps: [{ state: 'skipped' }, { state: 'waiting' }] },
  });
  expect(await perform({ lane: 'slow' })).toMatchObject({ kind: 'finished', run: { state: 'done' } });
});

it('is not for what only says what it would do', async () => {
  expect(await perform({ lane: 'quick', mode: 'dry-run' })).toMatchObject({ kind: 'finished', run: { state: 'done' } });
});
