import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { takeLock } from '../../rules/cli/lock.ts';
import { startAgent } from '../support/agent.ts';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { endOf, startShell } from '../support/interactive-shell.ts';
import { type Lanner, runLanner, startLanner } from '../support/lanner.ts';
import { buildMark } from '../support/mark.ts';
import { helloOf, openNodeEnd } from '../support/node-end.ts';
import { makePlace, type Place, type RouterProcess, startRouterAt } from '../support/router.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startPlace(): Promise<{ readonly place: Place; readonly router: RouterProcess }> {
  const place = await makePlace();
  closers.push(() => place.remove());
  const router = await startRouterAt(place);
  closers.push(() => router.end());
  return { place, router };
}

async function greet(place: Place, name: string) {
  const node = await openNodeEnd(place);
  closers.push(() => node.close());
  node.say(helloOf(name));
  return node;
}

const told = (node: Awaited<ReturnType<typeof greet>>, isStopped: boolean) =>
  eventually('the word', () => ((node.responding.at(-1) ?? null) !== null) === isStopped || undefined, 1_000);

const stopOn = (place: Place, ...more: readonly string[]) =>
  runLanner('stop-responding', '--reason', 'a bad rule', '--router', place.url, '--data', place.dataFolder, ...more);
const resumeOn = (place: Place) => runLanner('resume-responding', '--router', place.url, '--data', place.dataFolder);

describe('lanner stop-responding', () => {
  it('reaches all nodes within a second, and holds over kill -9 of the router with its Redis', async () => {
    const { place, router } = await startPlace();
    const [one, two] = [await greet(place, 'one'), await greet(place, 'two')];
    await eventually(
      'both',
      async () => (await (await place.get('/readyz')).text()).includes('2 connected') || undefined,
    );
    expect(await stopOn(place)).toMatchObject({ code: 0, stdout: expect.stringContaining('2 are connected now') });
    await Promise.all([told(one, true), told(two, true)]);

    await router.end('SIGKILL');
    closers.push(await startRouterAt(place).then((again) => () => again.end()));
    const late = await greet(place, 'late');
    await told(late, true);
    expect(late.responding.at(-1)).toMatchObject({ reason: 'a bad rule' });
    expect(await (await fetch(`${place.url}/metrics`)).text()).toContain('lanner_responding_stopped 1');

    expect(await resumeOn(place)).toMatchObject({ code: 0 });
    await told(late, false);
  });

  it('stops this node when no router answers, and says so', async () => {
    const place = await makePlace();
    closers.push(() => place.remove());
    const answer = await stopOn(place);
    expect(answer).toMatchObject({ code: 1, stdout: expect.stringContaining('stopped on this node') });
    expect(answer.stderr).toContain('the router does not know');
    const doctor = await runLanner('doctor', '--data', place.dataFolder);
    expect(doctor.stdout).toMatch(/responding +limited +stopped on this node since .* a bad rule/);
    expect(await runLanner('resume-responding', '--node-only', '--data', place.dataFolder)).toMatchObject({ code: 0 });
    expect((await runLanner('doctor', '--data', place.dataFolder)).stdout).toMatch(/responding +ok/);
  });
});

describe('an agent that hangs', () => {
  it('is told of by whoever stops responding on its host', async () => {
    const place = await makePlace();
    closers.push(() => place.remove());
    const stop = () => runLanner('stop-responding', '--node-only', '--data', place.dataFolder);
    // It has the folder, and does not answer.
    const lock = takeLock(`${place.dataFolder}/agent.lock`);
    if (!lock.ok) throw new Error('the folder is new');
    closers.push(() => lock.release());
    const told = await stop();
    expect(told).toMatchObject({ code: 1, stdout: expect.stringContaining('stopped on this node') });
    expect(told.stderr).toContain(`kill -9 ${process.pid}`);
    lock.release();
    expect(await stop()).toMatchObject({ code: 0, stderr: '' });
  });
});

const journal = z.object({ runs: z.array(z.looseObject({ state: z.string(), steps: z.array(z.unknown()) })) });

const refusedRun = (lanner: Lanner, id: string) =>
  eventually('the refused run', async () =>
    (await lanner.get('/api/runs', journal)).runs.find(({ steps }) => {
      const text = JSON.stringify(steps);
      return text.includes(id.slice(0, 12)) && text.includes('responding is stopped');
    }),
  );

const anyRule = '- {rule: Any, desc: d, condition: evt.type = chroot, output: o, priority: NOTICE}\n';

describe('steps in the kernel', () => {
  it('end on all nodes within a second, stay ended over restarts with the router dead, and go with their agent', async () => {
    const { place, router } = await startPlace();
    const folder = mkdtempSync('/tmp/lanner-reflexes-');
    closers.push(() => rmSync(folder, { recursive: true }));
    // The test asks again and again: the cap must not answer instead of the switch.
    writeFileSync(`${folder}/lanner.yaml`, 'response: {most_actions_per_minute: 100000}\n');
    /** A node with a program of its own that the kernel kills. */
    const makeNode = async (name: string) => {
      const program = `${folder}/${name}`;
      buildMark(program);
      const kill = `playbook: ${name}\nmode: enforce\non: {condition: proc.exepath = ${program}}\nsteps: [{id: kill, uses: process.kill, where: kernel}]\n`;
      writeFileSync(`${program}.yaml`, kill);
      const to = [
        '--router',
        place.url,
        '--token-file',
        `${place.dataFolder}/token`,
        '--playbooks',
        `${program}.yaml`,
        '--config',
        `${folder}/lanner.yaml`,
      ];
      const start = () => startAgent(anyRule, [...to, '--data', `${program}.data`, '--node', name]);
      let agent = await start();
      closers.push(() => agent.close());
      return {
        pid: () => agent.pid,
        isKilled: () => spawnSync(program, [`${folder}/mark`]).signal === 'SIGKILL',
        end: (signal: NodeJS.Signals) => agent.close(signal),
        restart: async () => {
          agent = await start();
        },
      };
    };
    const nodes = [await makeNode('one'), await makeNode('two')];
    await eventually(
      'both',
      async () => (await (await place.get('/readyz')).text()).includes('2 connected') || undefined,
    );
    const killed = () => nodes.map(({ isKilled }) => isKilled());
    expect(killed()).toEqual([true, true]);

    const word = { stopped: true, reason: 'a bad rule', by: 'test' };
    const request = { method: 'PUT', headers: place.headers(), body: JSON.stringify(word) };
    expect((await fetch(`${place.url}/api/responding`, request)).status).toBe(200);
    await eventually('the kernel of both', () => !killed().includes(true) || undefined, 1_000);

    await router.end('SIGKILL');
    for (const { end, restart } of nodes) {
      await end('SIGKILL');
      await restart();
    }
    expect(killed()).toEqual([false, false]);
    closers.push(await startRouterAt(place).then((again) => () => again.end()));
    expect(await resumeOn(place)).toMatchObject({ code: 0 });
    await eventually('the kernel of both again', () => !killed().includes(false) || undefined, 15_000);

    // One that hangs hears nothing; whoever throws the switch there is told so, and what helps.
    const [hanging] = nodes;
    const stopHere = () => runLanner('stop-responding', '--node-only', '--data', `${folder}/one.data`);
    process.kill(hanging?.pid() ?? 0, 'SIGSTOP');
    try {
      const told = await stopHere();
      expect(told).toMatchObject({ code: 1, stderr: expect.stringContaining(`kill -9 ${hanging?.pid()}`) });
      expect(hanging?.isKilled()).toBe(true);
    } finally {
      process.kill(hanging?.pid() ?? 0, 'SIGCONT');
    }
    await eventually('its kernel', () => hanging?.isKilled() === false || undefined, 2_000);
    expect(await stopHere()).toMatchObject({ code: 0, stderr: '' });
    expect(await runLanner('resume-responding', '--node-only', '--data', `${folder}/one.data`)).toMatchObject({
      code: 0,
    });

    // However an agent ends, its programs in the kernel go with it: none lives on that no switch would reach.
    await nodes[0]?.end('SIGKILL');
    await nodes[1]?.end('SIGTERM');
    expect(killed()).toEqual([false, false]);
  }, 90_000);
});

describe('a node that is told not to respond', () => {
  it('refuses to kill until it may again', async () => {
    const lanner = await startLanner(['--enforce']);
    closers.push(() => lanner.close());
    const place = { url: lanner.url, dataFolder: lanner.dataFolder };
    expect(await runLanner('stop-responding', '--router', place.url, '--data', place.dataFolder)).toMatchObject({
      code: 0,
    });
    await eventually('the agent’s word', () =>
      lanner.alerts().find(({ rule }) => rule === 'Lanner internal: responding'),
    );
    const spared = await startShell();
    closers.push(() => remove(spared));
    await refusedRun(lanner, spared);
    expect(await inspect(spared)).toMatchObject({ status: 'running' });

    await runLanner('resume-responding', '--router', place.url, '--data', place.dataFolder);
    const killed = await startShell();
    closers.push(() => remove(killed));
    expect(await eventually('its end', () => endOf(killed))).toEqual({ exitCode: 137 });
    expect(await inspect(spared)).toMatchObject({ status: 'running' });
  });

  it('refuses what a configuration protects, and what is beyond the cap', async () => {
    const folder = mkdtempSync('/tmp/lanner-protect-');
    closers.push(() => rmSync(folder, { recursive: true }));
    writeFileSync(
      `${folder}/lanner.yaml`,
      'response:\n  most_actions_per_minute: 1\n  protect:\n    - container: {label: keep=yes}\n',
    );
    const lanner = await startLanner(['--enforce', '--config', `${folder}/lanner.yaml`]);
    closers.push(() => lanner.close());
    const kept = await docker('run', '-dit', '--network', 'none', '--label', 'keep=yes', image, 'sh');
    closers.push(() => remove(kept));
    const hears = (id: string, words: string) =>
      eventually(`a run of ${id} with: ${words}`, async () => {
        const { runs } = await lanner.get('/api/runs', journal);
        const texts = runs.map((run) => JSON.stringify(run)).filter((text) => text.includes(id.slice(0, 12)));
        return texts.find((text) => text.includes(words));
      });
    await hears(kept, 'on the protected list');
    const first = await startShell();
    closers.push(() => remove(first));
    expect(await eventually('its end', () => endOf(first))).toEqual({ exitCode: 137 });
    const second = await startShell();
    closers.push(() => remove(second));
    await hears(second, '1 destructive actions within a minute');
    await eventually('the alert', () => lanner.alerts().find(({ rule }) => rule === 'Lanner internal: response cap'));
    expect(await inspect(second)).toMatchObject({ status: 'running' });
    expect(await inspect(kept)).toMatchObject({ status: 'running' });
  });
});
