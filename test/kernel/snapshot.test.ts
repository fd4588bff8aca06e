import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { file } from '../../agent/events/decode.ts';
import type { Event } from '../../agent/events/event.ts';
import { listPids, readProcess, readTitle } from '../../agent/state/proc-folder.ts';
import type { Process } from '../../agent/state/process.ts';
import { decodeProcesses } from '../../agent/state/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { Recorder } from './recorder.ts';

let recorder: Recorder;
let child: ChildProcess;

beforeEach(async () => {
  recorder = new Recorder([]);
  child = spawn('sh', ['-c', 'cd /usr && exec sleep 60 # $0 two  words', 'own name'], {
    stdio: 'ignore',
    uid: 12,
    gid: 34,
  });
  await once(child, 'spawn');
  await eventually('the shell to be sleep', () => {
    return readFileSync(`/proc/${child.pid}/comm`, 'latin1') === 'sleep\n' || undefined;
  });
});

afterEach(() => {
  child.kill('SIGKILL');
  recorder.capture.close();
});

function readAll(): Process[] {
  const found: Process[] = [];
  for (let part = recorder.capture.snapshot(); part !== undefined; part = recorder.capture.snapshot()) {
    found.push(...decodeProcesses(part, readTitle));
  }
  return found;
}

test('the kernel lists each process once, with what /proc tells of it', () => {
  const before = readFromProc();
  const snapshot = new Map(readAll().map((process) => [process.pid, process]));
  const after = readFromProc();
  // Those that were the same all the while; without what has ended and is being taken apart.
  const lasting = [...before].filter(
    ([pid, process]) => process.context.cwd !== undefined && isDeepStrictEqual(process, after.get(pid)),
  );
  expect(lasting.length).toBeGreaterThan(10);
  const told = lasting.map(([pid]) => snapshot.get(pid));
  expect(told.filter((process) => process === undefined).length).toBeLessThanOrEqual(1); // the host's first
  const pairs = lasting.flatMap(([pid, read]) => {
    const process = snapshot.get(pid);
    return process === undefined ? [] : [[comparable(process), comparable(read)] as const];
  });
  expect(pairs.map(([process]) => process)).toEqual(pairs.map(([, read]) => read));
});

const readFromProc = () =>
  new Map(
    listPids().flatMap((pid) => {
      const read = readProcess(pid);
      return read === undefined ? [] : [[pid, read] as const];
    }),
  );

test('it says the same again, and all of a process that was started before', () => {
  readAll();
  const told = readAll().find(({ pid }) => pid === child.pid);
  expect(told).toMatchObject({ ppid: process.pid, execNs: undefined });
  expect(told?.context).toMatchObject({ uid: 12, gid: 34, cwd: '/usr' });
  expect(told?.program).toMatchObject({ argv: ['sleep', '60'], memfd: false });
  expect(told?.program.exePath).toMatch(/sleep|busybox|coreutils/);
});

test('a file that was opened before the programs were attached is known when it is read', async () => {
  const reader = spawn('sh', ['-c', 'exec 7</etc/hostname; echo; read go; exec cat <&7'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(reader.stdout, 'data');
  const late = new Recorder(['read']);
  reader.stdin.write('go\n');
  await once(reader, 'close');
  const isIt = (event: Event) => event.pid === reader.pid && file.resolved(event) === '/etc/hostname';
  await eventually('the read', () => {
    late.capture.drain();
    return late.events.some(isIt) || undefined;
  });
  late.capture.close();
});

/**
 * Without what /proc does not tell; start times by its ticks, and the title that a program gave itself instead of its
 * arguments. A file in memory has no folder, which its link in /proc does not say; names of the kernel's threads are longer there.
 */
function comparable({ program, parentStartNs, parent, startNs, comm, ...rest }: Process) {
  const { upperLayer, lowerLayer, argv, exePath, ...file } = program;
  return {
    ...rest,
    ...file,
    title: argv[0]?.trim(),
    comm: exePath === undefined ? comm.slice(0, 8) : comm,
    exePath: file.memfd === true ? exePath?.replace(/^\//, '') : exePath,
  };
}

test('a title that a process gave itself is whole, as /proc has it', async () => {
  const title = `a title ${'that is longer than the arguments were '.repeat(4)}`;
  const words = ['-e', '$0 = $ENV{TITLE}; $| = 1; print "1\\n"; sleep 60'];
  const titled = spawn('perl', words, { stdio: ['ignore', 'pipe', 'ignore'], env: { TITLE: title } });
  try {
    await once(titled.stdout, 'data');
    const told = readAll().find(({ pid }) => pid === titled.pid);
    expect(told?.program.argv).toEqual(readProcess(titled.pid ?? 0)?.program.argv);
    expect(told?.program.argv.join(' ')).toContain('a title that is longer than the arguments were that is longer');
  } finally {
    titled.kill('SIGKILL');
  }
});
