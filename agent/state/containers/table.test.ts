import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Container } from './container.ts';
import { findEngines, openEngine } from './engine.ts';
import { ContainerTable } from './table.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const id = 'ab'.repeat(32);
const described = {
  Id: id,
  Created: '2026-11-23T14:00:00.5Z',
  Name: '/web',
  Image: `sha256:${'cd'.repeat(32)}`,
  Config: { Image: 'registry:5000/team/app:1.2@sha256:00', Labels: { 'a.b': 'grün' } },
  HostConfig: { Privileged: true, NetworkMode: 'host', PidMode: '', IpcMode: 'private' },
  Mounts: [{ Source: '/etc', Destination: '/host', Mode: 'ro', RW: false, Propagation: 'rprivate' }],
  NetworkSettings: { IPAddress: '', Networks: { net: { IPAddress: '172.18.0.2' } } },
};

/** A container engine's socket that answers as the test says. */
async function startEngine(answer: (path: string, response: ServerResponse) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'lanner-engine-'));
  const path = join(folder, 'engine.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request.url ?? '', response);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { path, asked };
}

function openTable(sockets: readonly string[], timeoutMs = 2_000) {
  const settled: Container[] = [];
  const clock = { nowMs: 0 };
  const table = new ContainerTable({
    findEngines: () => findEngines(sockets.map((path) => ({ name: 'docker', path }))),
    timeoutMs,
    settled: (container) => settled.push(container),
    nowMs: () => clock.nowMs,
  });
  closers.push(() => table.close());
  return { table, settled, clock };
}

const describeIt = (_: string, response: ServerResponse) => void response.end(JSON.stringify(described));

describe('the table of containers', () => {
  it('asks once, gives what is known meanwhile, and tells when it knows', async () => {
    const engine = await startEngine(describeIt);
    const { table, settled } = openTable([engine.path]);
    expect(table.ofCgroup('/system.slice/ssh.service')).toBeUndefined();
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ id, status: 'waiting', details: undefined });
    table.ofCgroup(`/docker/${id}/below`);
    await vi.waitFor(() => expect(settled).toHaveLength(1));
    expect(engine.asked).toEqual([`GET /containers/${id}/json`]);
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({
      status: 'known',
      engine: 'docker',
      details: {
        name: 'web',
        image: 'registry:5000/team/app:1.2@sha256:00',
        imageId: 'cd'.repeat(32),
        repository: 'registry:5000/team/app',
        tag: '1.2',
        digest: 'sha256:00',
        privileged: true,
        ip: '172.18.0.2',
        hostNetwork: true,
        hostPid: false,
        createdMs: Date.parse('2026-11-23T14:00:00.5Z'),
        mounts: [{ source: '/etc', destination: '/host', mode: 'ro', writable: false, propagation: 'rprivate' }],
        labels: new Map([['a.b', 'gr\u00c3\u00bcn']]),
      },
    });
  });

  it.for([
    {
      name: 'does not know it',
      answer: (response: ServerResponse) => void response.writeHead(404).end('{}'),
      failures: 0,
    },
    { name: 'is broken', answer: (response: ServerResponse) => void response.writeHead(500).end('oh'), failures: 1 },
    { name: 'answers nonsense', answer: (response: ServerResponse) => void response.end('[1,'), failures: 1 },
    { name: 'answers another form', answer: (response: ServerResponse) => void response.end('[]'), failures: 1 },
    { name: 'hangs', answer: () => undefined, failures: 1 },
    { name: 'hangs up', answer: (response: ServerResponse) => void response.destroy(), failures: 1 },
    { name: 'answers without end', answer: (response: ServerResponse) => flood(response), failures: 1 },
  ])('settles when the engine $name, and asks again later', async ({ answer, failures }) => {
    const engine = await startEngine((_, response) => answer(response));
    const { table, settled, clock } = openTable([engine.path], 300);
    table.ofCgroup(`/docker/${id}`);
    await vi.waitFor(() => expect(settled).toHaveLength(1), { timeout: 3_000 });
    expect(settled[0]).toMatchObject({ status: 'unknown', details: undefined });
    expect(table.counters).toMatchObject({ lookups: 1, failures });
    clock.nowMs = 4_999;
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: 'unknown' });
    clock.nowMs = 5_000;
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: 'waiting' });
  });

  it('goes on without an engine, and finds one that starts later', async () => {
    const sockets: string[] = [];
    const { table, settled, clock } = openTable(sockets);
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: 'unknown' });
    sockets.push((await startEngine(describeIt)).path);
    clock.nowMs = 10_000;
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: 'waiting' });
    await vi.waitFor(() => expect(settled[0]).toMatchObject({ status: 'known' }));
  });

  it('forgets the oldest beyond its bound', () => {
    const { table } = openTable([]);
    for (let number = 0; number < 5_000; number++) table.ofCgroup(`/docker/${String(number).padStart(64, '0')}`);
    expect(table.size).toBe(4_096);
    expect(table.counters.evicted).toBe(904);
  });
});

describe('killing through the engine', () => {
  it.for([
    { status: 204, expected: 'killed' },
    { status: 404, expected: 'unknown' },
    { status: 409, expected: 'not_running' },
    { status: 500, expected: 'failed' },
  ])('reads $status as $expected', async ({ status, expected }) => {
    const { path, asked } = await startEngine((_, response) => void response.writeHead(status).end());
    const engine = openEngine('docker', path);
    expect(await engine.kill(id, 1_000)).toMatchObject({ status: expected });
    expect(asked).toEqual([`POST /containers/${id}/kill?signal=KILL`]);
    engine.close();
  });
});

function flood(response: ServerResponse): void {
  const chunk = 'x'.repeat(65_536);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}
