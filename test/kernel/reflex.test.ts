import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { docker, type Engine, image, openEngine, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { buildMark } from '../support/mark.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'lanner-reflex-'));
const marks = join(folder, 'marks');
const programs = ['marked', 'unmarked', 'tried', 'guarded-one', 'marked-here'];

const playbooks = `
playbook: kill-marked
mode: enforce
on:
  condition: container.id != host and proc.name in (marked, guarded-one)
steps: [{ id: kill, uses: process.kill, where: kernel }]
---
playbook: kill-here
mode: enforce
on:
  condition: proc.exepath = "${folder}/marked-here" and user.uid = 0 and not proc.pname endswith "-friend"
steps: [{ id: kill, uses: process.kill, where: kernel }]
---
playbook: try-first
on:
  condition: proc.exepath endswith /tried and proc.tty = 0
steps: [{ id: kill, uses: process.kill, where: kernel }]
`;
const configuration = `
playbooks: [playbooks.yaml]
response:
  most_actions_per_minute: 100000
  protect: [{process: {name: "guarded-*"}}]
`;
const rules = `
- rule: Marked
  desc: d
  condition: evt.type in (execve, execveat) and proc.name startswith marked
  output: "%proc.name %container.id"
  priority: NOTICE
`;

let engine: Engine;
let agent: Agent;
let container = '';
beforeAll(async () => {
  engine = await openEngine();
  mkdirSync(marks);
  buildMark(join(folder, 'marked'));
  for (const name of programs.slice(1)) copyFileSync(join(folder, 'marked'), join(folder, name));
  writeFileSync(join(folder, 'playbooks.yaml'), playbooks);
  writeFileSync(join(folder, 'lanner.yaml'), configuration);
  container = await docker('run', '-d', '--network', 'none', '-v', `${folder}:/mnt`, image, 'sleep', '600');
  agent = await startAgent(rules, ['--config', join(folder, 'lanner.yaml'), '--data', join(folder, 'data')]);
}, 90_000);
afterAll(async () => {
  await agent?.close();
  if (container !== '') await remove(container);
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
});

const markNames = () => readdirSync(marks).sort();
const clearMarks = () => {
  for (const name of markNames()) rmSync(join(marks, name));
};
/** Runs a program so many times in the container; each run would leave a mark of its own. */
const inContainer = (name: string, times: number) =>
  docker('exec', container, 'sh', '-c', `for i in $(seq ${times}); do /mnt/${name} /mnt/marks/${name}-$i; done; true`);
const onHost = (name: string) =>
  run(join(folder, name), [join(marks, name)]).then(
    () => 'ended',
    (error: { readonly signal?: string }) => error.signal,
  );
const alertsOf = (rule: string) => agent.alerts().filter((alert) => alert.rule === rule);

describe('a step in the kernel', () => {
  it('kills 200 of 200 programs in containers before they leave a mark, with the agent stopped', async () => {
    await inContainer('unmarked', 3);
    expect(markNames()).toEqual(['unmarked-1', 'unmarked-2', 'unmarked-3']);
    clearMarks();
    await inContainer('marked', 100);
    process.kill(agent.pid, 'SIGSTOP');
    try {
      await inContainer('marked', 90);
    } finally {
      process.kill(agent.pid, 'SIGCONT');
    }
    // The first program of a container that nobody has seen before.
    for (let index = 0; index < 10; index += 1) {
      const name = `lanner-reflex-${index}`;
      await remove(name);
      const flags = ['--name', name, '--network', 'none', '-v', `${folder}:/mnt`];
      const end = await docker('run', ...flags, image, '/mnt/marked', `/mnt/marks/first-${index}`).then(
        () => 0,
        (error: { readonly code?: number }) => error.code,
      );
      await remove(name);
      expect(end).toBe(137);
    }
    expect(markNames()).toEqual([]);
    const told = await eventually('all alerts', () => {
      const found = alertsOf('Lanner reflex: kill-marked/kill');
      return found.length >= 200 ? found : undefined;
    });
    expect(told).toHaveLength(200);
    // Each is about a program of its own.
    expect(new Set(told.map(({ output_fields }) => output_fields['proc.pid'])).size).toBe(200);
    expect(told[0]).toMatchObject({
      priority: 'Critical',
      output: expect.stringContaining('killed before its first instruction'),
      output_fields: { 'proc.name': 'marked', 'container.id': container.slice(0, 12), 'lanner.reflex': 'killed' },
    });
    // What a rule says of the same program says so as well.
    const [ofRule] = alertsOf('Marked');
    expect(ofRule?.output_fields).toMatchObject({
      'lanner.reflex': 'killed',
      'lanner.reflex.steps': ['kill-marked/kill'],
    });
  }, 90_000);

  it('touches nothing for which the condition does not hold, and nothing that is protected', async () => {
    clearMarks();
    expect(await onHost('marked')).toBe('ended');
    await inContainer('guarded-one', 2);
    await inContainer('marked-here', 1);
    expect(markNames()).toEqual(['guarded-one-1', 'guarded-one-2', 'marked', 'marked-here-1']);
    expect(await onHost('marked-here')).toBe('SIGKILL');
  });

  it('only says what it would do where the playbook does not act', async () => {
    clearMarks();
    await inContainer('tried', 1);
    expect(await onHost('tried')).toBe('ended');
    expect(markNames()).toEqual(['tried', 'tried-1']);
    const told = await eventually('both alerts', () => {
      const found = alertsOf('Lanner reflex: try-first/kill');
      return found.length === 2 ? found : undefined;
    });
    expect(told[0]?.output).toContain('would have been killed');
  });

  it('kills no more within a second after responding was stopped, and again when it is resumed', async () => {
    clearMarks();
    const stop = join(folder, 'data', 'responding-stopped');
    const begunMs = performance.now();
    writeFileSync(stop, '');
    await eventually(
      'the off switch',
      async () => ((await onHost('marked-here')) === 'ended' ? true : undefined),
      1_000,
    );
    expect(performance.now() - begunMs).toBeLessThan(1_000);
    const [told] = await eventually('its alert', () => {
      const found = alertsOf('Lanner reflex: kill-here/kill').filter(({ output }) => output.includes('stopped'));
      return found.length > 0 ? found : undefined;
    });
    expect(told?.output_fields['lanner.reflex']).toBe('stopped');
    rmSync(stop);
    await eventually('the switch back', async () => ((await onHost('marked-here')) === 'SIGKILL' ? true : undefined));
  });
});

describe('the cap', () => {
  it('lets no more programs be killed within a minute than the node may', async () => {
    writeFileSync(join(folder, 'capped.yaml'), 'playbooks: [playbooks.yaml]\nresponse: {most_actions_per_minute: 3}\n');
    await agent.close();
    agent = await startAgent(rules, ['--config', join(folder, 'capped.yaml'), '--data', join(folder, 'data')]);
    // A window begins at each minute since boot: one of these two rounds lies within one.
    const round = async () => {
      const ends: unknown[] = [];
      for (let index = 0; index < 10; index += 1) ends.push(await onHost('marked-here'));
      return ends.filter((end) => end === 'SIGKILL').length;
    };
    const killed = await round();
    expect(killed).toBeGreaterThanOrEqual(3);
    expect(killed).toBeLessThanOrEqual(6);
    const [told] = await eventually('its alert', () => {
      const found = alertsOf('Lanner reflex: kill-here/kill').filter(({ output }) => output.includes('as many'));
      return found.length > 0 ? found : undefined;
    });
    expect(told?.output_fields['lanner.reflex']).toBe('capped');
  });
});

describe('denying', () => {
  it('is refused at the start, with the reason, where the kernel has no BPF LSM', async () => {
    const playbook = `playbook: p\nmode: enforce\non: { condition: proc.name = marked }\nsteps: [{ id: no, uses: process.kill, where: kernel, with: { deny: true } }]\n`;
    writeFileSync(join(folder, 'deny.yaml'), playbook);
    const list = '/sys/kernel/security/lsm';
    const isOffered = existsSync(list) && readFileSync(list, 'latin1').trim().split(',').includes('bpf');
    const start = startAgent(rules, ['--playbooks', join(folder, 'deny.yaml')]);
    if (isOffered) await (await start).close();
    else await expect(start).rejects.toThrow(/p\/no: nothing can be denied here: /);
  });
});
