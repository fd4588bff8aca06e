import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { decodeExec } from '../../agent/events/decode.ts';
import type { Event } from '../../agent/events/event.ts';
import { eventually } from '../support/eventually.ts';
import { compile, makeFolder, Recorder } from './recorder.ts';

const folder = makeFolder();
let stimulus = '';
beforeAll(() => {
  stimulus = compile('stimulus.c', folder.path);
});
afterAll(() => folder.remove());

const opened: Recorder[] = [];
afterEach(() => {
  for (const recorder of opened.splice(0)) recorder.close();
});

/** Where typed hooks are preempted, execs, forks and exits come to two each (native/bpf/second.h); here they are not. */
function open(...settings: ConstructorParameters<typeof Recorder>[1][]): readonly Recorder[] {
  opened.push(...settings.map((each) => new Recorder([], each)));
  return opened;
}

const lifecycle = ['exec', 'fork', 'exit'];

/** What the kernel wrote of these processes, but for the times. */
function recordsOf({ events }: Recorder, pids: ReadonlySet<number>): readonly string[] {
  return events
    .filter((event) => lifecycle.includes(event.kind ?? '') && pids.has(event.pid))
    .map((event) => {
      const bytes = Buffer.alloc(event.length);
      event.copyTo(bytes, 0);
      bytes.fill(0, 8, 16);
      return `${event.type} ${event.ret} ${bytes.toString('hex')}`;
    });
}

/** All that the program's process and its children did. */
async function familyOf(recorders: readonly Recorder[], pid: number): Promise<ReadonlySet<number>> {
  const find = ({ events }: Recorder) => {
    const family = new Set([pid]);
    for (const event of events) if (event.kind === 'fork' && family.has(event.pid)) family.add(Number(event.ret));
    return family;
  };
  const hasEnded = (recorder: Recorder) => {
    recorder.capture.drain();
    const ended = new Set(recorder.events.filter(({ kind }) => kind === 'exit').map((event: Event) => event.pid));
    return [...find(recorder)].every((each) => ended.has(each));
  };
  await eventually('all exits', () => recorders.every(hasEnded) || undefined);
  const [first] = recorders;
  return first === undefined ? new Set() : find(first);
}

it('what comes to two hooks is told once, and each hook alone writes the same records', async () => {
  const recorders = open(
    {},
    { isSeconded: true },
    ...lifecycle.map((what) => ({ isSeconded: true, leaveOut: `sched_process_${what}` })),
  );
  const [typed, ...others] = recorders;
  if (typed === undefined) throw new Error('five recorders');
  const run = await typed.run('/bin/sh', ['-c', `${stimulus} memory; /bin/true; exec /bin/echo a`], folder.path);
  const family = await familyOf(recorders, run.pid);
  const records = recordsOf(typed, family);
  expect(family.size).toBe(3);
  expect(records).toHaveLength(2 + 5 + 3);
  const execs = typed.events.filter(({ kind, pid }) => kind === 'exec' && family.has(pid));
  const names = execs.map((event) => decodeExec(event).filename);
  expect(names).toContainEqual(expect.stringMatching(/^\/dev\/fd\/\d+$/));
  for (const other of others) expect(recordsOf(other, family)).toEqual(records);
  for (const { capture } of recorders) expect(capture.counters().dropped.recursion).toBe(0);
});
