import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCapture } from '../../agent/capture/kernel.ts';
import { memoryProfiles } from '../../agent/config/memory.ts';
import { decodeExec, environmentOf } from '../../agent/events/decode.ts';
import { eventually } from '../support/eventually.ts';
import { compile, makeFolder, pick, Recorder } from './recorder.ts';

const folder = makeFolder();
let stimulus = '';
beforeAll(() => {
  stimulus = compile('stimulus.c', folder.path);
});
afterAll(() => folder.remove());

const PAGE = 4_096;

describe.each(['in-place', 'copy'] as const)('records read %s', (reading) => {
  test('go round a small ring many times, long ones too, in their order', async () => {
    // Without calls: what else this host does would fill so small a ring.
    const recorder = new Recorder([], { reading, lifecycleBytes: 16 * PAGE, bulkBytes: PAGE });
    for (let round = 0; round < 40; round++) {
      const run = await recorder.run(stimulus, ['nothing', 'x'.repeat(200 * round)], folder.path);
      expect(decodeExec(pick(run, 'execve')).argv.at(-1)?.[0] ?? 'x').toBe('x');
      expect(run.events.at(-1)?.type).toBe('procexit');
      const times = run.events.map(({ timeNs }) => timeNs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
    recorder.close();
  });

  test('go on after the ring was full', async () => {
    const recorder = new Recorder(['openat'], { reading, bulkBytes: PAGE });
    // Without a turn of the event loop nothing is taken.
    execFileSync(stimulus, ['flood'], { cwd: folder.path });
    expect(recorder.capture.counters().dropped.bulkFull).toBeGreaterThan(1_000);
    recorder.capture.drain();
    const child = spawn('/bin/cat', ['/etc/hostname'], { stdio: 'ignore' });
    await once(child, 'exit');
    await eventually('its open', () => recorder.events.find(({ pid, kind }) => pid === child.pid && kind === 'file'));
    recorder.close();
  });

  test('come by themselves while a flood goes on, and none is lost', async () => {
    const recorder = new Recorder(['openat'], { reading });
    const child = spawn(stimulus, ['flood'], { stdio: 'ignore' });
    await once(child, 'exit');
    await eventually('its end', () => recorder.events.find(({ pid, kind }) => pid === child.pid && kind === 'exit'));
    const opens = recorder.events.filter(({ pid, type }) => pid === child.pid && type === 'openat');
    expect(opens.length).toBeGreaterThanOrEqual(20_000);
    recorder.close();
  });

  test('end when an event’s handler closes the capture', async () => {
    let seen = 0;
    const outcome = openCapture({
      types: ['openat'],
      ...memoryProfiles.default,
      reading,
      onEvent: (event) => {
        seen++;
        if (!outcome.ok) throw new Error(outcome.reason);
        outcome.capture.drain(); // Has no effect: this is the drain.
        outcome.capture.close();
        expect(event.retain().timeNs).toBeGreaterThan(0);
      },
    });
    expect(outcome.ok).toBe(true);
    await once(spawn(stimulus, ['flood'], { stdio: 'ignore' }), 'exit');
    await eventually('an event', () => seen || undefined);
    execFileSync(stimulus, ['flood'], { cwd: folder.path });
    if (outcome.ok) outcome.capture.drain();
    expect(seen).toBe(1);
  });
});

test('an exec has its environment if that was asked for, and its beginning if it is long', async () => {
  const asked = new Recorder([], { details: { environment: true } });
  const other = new Recorder([]);
  const environment = async (env: Record<string, string>) =>
    environmentOf(pick(await asked.run('/bin/true', [], folder.path, env), 'execve'));
  expect(await environment({ GLIBC_TUNABLES: 'x' })).toBe('PATH=/usr/bin:/bin\0GLIBC_TUNABLES=x\0');
  expect(await environment({ LONG: 'x'.repeat(9_000) })).toHaveLength(4_096);
  expect(environmentOf(pick(await asked.run('/usr/bin/env', ['-i', '/bin/true'], folder.path), 'execve', -1))).toBe('');
  expect(environmentOf(pick(await other.run('/bin/true', [], folder.path), 'execve'))).toBeUndefined();
  asked.close();
  other.close();
});

test('an exec in a pid namespace is there at once, however busy the rest is', async () => {
  const recorder = new Recorder(['openat']);
  const flood = spawn('/bin/sh', ['-c', `while :; do ${stimulus} flood; done`], { stdio: 'ignore', detached: true });
  const waits: number[] = [];
  try {
    for (let round = 0; round < 10; round++) {
      const from = recorder.events.length;
      const child = spawn('unshare', ['--pid', '--fork', '/bin/true'], { stdio: 'ignore' });
      const event = await eventually('the exec', () =>
        recorder.events.slice(from).find((each) => each.kind === 'exec' && each.vpid === 1),
      );
      expect(event.ppid).toBe(child.pid);
      waits.push(event.timeNs);
    }
  } finally {
    if (flood.pid !== undefined) process.kill(-flood.pid, 'SIGKILL');
    recorder.close();
  }
  expect(waits).toHaveLength(10);
});
