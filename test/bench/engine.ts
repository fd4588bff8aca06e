import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { openCapture } from '../../agent/capture/kernel.ts';
import { InPlaceReader, type RingPages } from '../../agent/capture/ring-reader.ts';
import { Engine } from '../../agent/engine/engine.ts';
import { needsOf } from '../../agent/engine/needs.ts';
import { Event } from '../../agent/events/event.ts';
import { TextCache } from '../../agent/events/text-cache.ts';
import { bindField } from '../../agent/fields/bind.ts';
import type { Scene, Surroundings } from '../../agent/fields/scene.ts';
import { Cgroups } from '../../agent/state/cgroups.ts';
import { stateCalls } from '../../agent/state/changes.ts';
import { makeLiveProcess } from '../../agent/state/live-process.ts';
import { groupCalls, makeMadeFinder } from '../../agent/state/made-groups.ts';
import { joinOrchestrators } from '../../agent/state/orchestrators/orchestrators.ts';
import { listPids, makeEnvironment, makeLook, readProcess } from '../../agent/state/proc-folder.ts';
import type { Process } from '../../agent/state/process.ts';
import { ProcessTable } from '../../agent/state/process-table.ts';
import { makeUsers } from '../../agent/state/users.ts';
import { compileRuleSet } from '../../rules/language/compile.ts';
import type { Rule } from '../../rules/language/rule-set.ts';
import { type Bench, percentile, spreadOf } from './bench.ts';
import { LEFT_ALONE, WANTED } from './flood.ts';
import { compileLoops } from './loops.ts';
import { load, publishedFiles, publishedFolder, syntheticFile } from './rule-files.ts';

const ROUNDS = 9;
/** Events of one round, so that a figure is no matter of a few milliseconds. */
const EVENTS_A_ROUND = 400_000;
const RING_BYTES = 1 << 24;
/** Of a ring's record (include/uapi/linux/bpf.h): its length, and where its page is. */
const HEAD_BYTES = 8;

/** Recorded events as they lie in a ring, and the processes that there were before. */
type Recording = {
  readonly pages: RingPages;
  readonly events: number;
  readonly types: ReadonlyMap<string, number>;
  readonly before: readonly Process[];
};

/** What is done with an event from the ring on, without the kernel: reading, state, rules. */
export const engine: Bench = {
  name: 'engine',
  summary:
    'recorded events through the whole engine, offline: ns an event, by all four files and by 100 and 1,000 rules',
  async run(report) {
    if (!existsSync(publishedFolder)) throw new Error(`the published rule files are not at ${publishedFolder}`);
    const published = load(publishedFiles());
    const recording = await record(published);
    for (const [type, count] of recording.types) {
      report({ bench: `engine.mix.${type}`, value: count / recording.events, unit: 'of the events' });
    }
    const samples = replay(recording, published);
    const ns = percentile(samples, 0.5);
    report({ bench: 'engine.event', value: ns, unit: 'ns', spread: spreadOf(samples) });
    report({
      bench: 'engine.mixed',
      value: 1e9 / ns,
      unit: 'events/s/core',
      target: { at: 'least', value: 5_000_000 },
    });
    const hundred = percentile(replay(recording, load([syntheticFile(100)])), 0.5);
    const thousand = percentile(replay(recording, load([syntheticFile(1_000)])), 0.5);
    report({
      bench: 'engine.growth',
      value: thousand / hundred,
      unit: '×',
      baseline: { what: '100 rules', value: hundred },
      target: { at: 'most', value: 1.5 },
    });
  },
};

/** What a host does in a second or two: opens of known and of new files, programs, connections. */
async function record(rules: readonly Rule[]): Promise<Recording> {
  const compiled = compileRuleSet<Scene>({ rules }, bindField, { matching: 'first' });
  const types = compiled.eventTypes === 'all' ? [] : [...compiled.eventTypes, ...stateCalls, ...groupCalls];
  const records: Uint8Array[] = [];
  const counts = new Map<string, number>();
  const opened = openCapture({
    types,
    details: needsOf(rules),
    lifecycleBytes: RING_BYTES,
    bulkBytes: RING_BYTES,
    onEvent(event) {
      records.push(event.copy(0, event.length));
      counts.set(event.type, (counts.get(event.type) ?? 0) + 1);
    },
  });
  if (!opened.ok) throw new Error(opened.reason);
  const before = listPids().flatMap((pid) => readProcess(pid) ?? []);
  const loops = compileLoops();
  try {
    const program = loops.named(LEFT_ALONE);
    await loops.run(['open', 20_000, WANTED], { program });
    await loops.run(['connect', 1_000], { program });
    await loops.run(['exec', 300, '/bin/true'], { program });
    spawnSync('tar', ['-cf', '/dev/null', publishedFolder, '/usr/include', '/etc']);
    opened.capture.drain();
  } finally {
    opened.capture.close();
    loops.close();
  }
  return { pages: layOut(records), events: records.length, types: counts, before };
}

/** A ring that holds them all. */
function layOut(records: readonly Uint8Array[]): RingPages {
  const sizes = records.map(({ length }) => (HEAD_BYTES + length + 7) & ~7);
  const used = sizes.reduce((sum, size) => sum + size, 0);
  const data = new ArrayBuffer(2 ** Math.ceil(Math.log2(used)));
  const view = new DataView(data);
  let at = 0;
  for (const [index, record] of records.entries()) {
    view.setUint32(at, record.length, true);
    new Uint8Array(data).set(record, at + HEAD_BYTES);
    at += sizes[index] ?? 0;
  }
  return [new ArrayBuffer(8), new BigUint64Array([BigInt(used)]).buffer, data];
}

/** Nanoseconds of CPU time for an event, by round. */
function replay(recording: Recording, rules: readonly Rule[]): readonly number[] {
  const compiled = compileRuleSet<Scene>({ rules }, bindField, {
    matching: 'first',
    nowNs: () => performance.now() * 1e6,
  });
  const texts = new TextCache();
  const times = Math.ceil(EVENTS_A_ROUND / recording.events);
  const around = surroundings();
  const look = makeLook();
  const once = (): void => {
    // A new table each time: else a fork would be known already.
    const processes = new ProcessTable(() => undefined);
    for (const process of recording.before) processes.put({ ...process });
    const one = new Engine({
      rules: compiled,
      processes,
      look,
      cgroups: new Cgroups({ locate: () => ({ path: '/', certain: true }) }),
      see: ({ id, engine: kind }) => ({ id, engine: kind, status: 'unknown', details: undefined }),
      expect: () => undefined,
      madeBy: makeMadeFinder([], []),
      around: { ...around, processes },
      fired: () => undefined,
      nowMs: () => performance.now(),
      waitMs: 0,
    });
    new BigUint64Array(recording.pages[0]).fill(0n);
    const reader = new InPlaceReader(recording.pages, texts);
    const cursor = new Event(reader.batch);
    reader.fill();
    while (reader.timeNs !== Number.POSITIVE_INFINITY) {
      reader.take(cursor);
      one.handle(cursor);
    }
  };
  const run = (): number => {
    const began = process.cpuUsage();
    for (let time = 0; time < times; time++) once();
    const { user, system } = process.cpuUsage(began);
    return ((user + system) * 1e3) / (times * recording.events);
  };
  run();
  return Array.from({ length: ROUNDS }, run);
}

function surroundings(): Omit<Surroundings, 'processes'> {
  const wallMinusBootNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return {
    users: makeUsers(() => performance.now()),
    live: makeLiveProcess(),
    threads: { total: () => undefined, rate: () => undefined },
    usersOf: () => undefined,
    orchestrators: joinOrchestrators(undefined, undefined),
    namesOf: () => [],
    hostname: 'host',
    wallNs: (ns) => BigInt(Math.round(ns)) + wallMinusBootNs,
    offsetMinutes: () => 0,
    startedNs: 0,
    environment: makeEnvironment(),
  };
}
