import { describe, expect, it } from 'vitest';
import type { NodeCommand, Outcome, Receipt } from '#playbooks/command';
import { loadPlaybooks } from '#playbooks/language/load';
import { nodeCatalogue } from '#playbooks/language/node-catalogue';
import type { RunMode } from '#playbooks/language/run';
import type { Alert } from '#rules/alert';
import { makeNodeSteps } from './node-steps.ts';

const nowMs = Date.parse('2026-11-28T08:00:00Z');
const id = '0195d0b5-7c00-7000-8000-000000000001';
const container = 'c'.repeat(64);
const alert: Alert = {
  time: '2026-11-28T08:00:00Z',
  rule: 'Shell in container',
  priority: 'Notice',
  source: 'syscall',
  hostname: 'h',
  output: '',
  output_fields: { 'proc.name': 'sh' },
  tags: [],
  lanner: {
    version: 1,
    id,
    node: 'n',
    boot_id: 'b',
    process: { pid: 7, start_ns: '70' },
    container: { id: container },
  },
};

const cut = 'uses: network.isolate, where: node, with: { container: "%container.full_id" }';
const kill = 'uses: container.kill, where: node, with: { container: "%container.full_id" }';

/** What the node is asked to do, by the action's name, and what came of each. */
async function actionsOf(
  text: string,
  options: { mode?: RunMode; outcomes?: Record<string, Outcome>; alert?: Alert } = {},
) {
  const { playbooks, errors } = loadPlaybooks([{ path: 'p.yaml', text }], nodeCatalogue);
  expect(errors).toEqual([]);
  const commands: NodeCommand[] = [];
  const perform = (command: NodeCommand): Promise<Receipt> => {
    commands.push(command);
    const outcome = options.outcomes?.[command.action] ?? 'done';
    return Promise.resolve({
      version: 1,
      kind: 'receipt',
      command: command.id,
      outcome,
      detail: '',
      retry: false,
      started_ms: 1,
      finished_ms: 2,
    });
  };
  // As when playbooks are swapped: those it began with are forgotten.
  const { respond, use } = makeNodeSteps({
    playbooks: [],
    mode: options.mode ?? 'enforce',
    perform,
    log: () => undefined,
    nowMs: () => nowMs,
  });
  respond(options.alert ?? alert);
  use(playbooks);
  respond(options.alert ?? alert);
  await new Promise((resolve) => setImmediate(resolve));
  return commands;
}

const playbook = (steps: string, more = '') =>
  `playbook: p\non: { rules: [Shell in container] }\n${more}steps:\n${steps}`;

describe('steps that the node carries out by itself', () => {
  it('are the commands that the router would send', async () => {
    const [command, ...others] = await actionsOf(playbook(`  - { id: kill, ${kill}, timeout: 3s }\n`));
    expect(others).toEqual([]);
    expect(command).toEqual({
      version: 1,
      kind: 'command',
      id: `${id}/p/kill/${container}`,
      action: 'container.kill',
      params: { container },
      mode: 'enforce',
      deadline_ms: nowMs + 3_000,
      alert: { id, rule: 'Shell in container', process: { pid: 7, start_ns: '70' }, boot_id: 'b' },
    });
  });

  const both = `  - { id: cut, ${cut} }\n  - { id: kill, ${kill} }\n`;
  it.for([
    ['one after the other', playbook(both), {}, ['network.isolate', 'container.kill']],
    [
      'up to the first of the router',
      playbook(`  - { id: cut, ${cut} }\n  - { id: l, uses: log }\n  - { id: kill, ${kill} }\n`),
      {},
      ['network.isolate'],
    ],
    ['none behind a step of the router', playbook(`  - { id: l, uses: log }\n  - { id: kill, ${kill} }\n`), {}, []],
    ['none after one that failed', playbook(both), { outcomes: { 'network.isolate': 'refused' } }, ['network.isolate']],
    [
      'those after one that may fail',
      playbook(`  - { id: cut, ${cut}, on_error: continue }\n  - { id: kill, ${kill} }\n`),
      { outcomes: { 'network.isolate': 'failed' } },
      ['network.isolate', 'container.kill'],
    ],
    [
      'those whose condition holds',
      playbook(
        `  - { id: cut, ${cut}, if: proc.name = bash }\n  - { id: kill, ${kill}, if: steps.cut.outcome = skipped }\n`,
      ),
      {},
      ['container.kill'],
    ],
    ['none in a dry run', playbook(both), { mode: 'dry-run' }, []],
    ['none of a shadow', playbook(both, 'mode: shadow\n'), {}, []],
    [
      'those of a playbook that always acts',
      playbook(both, 'mode: enforce\n'),
      { mode: 'dry-run' },
      ['network.isolate', 'container.kill'],
    ],
    ['none that only the router can hold back', playbook(both, 'limits: { runs: 3, per: 1h }\n'), {}, []],
    [
      'none that is silenced',
      playbook(both, 'silences: [{ condition: proc.name = sh, until: "2026-12-01T00:00:00Z" }]\n'),
      {},
      [],
    ],
    ['none for another alert', playbook(both), { alert: { ...alert, rule: 'Other' } }, []],
    ['none for an alert of somebody else', playbook(both), { alert: { ...alert, lanner: undefined } }, []],
    [
      'none without its parameters',
      playbook(both),
      { alert: { ...alert, lanner: { ...alert.lanner, version: 1, id, node: 'n', container: undefined } } },
      [],
    ],
  ] as const)('are %s', async ([, text, options, expected]) => {
    const commands = await actionsOf(text, options);
    expect(commands.map(({ action }) => action)).toEqual(expected);
  });

  it('are named where they wait for the router all the same', () => {
    const text = playbook(`  - { id: l, uses: log }\n  - { id: kill, ${kill} }\n`);
    const { warnings } = loadPlaybooks([{ path: 'p.yaml', text }], nodeCatalogue);
    expect(warnings.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'PLAYBOOK_DISTANCE kill waits for the router: it comes after a step of the router, or inside another',
    ]);
  });
});
