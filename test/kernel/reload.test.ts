import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { eventually } from '../support/eventually.ts';
import { buildMark } from '../support/mark.ts';

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
        const told = agent.said().split('rules and playbooks were read again').length;
        process.kill(agent.pid, 'SIGHUP');
        await eventually(
          'the new rules',
          () => agent.said().split('rules and playbooks were read again').length > told || undefined,
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

describe('playbooks that are read again', () => {
  const run = promisify(execFile);
  const kills = (playbook: string, name: string): string =>
    `playbook: ${playbook}\nmode: enforce\non: { condition: proc.exepath = ${at(name)} }\nsteps: [{ id: kill, uses: process.kill, where: kernel }]\n`;
  const atOnce = `playbook: at-once\nmode: enforce\non: { rules: [Sleeps] }\nsteps: [{ id: kill, uses: process.kill, where: node }]\n`;
  const sleeps = `- rule: Sleeps\n  desc: d\n  condition: evt.type = execve and proc.exepath = ${'/bin/sleep'} and proc.args = 4713\n  output: of=%proc.pid\n  priority: NOTICE\n`;

  it('are in the kernel from then on, each program killed by the old ones or the new ones', async () => {
    buildMark(at('marked'));
    buildMark(at('other'));
    const file = at('playbooks.yaml');
    writeFileSync(file, kills('one', 'marked'));
    const sleep = (await run('readlink', ['-f', '/bin/sleep'])).stdout.trim();
    const rules = sleeps.replace('/bin/sleep', sleep);
    writeFileSync(at('lanner.yaml'), 'playbooks: [playbooks.yaml]\nresponse: {most_actions_per_minute: 100000}\n');
    const agent = await startAgent(rules, ['--config', at('lanner.yaml'), '--data', at('data')]);
    const endOf = (name: string) =>
      run(at(name), [at('mark')]).then(
        () => 'ended',
        (error: { readonly signal?: string }) => error.signal,
      );
    const reload = async (text: string) => {
      writeFileSync(file, text);
      const told = agent.said().split('playbooks were read again').length;
      process.kill(agent.pid, 'SIGHUP');
      await eventually('a word', () => agent.said().split('playbooks were read again').length > told || undefined);
    };
    try {
      expect(await endOf('marked')).toBe('SIGKILL');
      expect(await endOf('other')).toBe('ended');
      rmSync(at('mark'));
      let isOver = false;
      let count = 0;
      const busy = (async () => {
        for (; !isOver; count++) if ((await endOf('marked')) !== 'SIGKILL') return;
      })();
      for (const name of ['two', 'three', 'four', 'five']) await reload(kills(name, 'marked'));
      isOver = true;
      await busy;
      expect(existsSync(at('mark'))).toBe(false);
      const killed = await eventually('an alert of each', () => {
        const found = agent.alerts().filter(({ rule }) => rule.startsWith('Lanner reflex: '));
        return found.length > count ? found : undefined;
      });
      expect(killed).toHaveLength(count + 1);
      // Each under the name of the playbook that did it, in the order in which they were in use.
      const names = killed.map(({ rule }) => rule.replace(/^Lanner reflex: (.*)\/kill$/, '$1'));
      const order = ['one', 'two', 'three', 'four', 'five'];
      expect(names).toEqual(names.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
      expect(new Set(names).size).toBeGreaterThan(2);

      await reload(`${kills('six', 'other')}---\n${atOnce}`);
      expect(await endOf('other')).toBe('SIGKILL');
      expect(await endOf('marked')).toBe('ended');
      const child = spawn(sleep, ['4713'], { stdio: 'ignore' });
      expect(await new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))).toBe('SIGKILL');

      await reload('playbook: broken\n');
      expect(agent.said()).toContain('those in use stay');
      expect(await endOf('other')).toBe('SIGKILL');
    } finally {
      await agent.close();
    }
  });
});
