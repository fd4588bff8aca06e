import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type memoryNames, memoryProfiles } from '../../agent/config/memory.ts';
import { askMetrics, socketPath } from '../../agent/metrics/serve.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { memoryOf } from '../support/process.ts';
import { makeFolder } from './recorder.ts';

const folder = makeFolder();
const rules = `
- rule: never
  desc: a file that nobody opens
  condition: evt.type in (open, openat) and fd.name = /nobody/opens/this
  output: "%fd.name"
  priority: INFO
`;
let agent: Agent | undefined;
afterEach(async () => {
  await agent?.close();
});

afterAll(() => folder.remove());

/** With the flags of the usual profile, whatever its configuration says. */
async function start(memory: (typeof memoryNames)[number]): Promise<Agent> {
  const file = join(folder.path, 'config.yaml');
  writeFileSync(file, `memory: ${memory}\n`);
  agent = await startAgent(rules, ['--data', folder.path, '--config', file]);
  return agent;
}

describe('memory of the agent', () => {
  it.for(['small', 'large'] as const)('%s: has the heap of its profile, whoever started it', async (memory) => {
    await start(memory);
    const text = await eventually('metrics', () => askMetrics({ socketPath: socketPath(folder.path) }));
    const [, limit] = /^lanner_agent_heap_limit_bytes (\d+)/m.exec(text) ?? [];
    const mib = Number(limit) / 1024 ** 2;
    expect(mib).toBeGreaterThanOrEqual(memoryProfiles[memory].heapMib);
    expect(mib).toBeLessThan(memoryProfiles[memory].heapMib + 32);
  });

  // Without giving back it is 130 MB, of which 45 are pages of programs.
  it('goes back to the host once the work of the start is done', async () => {
    const { pid } = await start('default');
    await eventually('less than 100 MB', () => memoryOf(pid).rssMb < 100 || undefined, 20_000);
  });
});
