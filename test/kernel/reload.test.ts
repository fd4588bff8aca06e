import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanner-reload-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const opens = (name: string, mark: string): string =>
  `- rule: ${name}\n  desc: d\n  condition: evt.type in (open, openat) and fd.name startswith ${at(mark)}\n  output: of=%fd.name\n  priority: NOTICE\n`;
const makes = (name: string, mark: string): string =>
  `- rule: ${name}\n  desc: d\n  condition: evt.type in (mkdir, mkdirat) and evt.arg.path startswith ${at(mark)}\n  output: of=%evt.arg.path\n  priority: NOTICE\n`;

/** Opens a file that is not there. */
function touch(name: string): void {
  try {
    readFileSync(at(name));
  } catch {
    // It never is.
  }
}

describe('rules that are read again', () => {
  it('take effect without a restart, and no event of a rule that stays is lost', async () => {
    const agent = await startAgent(opens('Stays', 'stays-') + opens('Goes', 'goes-'));
    try {
      touch('goes-1');
      await agent.alert('the old rule', ({ rule }) => rule === 'Goes');
      let count = 0;
      const busy = setInterval(() => {
        for (let number = 0; number < 3; number++) touch(`stays-${count++}-`);
      }, 5);
      for (let round = 0; round < 5; round++) {
        const other = round % 2 === 0 ? makes('Comes', 'comes-') : opens('Goes', 'goes-');
        writeFileSync(agent.rules, opens('Stays', 'stays-') + other);
        const told = agent.said().split('the rules were read again').length;
        process.kill(agent.pid, 'SIGHUP');
        await eventually(
          'the new rules',
          () => agent.said().split('the rules were read again').length > told || undefined,
        );
      }
      mkdtempSync(at('comes-'));
      await agent.alert('the new rule', ({ rule }) => rule === 'Comes');
      touch('goes-2');
      clearInterval(busy);
      touch('stays-last');
      await agent.alert('the last one', ({ output }) => output.includes('stays-last'));
      const stays = agent.alerts().filter(({ rule }) => rule === 'Stays');
      expect(new Set(stays.map(({ output }) => output)).size).toBe(count + 1);
      expect(stays).toHaveLength(count + 1);
      expect(agent.alerts().filter(({ rule }) => rule === 'Goes')).toHaveLength(1);
    } finally {
      await agent.close();
    }
  });

  it('that are wrong leave those in use as they are, and say where', async () => {
    const agent = await startAgent(opens('Stays', 'stays-'));
    try {
      writeFileSync(agent.rules, opens('Stays', 'stays-').replace('fd.name', 'fd.nam'));
      process.kill(agent.pid, 'SIGHUP');
      await eventually('the complaint', () => agent.said().includes('those in use stay') || undefined);
      expect(agent.said()).toContain('rules.yaml:3:45: error[LOAD_ERR_COMPILE_CONDITION]: unknown field fd.nam');
      touch('stays-1');
      await agent.alert('the old rule', ({ output }) => output.includes('stays-1'));
    } finally {
      await agent.close();
    }
  });
});
