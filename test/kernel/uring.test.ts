import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { compile, makeFolder } from './recorder.ts';

const run = promisify(execFile);
const folder = makeFolder();
const types =
  'openat openat2 unlinkat renameat2 linkat symlinkat mkdirat connect sendto sendmsg socket read write writev close ' +
  'readv accept4 listen recvfrom recvmsg';
const rules = `
- rule: Done
  desc: d
  condition: evt.type in (${types.split(' ').join(', ')}) and evt.is_io_uring = true and proc.name = uring
  output: "%evt.type path=%fd.name raw=%fd.nameraw fs=%fs.path.name from=%fs.path.source to=%fs.path.target target=%fs.path.targetraw num=%fd.num
    res=%evt.res raw=%evt.rawres failed=%evt.failed data=%evt.buffer write=%evt.is_open_write created=%evt.is_open_create mode=%evt.arg.mode
    sip=%fd.sip sport=%fd.sport tid=%thread.tid pid=%proc.pid cmd=%proc.cmdline char=%fd.typechar"
  priority: INFO
- rule: Unknown
  desc: d
  condition: evt.type in (open, openat, openat2) and evt.is_io_uring = true and not evt.rawres exists and proc.name = uring
  output: "%fd.name %evt.res"
  priority: INFO
- rule: Mark
  desc: d
  condition: evt.type = execve and proc.args startswith uring-mark
  output: "%proc.args"
  priority: INFO
`;

let agent: Agent;
let uring = '';
let server: Server;
let port = 0;
beforeAll(async () => {
  uring = compile('uring.c', folder.path);
  server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
  agent = await startAgent(rules, ['--matching', 'all']);
});
afterAll(async () => {
  await agent?.close();
  server.close();
  folder.remove();
});

/** Runs one group; its report by name, and what rules saw of it, in order. */
async function perform(...args: readonly string[]) {
  const promise = run(uring, args, { cwd: folder.path });
  const pid = promise.child.pid ?? 0;
  const { stdout } = await promise;
  const mark = `uring-mark-${args[0]}`;
  await run('true', [mark]);
  await agent.alert('the mark', ({ output_fields: fields }) => fields['proc.args'] === mark);
  const report = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name = '', result]): [string, number] => [name, Number(result)]),
  );
  const seen = agent
    .alerts()
    .filter(({ rule, output_fields: fields }) => rule === 'Done' && fields['proc.pid'] === pid)
    .map(({ output_fields: fields }) => fields);
  return { pid, report, seen, all: (type: string) => seen.filter((each) => each['evt.type'] === type) };
}

describe('what is done through io_uring', () => {
  it('on files is seen as the system calls are, with what the kernel did', async () => {
    const { pid, report, all, seen } = await perform('files');
    const [passwd, absent] = all('openat');
    expect(passwd).toMatchObject({
      'fd.name': '/etc/passwd',
      'fd.num': report.get('openat'),
      'evt.res': 'SUCCESS',
      'thread.tid': pid,
      'proc.cmdline': 'uring files',
      'fd.typechar': 'f',
    });
    expect(absent).toMatchObject({ 'fd.name': `${folder.path}/absent`, 'evt.res': 'ENOENT', 'evt.failed': true });
    // The program overwrote the text while the request was on its way.
    expect(all('openat2')).toMatchObject([
      {
        'fd.name': `${folder.path}/made`,
        'fd.nameraw': 'made',
        'fd.num': report.get('openat2'),
        'evt.is_open_write': true,
        'evt.is_open_create': true,
        'evt.arg.mode': 'S_IRGRP|S_IWUSR|S_IRUSR',
      },
    ]);
    expect(all('write')).toMatchObject([
      { 'evt.buffer': 'bytes', 'fd.name': `${folder.path}/made` },
      { 'evt.buffer': 'fixed-text', 'evt.rawres': 10, 'fd.num': report.get('openat2') },
    ]);
    expect(all('readv')).toMatchObject([{ 'evt.buffer': 'fix', 'evt.rawres': 10 }]);
    expect(all('writev')).toMatchObject([{ 'evt.buffer': 'bytes', 'evt.rawres': 5 }]);
    expect(all('read')).toMatchObject([
      { 'evt.buffer': 'byte', 'evt.rawres': 4 },
      { 'evt.buffer': 'fixed-', 'evt.rawres': 6 },
    ]);
    expect(all('mkdirat')).toMatchObject([{ 'fs.path.name': `${folder.path}/dir` }]);
    expect(all('renameat2')).toMatchObject([
      { 'fs.path.source': `${folder.path}/made`, 'fs.path.target': `${folder.path}/dir/moved` },
    ]);
    expect(all('linkat')).toMatchObject([
      { 'fs.path.source': `${folder.path}/linked`, 'fs.path.target': `${folder.path}/dir/moved` },
    ]);
    expect(all('symlinkat')).toMatchObject([
      { 'fs.path.source': `${folder.path}/sym`, 'fs.path.target': '/etc/shadow' },
    ]);
    expect(all('unlinkat')).toMatchObject([{ 'fs.path.name': `${folder.path}/linked`, 'evt.res': 'SUCCESS' }]);
    expect(seen).toHaveLength(14);
  });

  it('on the network is seen with its addresses', async () => {
    const { report, all } = await perform('network', String(port));
    expect(all('connect')).toMatchObject([
      { 'fd.sip': '127.0.0.1', 'fd.sport': port, 'evt.res': 'SUCCESS', 'fd.typechar': '4' },
      { 'fd.sip': '127.0.0.1', 'fd.sport': 1, 'evt.res': 'ECONNREFUSED', 'evt.failed': true },
    ]);
    expect(all('sendto')).toMatchObject([
      { 'fd.sport': port, 'evt.buffer': 'hello' },
      { 'fd.sport': port, 'evt.buffer': 'to' },
    ]);
    expect(all('sendmsg')).toMatchObject([{ 'fd.sport': port, 'evt.buffer': 'message' }]);
    expect(all('socket')).toMatchObject([{ 'fd.num': report.get('socket') }]);
  });

  it('by a server is seen, each connection of a request that accepts many', async () => {
    const { report, all } = await perform('serve');
    const at = { 'fd.typechar': '4', 'fd.sip': '127.0.0.1', 'fd.sport': report.get('port') };
    expect(all('listen')).toMatchObject([{ 'evt.res': 'SUCCESS' }]);
    expect(all('accept4')).toMatchObject(
      ['accept', 'second', 'third'].map((name) => ({ ...at, 'fd.num': report.get(name), 'evt.res': 'SUCCESS' })),
    );
    expect(all('recvfrom')).toMatchObject([{ 'evt.buffer': 'recei', 'evt.rawres': 5, 'fd.num': report.get('accept') }]);
    expect(all('recvmsg')).toMatchObject([{ 'evt.buffer': 'ved', 'evt.rawres': 3, 'fd.num': report.get('accept') }]);
  });

  it('is seen when the ring has a thread of its own, and when completions find no room', async () => {
    const polled = await perform('polled');
    expect(polled.all('openat')).toMatchObject([
      { 'fd.name': '/etc/passwd', 'fd.num': polled.report.get('openat'), 'proc.cmdline': 'uring polled' },
    ]);
    const { all } = await perform('overflow');
    expect(all('openat').map((each) => each['fd.name'])).toEqual(
      Array.from({ length: 20 }, (_, index) => `${folder.path}/missing-${index}`),
    );
    expect(new Set(all('openat').map((each) => each['evt.res']))).toEqual(new Set(['ENOENT']));
  });

  it('is seen with its result also when two are under one name', async () => {
    const { all } = await perform('hidden');
    const rows = new Map(all('openat').map((each) => [each['fd.name'], each]));
    expect([...rows.keys()].map(String).toSorted()).toEqual([
      '/etc/fstab',
      '/etc/group',
      '/etc/hostname',
      '/etc/passwd',
    ]);
    expect(all('openat')).toHaveLength(4);
    for (const name of ['/etc/passwd', '/etc/group']) {
      expect(rows.get(name), name).toMatchObject({ 'evt.res': 'SUCCESS', 'fd.typechar': 'f' });
      expect(Number(rows.get(name)?.['fd.num']), name).toBeGreaterThan(2);
    }
    expect(rows.get('/etc/fstab')).toMatchObject({ 'evt.rawres': 2, 'fd.num': 2 });
  });

  it('is marked by its missing result when the kernel tells none, and the agent says so', async () => {
    await perform('hidden');
    const unknown = await agent.alert('the open', ({ rule }) => rule === 'Unknown');
    expect(unknown.output_fields).toMatchObject({ 'fd.name': '/etc/hostname', 'evt.res': null });
    const others = agent
      .alerts()
      .filter(({ rule, output_fields: fields }) => rule === 'Unknown' && fields['fd.name'] !== '/etc/hostname');
    expect(others).toEqual([]);
    const said = await agent.alert('the agent on itself', ({ rule }) => rule === 'Lanner internal: io_uring');
    expect(said.output_fields).toMatchObject({ 'proc.name': 'uring' });
  });
});
