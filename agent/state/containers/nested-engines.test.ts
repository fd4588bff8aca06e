import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { NestedEngines } from './nested-engines.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const id = 'ab'.repeat(32);
const outer = `/docker/${'cd'.repeat(32)}`;
const inner = { id, engine: 'docker', outer } as const;
const told = {
  Id: id,
  Name: '/inner',
  Created: '2026-11-23T14:00:00Z',
  Config: {
    Image: 'app:1',
    Labels: { a: 'b', 'io.kubernetes.pod.name': 'dns', 'io.kubernetes.pod.namespace': 'kube-system' },
    Healthcheck: { Test: ['CMD', 'sh'] },
    Env: ['MESOS_TASK_ID=x'],
  },
  HostConfig: { Privileged: true, NetworkMode: 'host' },
  Mounts: [{ Source: '/etc', Destination: '/host', Mode: '', RW: true, Propagation: '' }],
  NetworkSettings: { IPAddress: '172.17.0.2' },
};

/** A container's process 17 in the group `at`, and where its root is. */
function lay(at = outer) {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-nested-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, 'proc/17/root');
  mkdirSync(root, { recursive: true });
  mkdirSync(join(folder, 'groups', at), { recursive: true });
  writeFileSync(join(folder, 'groups', at, 'cgroup.procs'), '17\n');
  const clock = { nowMs: 0 };
  const nested = new NestedEngines({
    groups: [join(folder, 'none'), join(folder, 'groups')],
    proc: join(folder, 'proc'),
    nowMs: () => clock.nowMs,
  });
  closers.push(() => nested.close());
  return { folder, root, nested, clock };
}

async function serve(path: string, answer: (response: ServerResponse) => void) {
  mkdirSync(dirname(path), { recursive: true });
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  closers.push(close);
  return { asked, close };
}

const tell = (response: ServerResponse) => void response.end(JSON.stringify(told));
const openFiles = () => readdirSync('/proc/self/fd').length;

describe('an engine in a container', () => {
  it.for([outer, `${outer}/init`])('names the containers below it, its process in %s', async (at) => {
    const { root, nested } = lay(at);
    const { asked } = await serve(join(root, 'run/docker.sock'), tell);
    const [engine, ...others] = nested.of(inner);
    expect(others).toEqual([]);
    const answer = await engine?.inspect(inner, 5_000);
    expect(asked).toEqual([`/containers/${id}/json`]);
    expect(answer).toMatchObject({
      status: 'found',
      details: { name: 'inner', image: 'app:1', tag: '1', labels: new Map(Object.entries(told.Config.Labels)) },
    });
  });

  it('says nothing of pods, rights, mounts, addresses and probes that would be believed', async () => {
    const { root, nested } = lay();
    await serve(join(root, 'run/docker.sock'), tell);
    expect(await nested.of(inner)[0]?.inspect(inner, 5_000)).toMatchObject({
      details: {
        isClaimed: true,
        pod: undefined,
        privileged: undefined,
        mounts: undefined,
        ip: undefined,
        hostNetwork: undefined,
        probes: { health: undefined },
        environment: new Map(),
      },
    });
  });

  it('is not asked about containers that lie in none, nor by an engine of another kind', async () => {
    const { root, nested } = lay();
    await serve(join(root, 'run/docker.sock'), tell);
    expect(nested.of({ id, engine: 'docker' })).toEqual([]);
    expect(nested.of({ ...inner, engine: 'podman' })).toEqual([]);
    expect(nested.of({ ...inner, outer: `/docker/${'ef'.repeat(32)}` })).toEqual([]);
  });

  it.for([
    { name: 'the socket', from: 'run/docker.sock', to: 'host/docker.sock' },
    { name: 'the folder', from: 'run', to: 'host' },
  ])('leads nowhere by a link: $name', async ({ from, to }) => {
    const { folder, root, nested } = lay();
    await serve(join(folder, 'host/docker.sock'), tell);
    mkdirSync(dirname(join(root, from)), { recursive: true });
    symlinkSync(join(folder, to), join(root, from));
    const before = openFiles();
    expect(nested.of(inner)).toEqual([]);
    expect(openFiles()).toBe(before);
  });

  it('is no file or pipe at the socket’s place', () => {
    const { root, nested } = lay();
    mkdirSync(join(root, 'run'));
    writeFileSync(join(root, 'run/docker.sock'), 'x');
    expect(nested.of(inner)).toEqual([]);
  });

  it('is looked for again after it failed, and after a while when there was none', async () => {
    const { root, nested, clock } = lay();
    expect(nested.of(inner)).toEqual([]);
    const path = join(root, 'run/docker.sock');
    const broken = await serve(path, (response) => void response.writeHead(500).end());
    expect(nested.of(inner)).toEqual([]);
    clock.nowMs = 3_000;
    expect(await nested.of(inner)[0]?.inspect(inner, 5_000)).toEqual({ status: 'unknown' });
    broken.close();
    rmSync(path, { force: true });
    await serve(path, tell);
    expect(await nested.of(inner)[0]?.inspect(inner, 5_000)).toMatchObject({ status: 'found' });
  });

  it('keeps no more than 64 containers’ sockets open, and none after the end', async () => {
    const { folder, root, nested } = lay();
    await serve(join(root, 'run/docker.sock'), tell);
    const before = openFiles();
    for (let index = 0; index < 100; index++) {
      const group = `/docker/${index.toString(16).padStart(64, '0')}`;
      mkdirSync(join(folder, 'groups', group), { recursive: true });
      writeFileSync(join(folder, 'groups', group, 'cgroup.procs'), '17\n');
      expect(nested.of({ ...inner, outer: group })).toHaveLength(1);
    }
    expect(openFiles() - before).toBe(64);
    nested.close();
    expect(openFiles()).toBe(before);
  });
});
