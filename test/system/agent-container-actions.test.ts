import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeActionName } from '#playbooks/command';
import { makeActions } from '../../agent/respond/actions.ts';
import { listPids } from '../../agent/respond/process.ts';
import { type Engine, findEngines, openEngine } from '../../agent/state/containers/engine.ts';
import { type Containerd, type Pod, startContainerd } from '../support/containerd.ts';
import { docker, image, inspect, remove } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { type CommandChanges, commandOf, portsOf } from '../support/node-action.ts';
import { type Podman, startPodman } from '../support/podman.ts';

const stat = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'latin1');

/** A process of the container. */
function pidOf(container: string): number {
  const pid = listPids().find((each) => {
    try {
      return readFileSync(`/proc/${each}/cgroup`, 'latin1').includes(container);
    } catch {
      return false; // Ended.
    }
  });
  if (pid === undefined) throw new Error(`${container} has no process`);
  return pid;
}

/** An engine as these tests use it, whichever it is. */
type Bed = {
  readonly engines: readonly Engine[];
  start(script: string): Promise<string>;
  /** `undefined`: the engine knows it no more. */
  state(id: string): Promise<'running' | 'paused' | 'ended' | undefined>;
};

const signal = AbortSignal.timeout(120_000);
let containerd: Containerd;
let podman: Podman;
let pod: Pod;
const dockers: string[] = [];
const opened: Engine[] = [];

beforeAll(async () => {
  [containerd, podman] = [await startContainerd(), await startPodman()];
  pod = await containerd.pod({ name: 'shop-1', namespace: 'shop', uid: '0a1b2c3d-1111-4222-8333-444455557777' });
  opened.push(...findEngines(), openEngine('containerd', containerd.socket), openEngine('podman', podman.socket));
});
afterAll(async () => {
  await Promise.all(dockers.map(remove));
  for (const engine of opened) engine.close();
  await podman.close();
  await containerd.close();
});

const dockerStates = { running: 'running', paused: 'paused', exited: 'ended' } as const;
const known = (status: string) => Object.entries(dockerStates).find(([name]) => name === status)?.[1];
/** ContainerState of CRI's api.proto; a container that is paused counts as running or unknown there. */
const criStates: Readonly<Record<number, 'running' | 'ended'>> = { 1: 'running', 2: 'ended' };

const beds: Readonly<Record<'docker' | 'podman' | 'containerd', () => Bed>> = {
  docker: () => ({
    engines: opened,
    async start(script) {
      const id = await docker('run', '-d', '--network', 'none', image, 'sh', '-c', script);
      dockers.push(id);
      return id;
    },
    state: (id) =>
      inspect(id).then(
        ({ status }) => known(status),
        () => undefined,
      ),
  }),
  podman: () => ({
    engines: opened,
    start: (script) => podman.run('sh', '-c', script),
    state: (id) => podman.podman('inspect', '--format', '{{.State.Status}}', id).then(known, () => undefined),
  }),
  containerd: () => ({
    engines: opened,
    start: (script) =>
      pod.run({ name: `c-${Math.random().toString(36).slice(2)}`, command: ['/bin/busybox', 'sh', '-c', script] }),
    async state(id) {
      const tasks = await containerd.ctr('-n', 'k8s.io', 'tasks', 'ls');
      const line = tasks.split('\n').find((each) => each.startsWith(id));
      if (line?.includes('PAUSED')) return 'paused';
      return criStates[await pod.state(id)];
    },
  }),
};

const perform = (bed: Bed, name: NodeActionName, params: object, changes: CommandChanges = {}) => {
  const action = makeActions(portsOf({ engines: () => bed.engines })).get(name);
  if (action === undefined) throw new Error(`no action ${name}`);
  return action(commandOf(name, params, changes), signal);
};

const becomes = (bed: Bed, id: string, wanted: Awaited<ReturnType<Bed['state']>>) =>
  eventually(`${id} to be ${wanted}`, async () => ((await bed.state(id)) === wanted ? 'so' : undefined));

describe.for(['docker', 'podman', 'containerd'] as const)('containers of %s', (name) => {
  it('are paused and go on, each twice without harm, and the engine knows', async () => {
    const bed = beds[name]();
    const container = await bed.start('while :; do :; done');
    const pid = pidOf(container);
    const used = () => Number(/^\d+ \(.*\) (?:\S+ ){11}(\d+)/.exec(stat(pid))?.[1]);
    for (let repeat = 0; repeat < 2; repeat++) {
      expect(await perform(bed, 'container.pause', { container })).toMatchObject({ outcome: 'done' });
      expect(await bed.state(container)).toBe('paused');
    }
    const before = used();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(used()).toBe(before);
    for (let repeat = 0; repeat < 2; repeat++) {
      expect(await perform(bed, 'container.unpause', { container })).toMatchObject({ outcome: 'done' });
      expect(await bed.state(container)).toBe('running');
    }
    await eventually('it to run', () => used() > before || undefined);
    await perform(bed, 'container.kill', { container });
  });

  it('end by themselves within the grace, or are killed after it', async () => {
    const bed = beds[name]();
    const polite = await bed.start('trap "exit 7" TERM; while :; do sleep 0.1; done');
    const stubborn = await bed.start('trap "" TERM; while :; do sleep 0.1; done');
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const [container, graceS] of [
      [polite, 20],
      [stubborn, 1],
    ] as const) {
      const begunMs = performance.now();
      expect(await perform(bed, 'container.stop', { container, grace_s: graceS })).toMatchObject({ outcome: 'done' });
      expect(performance.now() - begunMs).toBeLessThan(8_000);
      await becomes(bed, container, 'ended');
    }
    expect(await perform(bed, 'container.stop', { container: polite })).toMatchObject({ outcome: 'gone' });
  });

  it('are removed, running or ended, and gone afterwards', async () => {
    const bed = beds[name]();
    const running = await bed.start('sleep 1000');
    const ended = await bed.start('exit 0');
    await becomes(bed, ended, 'ended');
    for (const container of [running, ended]) {
      const dryRun = await perform(bed, 'container.remove', { container }, { mode: 'dry-run' });
      expect(dryRun).toMatchObject({ outcome: 'skipped', detail: expect.stringContaining('would remove') });
      expect(await perform(bed, 'container.remove', { container })).toMatchObject({ outcome: 'done' });
      expect(await bed.state(container)).toBeUndefined();
      expect(await perform(bed, 'container.remove', { container })).toMatchObject({ outcome: 'gone' });
    }
  });

  it('are killed', async () => {
    const bed = beds[name]();
    const container = await bed.start('sleep 1000 & sleep 1000');
    expect(await perform(bed, 'container.kill', { container })).toMatchObject({ outcome: 'done' });
    await becomes(bed, container, 'ended');
  });
});

it('a container of kube-system is left alone, by its labels in containerd', async () => {
  const uid = '0a1b2c3d-1111-4222-8333-444455559999';
  const system = await containerd.pod({ name: 'dns-1', namespace: 'kube-system', uid });
  const container = await system.run({ name: 'dns', command: ['/bin/busybox', 'sleep', '1000'] });
  const bed = beds.containerd();
  for (const action of ['container.kill', 'container.stop', 'container.pause', 'container.remove'] as const) {
    const result = await perform(bed, action, { container });
    expect(result).toMatchObject({ outcome: 'refused', detail: expect.stringContaining('kube-system') });
  }
  expect(await bed.state(container)).toBe('running');
  // With its engine silent nobody can tell the namespace: then it is left alone as well.
  const blind = { ...bed, engines: [] };
  expect(await perform(blind, 'container.kill', { container })).toMatchObject({ outcome: 'refused' });
});
