import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { commandSchema } from '#playbooks/command';
import { makeContainerKill } from '../../agent/respond/container-kill.ts';
import { readStat } from '../../agent/respond/process.ts';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { bootId, portsOf } from '../support/node-action.ts';

const started: string[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map(remove));
});

async function start(...args: readonly string[]): Promise<string> {
  const id = await docker('run', '-d', '--network', 'none', ...args);
  started.push(id);
  return id;
}

const sleeper = () => start(image, 'sleep', '1000');
const signal = AbortSignal.timeout(60_000);

function commandOf(container: string, changes: Readonly<Record<string, unknown>> = {}, process?: object) {
  return commandSchema.parse({
    version: 1,
    kind: 'command',
    id: 'alert/playbook/step',
    action: 'container.kill',
    params: { container },
    mode: 'enforce',
    deadline_ms: Date.now() + 60_000,
    alert: { id: 'alert', rule: 'Shell in container', boot_id: bootId, ...(process && { process }) },
    ...changes,
  });
}

const makeKill = (self = process.pid) => makeContainerKill(portsOf({ self }));

/** The container's first process as an alert names it. */
async function identityOf(container: string) {
  const { pid } = await inspect(container);
  const stat = readStat(pid);
  if (stat === undefined) throw new Error('a running container has a first process');
  return { pid, start_ns: String(stat.startTicks * 10_000_000n + 3_141_592n) };
}

const ended = (container: string) =>
  eventually('the engine to see the end', async () => {
    const state = await inspect(container);
    return state.status === 'exited' ? state : undefined;
  });

describe('container.kill', () => {
  it('kills the container, tells the engine and leaves its neighbour alone', async () => {
    const [target, neighbour] = [await sleeper(), await sleeper()];
    const result = await makeKill()(commandOf(target, {}, await identityOf(target)), signal);
    expect(result).toEqual({ outcome: 'done', detail: `container ${target.slice(0, 12)} killed (docker agrees)` });
    expect(await ended(target)).toMatchObject({ status: 'exited', exitCode: 137 });
    expect(await inspect(neighbour)).toMatchObject({ status: 'running' });
  });

  it('takes the short id that an alert carries', async () => {
    const target = await sleeper();
    expect(await makeKill()(commandOf(target.slice(0, 12)), signal)).toMatchObject({ outcome: 'done' });
    expect(await ended(target)).toMatchObject({ exitCode: 137 });
  });

  it('outruns a container that forks as fast as it can', async () => {
    // A shell that may not fork any more ends by itself: the limit is one that it does not reach.
    const target = await start('--pids-limit', '5000', image, 'sh', '-c', 'while :; do sleep 100 & done');
    const { pid } = await inspect(target);
    await eventually('a crowd', () => {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').length;
      return children > 100 || undefined;
    });
    expect(await makeKill()(commandOf(target), signal)).toMatchObject({ outcome: 'done' });
    expect(readStat(pid)?.isDead ?? true).toBe(true);
    expect(await ended(target)).toMatchObject({ exitCode: 137 });
  });

  it('kills a paused container', async () => {
    const target = await sleeper();
    await docker('pause', target);
    expect(await makeKill()(commandOf(target), signal)).toMatchObject({ outcome: 'done' });
    expect(await ended(target)).toMatchObject({ exitCode: 137 });
  });

  it('keeps the engine from starting it again', async () => {
    const target = await start('--restart', 'always', image, 'sleep', '1000');
    expect(await makeKill()(commandOf(target), signal)).toMatchObject({ outcome: 'done' });
    await ended(target);
    // The engine waits 100 ms before the first restart; there must be none afterwards either.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await inspect(target)).toMatchObject({ status: 'exited', exitCode: 137 });
  });

  it('only says what it would do in a dry run', async () => {
    const target = await sleeper();
    const result = await makeKill()(commandOf(target, { mode: 'dry-run' }), signal);
    expect(result).toEqual({ outcome: 'skipped', detail: `would kill container ${target.slice(0, 12)} (1 process)` });
    expect(await inspect(target)).toMatchObject({ status: 'running' });
  });

  it('leaves a container alone that was started anew since the alert', async () => {
    const target = await sleeper();
    const before = await identityOf(target);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await docker('restart', '-t', '0', target);
    expect(await makeKill()(commandOf(target, {}, before), signal)).toMatchObject({ outcome: 'gone' });
    expect(await inspect(target)).toMatchObject({ status: 'running' });
  });

  it('kills although the process that raised the alert has ended', async () => {
    const target = await sleeper();
    const { start_ns } = await identityOf(target);
    const result = await makeKill()(commandOf(target, {}, { pid: 4_194_303, start_ns }), signal);
    expect(result).toMatchObject({ outcome: 'done' });
  });

  it('refuses when it runs in that container itself, by full and by short id', async () => {
    const target = await sleeper();
    const { pid } = await inspect(target);
    for (const id of [target, target.slice(0, 12)]) {
      expect(await makeKill(pid)(commandOf(id), signal)).toEqual({
        outcome: 'refused',
        detail: 'the agent itself runs in that container',
      });
    }
    expect(await inspect(target)).toMatchObject({ status: 'running' });
  });

  it.for([
    {
      name: 'an alert of an earlier boot',
      changes: { alert: { id: 'a', rule: 'r', boot_id: 'another' } },
      outcome: 'gone',
    },
    { name: 'the host', changes: { params: { container: 'host' } }, outcome: 'refused' },
    { name: 'a name', changes: { params: { container: '../../docker' } }, outcome: 'refused' },
    { name: 'a container that is not here', changes: { params: { container: 'ab'.repeat(32) } }, outcome: 'gone' },
  ])('touches nothing for $name', async ({ changes, outcome }) => {
    const target = await sleeper();
    expect(await makeKill()(commandOf(target, changes), signal)).toMatchObject({ outcome });
    expect(await inspect(target)).toMatchObject({ status: 'running' });
  });

  it('has nothing to do for a container that has ended', async () => {
    const target = await start(image, 'true');
    await ended(target);
    expect(await makeKill()(commandOf(target), signal)).toMatchObject({ outcome: 'gone' });
  });
});
