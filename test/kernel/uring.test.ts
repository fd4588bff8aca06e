import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { compile, makeFolder } from './recorder.ts';

const run = promisify(execFile);
const folder = makeFolder();
const types =
  'openat openat2 unlinkat renameat2 linkat symlinkat mkdirat connect sendto sendmsg socket read write writev close';
const rules = `
- rule: Done
  desc: d
  condition: evt.type in (${types.split(' ').join(', ')}) and evt.is_io_uring = true and proc.name = uring
  output: "%evt.type path=%fd.name raw=%fd.nameraw fs=%fs.path.name from=%fs.path.source to=%fs.path.target target=%fs.path.targetraw num=%fd.num
    res=%evt.res raw=%evt.rawres failed=%evt.failed data=%evt.buffer write=%evt.is_open_write created=%evt.is_open_create mode=%evt.arg.mode
    sip=%fd.sip sport=%fd.sport tid=%thread.tid pid=%proc.pid cmd=%proc.cmdline char=%fd.typechar"
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
  agent = await startAgent(rules);
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
    expect(all('write')).toMatchObject([{ 'evt.buffer': 'bytes', 'fd.name': `${folder.path}/made` }]);
    expect(all('writev')).toMatchObject([{ 'evt.buffer': 'bytes', 'evt.rawres': 5 }]);
    expect(all('read')).toMatchObject([{ 'evt.buffer': 'byte', 'evt.rawres': 4 }]);
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
    expect(seen).toHaveLength(11);
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

  it('is seen without a result when the kernel tells none, and the agent says so', async () => {
    const { all } = await perform('hidden');
    const rows = all('openat').map((each) => [each['fd.name'], each['evt.rawres'], each['fd.num']]);
    expect(rows.slice(0, 1)).toEqual([['/etc/hostname', null, null]]);
    const names = rows.map(([name]) => name);
    expect(names.toSorted()).toEqual(['/etc/fstab', '/etc/group', '/etc/hostname', '/etc/passwd']);
    expect(rows.find(([name]) => name === '/etc/fstab')).toEqual(['/etc/fstab', 2, 2]);
    const said = await agent.alert('the agent on itself', ({ rule }) => rule === 'Lanner internal: io_uring');
    expect(said.output_fields).toMatchObject({ 'proc.name': 'uring' });
  });
});
