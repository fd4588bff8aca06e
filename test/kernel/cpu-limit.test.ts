import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askMetrics, socketPath } from '../../agent/metrics/serve.ts';
import { compileLoops, type Loops } from '../bench/loops.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { makeFolder } from './recorder.ts';

const folder = makeFolder();
let loops: Loops;
let agent: Agent;

// What rules of two types want, and no filter in the kernel can judge.
const rules = `
- rule: dear
  desc: an open that only the rule itself can judge, and anew each time, since it asks the time
  condition: evt.type in (open, openat) and fd.name startswith ${folder.path}/flood and evt.reltime > 0 and fd.num > 100000
  output: "%fd.name"
  priority: INFO
- rule: unlinked
  desc: a file is removed
  condition: evt.type in (unlink, unlinkat) and fs.path.name startswith ${folder.path}
  output: "%fs.path.name"
  priority: INFO
`;

beforeAll(async () => {
  loops = compileLoops();
  writeFileSync(join(folder.path, 'flood'), '');
  writeFileSync(join(folder.path, 'config.yaml'), 'cpu_limit: 5%\n');
  agent = await startAgent(rules, ['--data', folder.path, '--config', join(folder.path, 'config.yaml')]);
});
afterAll(async () => {
  await agent?.close();
  loops?.close();
  folder.remove();
});

const isOf = (kind: string) => (alert: { readonly rule: string; readonly output: string }) =>
  alert.rule === 'Lanner internal: cpu limit' && alert.output.includes(kind);

test('a flood above the limit is given up, said, counted, and taken back', { timeout: 90_000 }, async () => {
  await sleep(9_000); // what the agent takes for its start does not count
  const floods = cpus().map(() => loops.start(['flood', 12, 0, join(folder.path, 'flood')]));
  for (const flood of floods) flood.go();
  const shed = await eventually(
    'the flood to be given up',
    () => agent.alerts().find(isOf('openat is not watched')),
    20_000,
  );
  expect(shed.output).toContain('limit="5.0%"');
  expect(shed.output).toContain('rules_count=1 rules="dear"');
  await Promise.all(floods.map(({ lines }) => lines));
  const restored = await eventually(
    'it to be taken back',
    () => agent.alerts().find(isOf('openat is watched again')),
    30_000,
  );
  expect(Number(/missed=(\d+)/.exec(restored.output)?.[1])).toBeGreaterThan(1_000);

  const text = (await askMetrics({ socketPath: socketPath(folder.path) })) ?? '';
  const lost = Number(/^lanner_agent_lost_total\{cause="cpu_limit",type="openat"\} (\d+)$/m.exec(text)?.[1]);
  expect(lost).toBeGreaterThan(1_000);
  expect(text).toMatch(/^lanner_agent_rule_seconds_total\{rule="dear"\} [\d.]*[1-9]/m);
  const { stdout } = await promisify(execFile)(process.execPath, ['lanner.ts', 'rules', 'top', '--data', folder.path]);
  expect(stdout.split('\n')[1]).toMatch(/dear$/);
});
