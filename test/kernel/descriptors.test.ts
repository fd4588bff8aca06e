import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captureTypes } from '../../agent/capture/shapes.ts';
import type { Event } from '../../agent/events/event.ts';
import { recordFlags } from '../../agent/events/layout.ts';
import { read, sceneOf } from '../../agent/fields/sample.ts';
import { compile, makeFolder, pick, Recorder, type Run } from './recorder.ts';

const folder = makeFolder();
let stimulus = '';
let recorder: Recorder;

beforeAll(() => {
  stimulus = compile('descriptors.c', folder.path);
  const types = captureTypes.filter((type) => !/^(futex|epoll_)/.test(type));
  recorder = new Recorder(types, { details: { polled: true } });
});

afterAll(() => {
  recorder?.close();
  folder.remove();
});

/** Runs a group of calls; without what Node's child did before its exec. */
async function runGroup(...args: readonly string[]): Promise<Run> {
  const run = await recorder.run(stimulus, args, folder.path);
  return { ...run, events: run.events.slice(run.events.findIndex(({ kind }) => kind === 'exec')) };
}

const show = (event: Event, ...fields: readonly string[]) => fields.map((field) => read(field, sceneOf(event)));

describe('calls on files', () => {
  let run: Run;
  const path = join(folder.path, 'data');
  beforeAll(async () => {
    run = await runGroup('data');
  });

  const io = ['evt.is_io', 'evt.io_dir', 'evt.buflen', 'evt.buflen.file', 'fd.type', 'fd.name'];

  test('the group ran', () => expect(run.code).toBe(0));

  test('a write has the beginning of what was written, and where', () => {
    const event = pick(run, 'write', 0);
    expect(show(event, ...io)).toEqual([true, 'w', 200, 200, 'file', path]);
    expect(show(event, 'evt.buffer', 'evt.rawarg.size')).toEqual(['x'.repeat(80), 200n]);
    expect(show(pick(run, 'pwrite'), 'evt.buffer', 'evt.rawarg.pos')).toEqual(['\xca\xfe\xba\xbe', 0n]);
    expect(show(pick(run, 'writev'), 'evt.buffer', 'evt.buflen.out')).toEqual(['one-', 7]);
  });

  test('a read has what was read', () => {
    const event = pick(run, 'read', -1);
    expect(show(event, ...io)).toEqual([true, 'r', 207, 207, 'file', path]);
    expect(show(event, 'evt.buffer')).toEqual([`\xca\xfe\xba\xbe${'x'.repeat(76)}`]);
  });

  test('an open tells whether it made the file', () => {
    const opens = run.events.filter((event) => read('evt.arg.name', sceneOf(event)) === path);
    expect(opens.map((event) => read('evt.is_open_create', sceneOf(event)))).toEqual([true, false]);
    expect(opens.map((event) => String(read('evt.arg.flags', sceneOf(event))).includes('O_F_CREATED'))).toEqual([
      true,
      false,
    ]);
  });

  test('a pipe and a file without a name are what they are', () => {
    const [first, second] = show(pick(run, 'pipe2'), 'evt.rawarg.fd1', 'evt.rawarg.fd2');
    expect(Number(second)).toBe(Number(first) + 1);
    const [kind, letter, name, buffer] = show(pick(run, 'write', 1), 'fd.type', 'fd.typechar', 'fd.name', 'evt.buffer');
    expect([kind, letter, buffer]).toEqual(['pipe', 'p', 'piped']);
    expect(name).toMatch(/^pipe:\[\d+\]$/);
    expect(show(pick(run, 'write', 2), 'fd.type', 'fd.name')).toEqual(['event', '[eventfd]']);
  });

  test('numbers that are no path or flag arrive too', () => {
    expect(show(pick(run, 'chown'), 'evt.rawarg.uid', 'evt.rawarg.gid', 'fs.path.name')).toEqual([1, 2, path]);
    expect(show(pick(run, 'lseek'), 'evt.rawarg.offset', 'fd.name')).toEqual([0n, path]);
    expect(pick(run, 'truncate').argument(1)).toBe(77n);
    expect(show(pick(run, 'close', -1), 'evt.failed')).toEqual([false]);
  });
});

describe('calls on sockets', () => {
  let run: Run;
  let port = 0;
  let server: Server;
  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on('error', () => {});
      // Ends when the client has: a connection that is half closed is not connected any more.
      socket.write('hello');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    port = typeof address === 'object' && address ? address.port : 0;
    run = await runGroup('sockets', String(port));
  });
  afterAll(() => {
    server.close();
  });

  test('the group ran', () => expect(run.code).toBe(0));

  test('a new socket has its family, and no name yet', () => {
    const event = pick(run, 'socket');
    expect(show(event, 'fd.type', 'fd.l4proto', 'fd.name', 'evt.arg.domain')).toEqual([
      'ipv4',
      'tcp',
      undefined,
      'AF_INET',
    ]);
  });

  test('what is read, written, duplicated and shut down is the connection', () => {
    const fields = ['fd.type', 'fd.sport', 'fd.connected', 'fd.l4proto'];
    for (const event of [pick(run, 'recvfrom'), pick(run, 'write'), pick(run, 'dup2')]) {
      expect(show(event, ...fields), event.type).toEqual(['ipv4', port, true, 'tcp']);
    }
    expect(show(pick(run, 'recvfrom'), 'evt.buffer', 'evt.buflen.net.in')).toEqual(['hello', 5]);
    expect(show(pick(run, 'write'), 'evt.buffer', 'evt.is_io_write')).toEqual(['over tcp', true]);
    expect(show(pick(run, 'dup2'), 'evt.rawres', 'evt.rawarg.newfd')).toEqual([9, 9]);
    expect(show(pick(run, 'shutdown'), 'evt.arg.how', 'fd.sport')).toEqual(['SHUT_WR', port]);
  });

  test('a pair has both descriptors; a bad one is an error', () => {
    const [first, second, domain] = show(pick(run, 'socketpair'), 'evt.rawarg.fd1', 'evt.rawarg.fd2', 'evt.arg.domain');
    expect([Number(second), domain]).toEqual([Number(first) + 1, 'AF_UNIX']);
    expect(show(pick(run, 'dup', -1), 'evt.res', 'fd.type', 'fd.num')).toEqual(['EBADF', undefined, 12345]);
  });
});

describe('what is waited for', () => {
  let run: Run;
  beforeAll(async () => {
    run = await runGroup('waits');
  });

  test('the group ran', () => expect(run.code).toBe(0));

  test('is told up to a bound, and that there was more', () => {
    const event = pick(run, 'poll', -1);
    const [names] = show(event, 'fdlist.names');
    expect(names).toBe(new Array(64).fill('/dev/null').join(','));
    expect(event.flags & recordFlags.textCut).not.toBe(0);
    expect(show(event, 'evt.rawres', 'evt.arg.timeout', 'fdlist.sips')).toEqual([69, '0', undefined]);
  });

  test('is told of ppoll, too, and what is no descriptor', () => {
    const [numbers, names, both] = show(pick(run, 'ppoll', -1), 'fdlist.nums', 'fdlist.names', 'evt.arg.fds');
    expect(names).toBe('/dev/null,<NA>');
    expect(numbers).toMatch(/^\d+,-1$/);
    expect(both).toBe(`${String(numbers).replace(',-1', '')}:f1 -1:?0`);
    expect(pick(run, 'ppoll', -1).flags & recordFlags.textCut).toBe(0);
  });
});

describe('both ends of a connection', () => {
  let run: Run;
  beforeAll(async () => {
    run = await runGroup('ends');
  });

  test('the group ran', () => expect(run.code).toBe(0));

  test('whoever was called is the server, whatever is done with the connection', () => {
    const io = run.events.filter(
      (event) => read('fd.l4proto', sceneOf(event)) === 'tcp' && /^(read|write)$/.test(event.type),
    );
    const accepted = run.events.filter(({ type }) => type === 'accept');
    expect(io.map((event) => read('fd.is_server', sceneOf(event)))).toEqual([
      ...[false, true, true, false],
      ...[false, true, true, false],
      ...[true, false],
    ]);
    const names = accepted.map((event) => read('fd.name', sceneOf(event)));
    expect(io.map((event) => read('fd.name', sceneOf(event)))).toEqual(
      names.flatMap((name, connection) => new Array(connection < 2 ? 4 : 2).fill(name)),
    );
  });

  test('a socket that waits has one end', () => {
    const names = run.events
      .filter(({ type }) => type === 'getsockname')
      .map((event) => read('fd.name', sceneOf(event)));
    const bound = run.events.filter(({ type }) => type === 'listen').map((event) => read('fd.name', sceneOf(event)));
    expect(names).toEqual(bound);
  });
});

describe('datagrams', () => {
  let run: Run;
  beforeAll(async () => {
    run = await runGroup('messages');
  });

  test('the group ran', () => expect(run.code).toBe(0));

  test('each of several messages has its peer', () => {
    const sent = run.events.filter((event) => event.type === 'sendmmsg');
    expect(sent.map((event) => show(event, 'fd.rport', 'evt.rawres', 'evt.buffer', 'fd.name_changed'))).toEqual([
      [7, 7, 'message', true],
      [8, 7, 'message', true],
    ]);
  });

  test('a peer is new once', () => {
    const sent = run.events.filter((event) => event.type === 'sendto');
    expect(sent.map((event) => show(event, 'fd.name_changed', 'fd.connected'))).toEqual([
      [true, false],
      [false, false],
      [false, false],
    ]);
  });

  test('whoever receives is the server, and the sender its client', () => {
    const port = read('fd.lport', sceneOf(pick(run, 'bind')));
    const sender = read('fd.lport', sceneOf(pick(run, 'sendto', 0)));
    for (const type of ['recvfrom', 'recvmsg', 'recvmmsg']) {
      const expected = [port, sender, 'hello', 'udp', true];
      expect(show(pick(run, type), 'fd.sport', 'fd.cport', 'evt.buffer', 'fd.l4proto', 'fd.is_server'), type).toEqual(
        expected,
      );
    }
    expect(show(pick(run, 'recvfrom'), 'fd.name_changed')).toEqual([true]);
  });
});

describe('calls on memory, namespaces and the kernel', () => {
  let run: Run;
  beforeAll(async () => {
    run = await runGroup('others');
  });

  test('the group ran', () => expect(run.code).toBe(0));

  test.for([
    ['mprotect', 'evt.arg.prot', 'PROT_READ|PROT_EXEC'],
    ['setxattr', 'evt.arg.name', 'user.lanner'],
    ['setxattr', 'evt.arg.path', join(folder.path, 'attributes')],
    ['init_module', 'evt.arg.uargs', 'options=7'],
    ['init_module', 'evt.failed', true],
    ['add_key', 'evt.arg.description', 'lanner:key'],
    ['setns', 'evt.arg.nstype', 'CLONE_NEWNET'],
    ['setns', 'evt.failed', true],
    ['chown', 'evt.res', 'ENOENT'],
    ['clone3', 'evt.arg.flags', 'CLONE_NEWUTS'],
  ] as const)('%s has %s', ([type, field, expected]) => {
    expect(read(field, sceneOf(pick(run, type, -1)))).toBe(expected);
  });
});
