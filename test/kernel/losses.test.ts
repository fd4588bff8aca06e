import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Capture } from '../../agent/capture/kernel.ts';
import { dropsByType } from '../../agent/events/losses.ts';
import { startAgent } from '../support/agent.ts';
import { compile, makeFolder, Recorder } from './recorder.ts';

const folder = makeFolder();
let stimulus = '';
beforeAll(() => {
  stimulus = compile('stimulus.c', folder.path);
});
afterAll(() => folder.remove());

const PAGE = 4_096;
const OPENS = 20_000;
const RUNS = 60;

/** Opens and closes, then programs. */
const flood = () => execFileSync('/bin/sh', ['-c', `${stimulus} flood; for i in $(seq ${RUNS}); do /bin/true; done`]);

/** Both as of one moment: other processes of this host go on losing. */
function snapshot(capture: Capture) {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const { dropped } = capture.counters();
    const losses = capture.losses();
    if (isDeepStrictEqual(capture.counters().dropped, dropped)) return { dropped, losses };
  }
  throw new Error('this host is never quiet');
}

test('what full rings lose is counted by type of event, and the sum is the total', () => {
  const recorder = new Recorder(['openat', 'close', 'connect'], { bulkBytes: PAGE, lifecycleBytes: PAGE });
  // Without a turn of the event loop nothing is taken.
  flood();
  const { dropped, losses } = snapshot(recorder.capture);
  recorder.close();
  const sum = (counts: Readonly<Record<string, number>> = {}) => Object.values(counts).reduce((all, n) => all + n, 0);
  expect(sum(losses.bulk_ring_full)).toBe(dropped.bulkFull);
  expect(sum(losses.lifecycle_ring_full)).toBe(dropped.lifecycleFull);
  expect(sum(losses.scratch_in_use)).toBe(dropped.noScratch);
  expect(sum(losses.recursion)).toBe(dropped.recursion);
  expect(sum(Object.fromEntries(dropsByType(losses)))).toBe(sum(dropped));
  // Room in a page is for some twenty records; other processes of this host add to it.
  const { openat = 0, close = 0 } = losses.bulk_ring_full ?? {};
  expect(openat).toBeGreaterThan(OPENS - 100);
  expect(close).toBeGreaterThan(OPENS - 100);
  const { execve = 0, clone = 0, vfork = 0, procexit = 0 } = losses.lifecycle_ring_full ?? {};
  for (const count of [execve, clone + vfork, procexit]) expect(count).toBeGreaterThan(RUNS - 25);
  for (const [cause, counts] of Object.entries(losses)) {
    const known = ['openat', 'close', 'connect', 'execve', 'execveat', 'clone', 'clone3', 'fork', 'vfork', 'procexit'];
    expect(Object.keys(counts).filter((type) => !known.includes(type) && cause !== 'recursion')).toEqual([]);
  }
});

test('the alert about losses names the types that lost most', async () => {
  const rule =
    '{rule: R, desc: d, condition: "evt.type in (openat, close) and evt.num < 0", output: o, priority: INFO}';
  const config = join(folder.path, 'lanner.yaml');
  writeFileSync(config, 'memory: small\n');
  const agent = await startAgent(`- ${rule}`, ['--config', config]);
  try {
    process.kill(agent.pid, 'SIGSTOP');
    flood();
    process.kill(agent.pid, 'SIGCONT');
    const alert = await agent.alert('of the loss', ({ rule: name }) => name === 'Lanner internal: events dropped');
    expect(alert.output_fields).toMatchObject({ count: expect.any(Number), bulk_ring_full: expect.any(Number) });
    expect(String(alert.output_fields['types'])).toMatch(/^(openat \d+, close \d+|close \d+, openat \d+)/);
    const falco = await agent.alert(
      'in Falco’s form',
      ({ rule: name }) => name === 'Falco internal: syscall event drop',
    );
    const { n_drops, n_drops_buffer_open_exit: opens, n_drops_buffer_close_exit: closes } = falco.output_fields;
    expect(falco).toMatchObject({ priority: 'Debug', source: 'internal' });
    expect(falco.output).toContain(
      `Falco internal: syscall event drop. ${n_drops} system calls dropped in last second.`,
    );
    expect(falco.output).toContain(`(ebpf_enabled=1 n_drops=${n_drops} n_drops_buffer_clone_fork_exit=`);
    for (const part of [opens, closes]) expect(Number(part)).toBeGreaterThan(1_000);
  } finally {
    process.kill(agent.pid, 'SIGCONT');
    await agent.close();
  }
});
