import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { EngineName } from '../../config/engine-socket.ts';
import { type Container, makeDetails } from './container.ts';
import { findEngines, openEngine } from './engine.ts';
import type { FileAnswer } from './engine-files.ts';
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

type Set = { readonly timeoutMs?: number; readonly file?: FileAnswer; readonly name?: EngineName };

const machine = (image: string | undefined): FileAnswer => ({
  engine: 'systemd-nspawn',
  details: makeDetails({ name: 'box', image }),
  isComplete: true,
});

function openTable(sockets: readonly string[], { timeoutMs = 2_000, file, name = 'docker' }: Set = {}) {
  const settled: Container[] = [];
  const changes: string[] = [];
  const clock = { nowMs: 0 };
  const table = new ContainerTable({
    findEngines: (known) =>
      findEngines(
        sockets.map((path) => ({ name, path })),
        known,
      ),
    files: { read: () => file },
    nested: () => [],
    engineChanged: ({ engine, status }) => changes.push(`${engine.name} ${status}`),
    timeoutMs,
    settled: (container) => settled.push(container),
    nowMs: () => clock.nowMs,
  });
  closers.push(() => table.close());
  return { table, settled, clock, changes };
}

const describeIt = (_: string, response: ServerResponse) => void response.end(JSON.stringify(described));

describe('the table of containers', () => {
  it('reads a machine once machined has noted it, before its first event, and once only', () => {
    const named = { id: 'box', engine: 'systemd-nspawn' } as const;
    const { table } = openTable([], { file: machine(undefined) });
    table.expect(named);
    expect(table.size).toBe(0);
    const { table: noted } = openTable([], { file: machine('/var/lib/machines/box') });
    noted.expect(named);
    noted.expect(named);
    expect(noted.see(named)).toMatchObject({ status: 'known', details: { image: '/var/lib/machines/box' } });
    expect(noted.counters).toMatchObject({ fromFiles: 1, expected: 1 });
  });

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
    const { table, settled, clock } = openTable([engine.path], { timeoutMs: 300 });
    table.ofCgroup(`/docker/${id}`);
    await vi.waitFor(() => expect(settled).toHaveLength(1), { timeout: 3_000 });
    expect(settled[0]).toMatchObject({ status: failures > 0 ? 'silent' : 'unknown', details: undefined });
    expect(table.counters).toMatchObject({ lookups: 1, failures });
    clock.nowMs = 4_999;
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: failures > 0 ? 'silent' : 'unknown' });
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

  const named = { id, engine: 'docker' } as const;

  it('knows a container by its first event that was asked for when its group was made', async () => {
    const engine = await startEngine(describeIt);
    const { table, settled } = openTable([engine.path]);
    table.expect(named);
    table.expect(named);
    await vi.waitFor(() => expect(settled).toHaveLength(1));
    expect(table.see(named)).toMatchObject({ status: 'known', details: { name: 'web' } });
    expect(engine.asked).toHaveLength(1);
    expect(table.counters).toMatchObject({ expected: 1, lookups: 1 });
  });

  it('asks anew at the first event when it asked too early', async () => {
    let isMade = false;
    const answer = (_: string, response: ServerResponse) =>
      isMade ? describeIt(_, response) : void response.writeHead(404).end('{}');
    const engine = await startEngine(answer);
    const { table, settled } = openTable([engine.path]);
    table.expect(named);
    await vi.waitFor(() => expect(table.size).toBe(0));
    isMade = true;
    expect(table.see(named)).toMatchObject({ status: 'waiting' });
    await vi.waitFor(() => expect(settled).toMatchObject([{ status: 'known' }]));
  });

  it('asks anew when the first event comes before the answer to an early question', async () => {
    const held: ServerResponse[] = [];
    const engine = await startEngine((_, response) => void held.push(response));
    const { table, settled } = openTable([engine.path]);
    table.expect(named);
    await vi.waitFor(() => expect(held).toHaveLength(1));
    expect(table.see(named)).toMatchObject({ status: 'waiting' });
    held.shift()?.writeHead(404).end('{}');
    await vi.waitFor(() => expect(held).toHaveLength(1));
    expect(settled).toEqual([]);
    held.shift()?.end(JSON.stringify(described));
    await vi.waitFor(() => expect(settled).toMatchObject([{ status: 'known' }]));
  });

  it('keeps nothing of what no engine could know', () => {
    const { table } = openTable([]);
    table.expect(named);
    expect(table.size).toBe(0);
  });

  const fileDetails = makeDetails({ name: 'file', image: 'file:1', command: ['/bin/sh'] });

  it('waits for no engine when a file tells it all, and still asks for what changes', async () => {
    const engine = await startEngine(describeIt);
    const file = { engine: 'docker', details: fileDetails, isComplete: true } as const;
    const { table, settled } = openTable([engine.path], { file });
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: 'known', details: { name: 'file' } });
    const known = () => table.ofCgroup(`/docker/${id}`);
    await vi.waitFor(() => expect(known()).toMatchObject({ details: { name: 'web', ip: '172.18.0.2' } }));
    expect(known()?.details?.command).toEqual(['/bin/sh']);
    expect(settled).toEqual([]);
  });

  it('keeps to what a file told when the engine is silent, and says that more may be known', async () => {
    const engine = await startEngine((_, response) => void response.destroy());
    const file = { engine: 'docker', details: fileDetails, isComplete: false } as const;
    const { table, settled } = openTable([engine.path], { file });
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: 'waiting' });
    await vi.waitFor(() => expect(settled).toMatchObject([{ status: 'silent', details: { name: 'file' } }]));
  });

  it('takes what a file told for all there is when no engine is there', () => {
    const file = { engine: 'podman', details: fileDetails, isComplete: false } as const;
    const { table } = openTable([], { file });
    expect(table.ofCgroup(`/libpod_parent/libpod-${id}`)).toMatchObject({ status: 'known', engine: 'podman' });
    expect(table.counters).toMatchObject({ fromFiles: 1, lookups: 0 });
  });

  it('does not ask an engine about another one’s containers', () => {
    const { table } = openTable(['/'], { name: 'podman' });
    expect(table.ofCgroup(`/docker/${id}`)).toMatchObject({ status: 'unknown' });
    expect(table.ofCgroup('/lxc.payload.web')).toMatchObject({ id: 'web', status: 'unknown' });
    expect(table.counters.lookups).toBe(0);
  });

  it('tells when an engine stops answering, and when it answers again', async () => {
    let isDead = true;
    const engine = await startEngine((_, response) => (isDead ? void response.destroy() : describeIt(_, response)));
    const { table, settled, changes } = openTable([engine.path]);
    const seeNew = async (digit: string) => {
      table.ofCgroup(`/docker/${digit.repeat(64)}`);
      const before = settled.length;
      await vi.waitFor(() => expect(settled.length).toBeGreaterThan(before));
    };
    for (const digit of ['1', '2', '3']) await seeNew(digit);
    expect(changes).toEqual(['docker silent']);
    isDead = false;
    await seeNew('4');
    await seeNew('5');
    expect(changes).toEqual(['docker silent', 'docker answers']);
  });

  it('forgets the oldest beyond its bound', () => {
    const { table } = openTable([]);
    for (let number = 0; number < 5_000; number++) table.ofCgroup(`/docker/${String(number).padStart(64, '0')}`);
    expect(table.size).toBe(4_096);
    expect(table.counters.evicted).toBe(904);
  });
});

describe('what an engine does with its container', () => {
  it.for([
    { status: 204, expected: 'done' },
    { status: 304, expected: 'not_running' },
    { status: 404, expected: 'unknown' },
    { status: 409, expected: 'not_running' },
    { status: 500, expected: 'failed' },
  ])('reads $status as $expected', async ({ status, expected }) => {
    const { path, asked } = await startEngine((_, response) => void response.writeHead(status).end());
    const engine = openEngine('docker', path);
    expect(await engine.control('kill', { id }, { timeoutMs: 1_000 })).toMatchObject({ status: expected });
    expect(asked).toEqual([`POST /containers/${id}/kill?signal=KILL`]);
    engine.close();
  });

  it.for([
    { control: 'stop', line: `POST /containers/${id}/stop?t=7` },
    { control: 'pause', line: `POST /containers/${id}/pause` },
    { control: 'unpause', line: `POST /containers/${id}/unpause` },
    { control: 'remove', line: `DELETE /containers/${id}?force=true` },
  ] as const)('asks Docker to $control', async ({ control, line }) => {
    const { path, asked } = await startEngine((_, response) => void response.writeHead(204).end());
    const engine = openEngine('docker', path);
    expect(await engine.control(control, { id }, { timeoutMs: 1_000, graceS: 7 })).toEqual({ status: 'done' });
    expect(asked).toEqual([line]);
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
