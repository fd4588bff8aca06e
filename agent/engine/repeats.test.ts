import { describe, expect, it, test, vi } from 'vitest';
import { fieldCatalogue } from '#rules/fields';
import { compileRuleSet } from '#rules/language/compile';
import { loadRules } from '#rules/language/load';
import { type Batch, Event, wordsOf } from '../events/event.ts';
import { fileLayout, headerLayout, recordFlags } from '../events/layout.ts';
import { writeRecord } from '../events/write-record.ts';
import { bindField } from '../fields/bind.ts';
import type { Scene } from '../fields/scene.ts';
import { Cgroups } from '../state/cgroups.ts';
import { type Container, makeDetails } from '../state/containers/container.ts';
import { ProcessTable } from '../state/process-table.ts';
import { Engine } from './engine.ts';
import { sampleSurroundings } from './sample.ts';

const second = 1_000_000_000;
const container = 'cd'.repeat(32);
const known: Container = { id: container, engine: 'docker', status: 'known', details: undefined };

type Rules = readonly (readonly [name: string, condition: string])[];

function compileRules(rules: Rules) {
  const text = rules
    .map(
      ([name, condition]) =>
        `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: "%proc.name %fd.name"\n  priority: INFO\n`,
    )
    .join('');
  const { ruleSet } = loadRules([{ path: 'r.yaml', text }], { fields: fieldCatalogue });
  expect(ruleSet.rules).toHaveLength(rules.length);
  return compileRuleSet<Scene>(ruleSet, bindField, { matching: 'all' });
}

function setUp(rules: Rules) {
  const processes = new ProcessTable(() => undefined);
  const fired: string[] = [];
  const compiled = compileRules(rules);
  const match = vi.fn(compiled.match);
  const world: { status: Container['status'] } = { status: 'known' };
  const engine = new Engine({
    rules: { ...compiled, match },
    processes,
    look: { cwd: () => undefined, capabilities: () => undefined, groups: () => undefined },
    cgroups: new Cgroups({ locate: () => undefined }),
    see: (named) => ({ ...named, status: world.status, details: makeDetails({ name: 'web' }) }),
    expect: () => undefined,
    madeBy: () => undefined,
    around: sampleSurroundings(processes),
    fired: ({ rule, scene }) => fired.push(`${rule.name}: ${rule.format(scene)} at ${scene.event.timeNs}`),
    nowMs: () => 0,
    waitMs: 0,
  });
  engine.handle(exec('cat'));
  match.mockClear();
  return { engine, fired, match, world, processes };
}

function exec(name: string, { pid = 10, ppid = 1, timeNs = 10 * second, path = '/' } = {}): Event {
  const numbers = { pid, tid: pid, ppid, start_ns: pid * second, parent_start_ns: ppid * second, time_ns: timeNs };
  const texts = { comm: name, argv: `/bin/${name}\0`, cgroup_path: path };
  return writeRecord('exec', 'execve', { numbers: { ...numbers, cgroup: path === '/' ? 5 : 9 }, texts });
}

type Opened = {
  readonly path?: string;
  readonly timeNs?: number;
  readonly numbers?: Readonly<Record<string, number>>;
  readonly comm?: string;
};

/** As it lies in a ring: whole words, and what was there before behind its end. */
function open({ path = '/etc/passwd', timeNs = 20 * second, numbers = {}, comm = 'cat' }: Opened = {}): Event {
  const own = { pid: 10, tid: 10, ppid: 1, start_ns: 10 * second, cgroup: 5, time_ns: timeNs, fd: 3, ret: 3 };
  const record = writeRecord('file', 'openat', {
    numbers: { ...own, ...numbers },
    texts: { comm, path, resolved: path },
  });
  const bytes = new Uint8Array(1_024).fill(Math.trunc(Math.random() * 256));
  bytes.set(record.copy(0, record.length), 8);
  return new Event(batchOf(bytes), 8);
}

function batchOf(bytes: Uint8Array<ArrayBuffer>): Batch {
  const view = new DataView(bytes.buffer);
  return {
    view,
    words: wordsOf(view),
    latin1: (from, to) => Buffer.from(bytes.subarray(from, to)).toString('latin1'),
    address: (at, length) => bytes.slice(at, at + length),
    copy: (from, to) => batchOf(bytes.slice(from, to)),
  };
}

const reading: Rules = [['Shadow', 'evt.type = openat and fd.name = /etc/shadow and proc.name = cat']];

/** How often the rules were asked about these, after the first had come often enough to be known. */
function askedOf(rules: Rules, events: readonly Event[], meanwhile?: (set: ReturnType<typeof setUp>) => void): number {
  const set = setUp(rules);
  for (let time = 0; time < 4; time++) set.engine.handle(open());
  expect(set.match).toHaveBeenCalledTimes(2);
  set.match.mockClear();
  meanwhile?.(set);
  for (const event of events) set.engine.handle(event);
  return set.match.mock.calls.length;
}

describe('an open that meant nothing twice', () => {
  it('is not asked about again, whenever and wherever it comes', () => {
    const later = open({ timeNs: 20 * second + 900_000_000 });
    expect(askedOf(reading, [open(), later, open({ numbers: { cpu: 7 } })])).toBe(0);
  });

  it('is counted', () => {
    const { engine } = setUp(reading);
    for (let time = 0; time < 4; time++) engine.handle(open());
    expect(engine.counters).toMatchObject({ events: 5, matched: 0 });
  });

  const others: Readonly<Record<string, Opened>> = {
    'another path': { path: '/etc/passwe' },
    'a longer path': { path: '/etc/passwd2' },
    'another name of the thread': { comm: 'caT' },
    ...Object.fromEntries(
      Object.keys({ ...headerLayout, ...fileLayout })
        .filter((name) => !/^(kind|length|time_ns|cpu|size|args|comm|nr|path|base|resolved|extra|data)/.test(name))
        .filter((name) => !/^(path2|base2|flags|pid|start_ns)$/.test(name))
        .map((name) => [`another ${name}`, { numbers: { [name]: 77 } }]),
    ),
    'another flag': { numbers: { flags: recordFlags.created } },
    'a second later': { timeNs: 21 * second + 1 },
  };
  test.each(Object.entries(others))('%s is asked about', (_, other) => {
    expect(askedOf(reading, [open(other)])).toBe(1);
  });

  test.each<readonly [string, (set: ReturnType<typeof setUp>) => void]>([
    ['a process starts', ({ engine }) => engine.handle(exec('sh', { pid: 11 }))],
    [
      'it ends',
      ({ engine }) => engine.handle(writeRecord('exit', 'exit', { numbers: { pid: 10, start_ns: 10 * second } })),
    ],
    ['an engine answers', ({ engine }) => engine.settle(known)],
    ['users are named', ({ engine }) => engine.settleUsers()],
  ])('it is asked about again after %s', (_, meanwhile) => {
    const forget = (set: ReturnType<typeof setUp>) => {
      meanwhile(set);
      set.match.mockClear();
    };
    expect(askedOf(reading, [open()], forget)).toBe(1);
  });

  it('is asked about by other rules', () => {
    const { engine, fired } = setUp(reading);
    for (let time = 0; time < 4; time++) engine.handle(open());
    engine.use(compileRules([['Any', 'evt.type = openat']]));
    engine.handle(open());
    expect(fired).toEqual([`Any: cat /etc/passwd at ${20 * second}`]);
  });

  it('is asked about in a container whose engine has not answered', () => {
    const { engine, match, world } = setUp(reading);
    engine.handle(exec('cat', { path: `/docker/${container}` }));
    match.mockClear();
    world.status = 'silent';
    const inside = () => open({ numbers: { cgroup: 9 } });
    for (let time = 0; time < 4; time++) engine.handle(inside());
    expect(match).toHaveBeenCalledTimes(4);
    world.status = 'known';
    for (let time = 0; time < 4; time++) engine.handle(inside());
    expect(match).toHaveBeenCalledTimes(5);
  });
});

describe('what is asked about each time', () => {
  test.each([
    ['a rule that fires', 'evt.type = openat'],
    ['one that asks the time', 'evt.type = openat and evt.time.s = "never"'],
    ['one that asks when the last event was', 'evt.type = openat and evt.deltatime < 0'],
    ['one that asks the number of the event', 'evt.type = openat and evt.num = 3'],
    ["one that asks the parent's age", 'evt.type = openat and proc.ppid.duration < 0'],
    ['one that asks a process that runs', 'evt.type = openat and proc.fdopencount = -1'],
    ['one that asks one of these in a transformer', 'evt.type = openat and toupper(evt.time) = X'],
    ['one that compares with one of these', 'evt.type = openat and fd.name = val(evt.time)'],
  ])('%s', (_, condition) => {
    const { engine, match } = setUp([['R', condition]]);
    for (let time = 0; time < 5; time++) engine.handle(open());
    expect(match).toHaveBeenCalledTimes(5);
  });

  it('an open of which a part is missing, as that is counted', () => {
    const { engine, match } = setUp(reading);
    for (let time = 0; time < 5; time++) engine.handle(open({ numbers: { flags: recordFlags.textCut } }));
    expect([match.mock.calls.length, engine.losses.counts()]).toEqual([5, { text_cut: { openat: 5 } }]);
  });
});

describe('a rule that asks how old the process is', () => {
  it('is asked when the process gets as old as that', () => {
    const { engine, fired } = setUp([['Old', 'evt.type = openat and proc.duration >= 10500000000']]);
    const times = [20, 20.1, 20.2, 20.4, 20.499, 20.5, 20.6].map((seconds) => Math.round(seconds * second));
    for (const timeNs of times) engine.handle(open({ timeNs }));
    expect(fired.map((text) => text.replace(/.* at /, ''))).toEqual(['20500000000', '20600000000']);
  });

  it('is asked when it gets older than that', () => {
    const { engine, fired } = setUp([['Old', 'evt.type = openat and not proc.duration <= 10500000000']]);
    for (const timeNs of [20e9, 20.1e9, 20.2e9, 20.5e9, 20.5e9 + 1]) engine.handle(open({ timeNs }));
    expect(fired.map((text) => text.replace(/.* at /, ''))).toEqual(['20500000001']);
  });
});

it('fires what is fired without it', () => {
  const rules: Rules = [
    ['Shadow', 'evt.type = openat and fd.name = /etc/shadow and proc.name in (cat, sh)'],
    ['Parent', 'evt.type = openat and proc.pname = sh and fd.name startswith /etc'],
    ['Failed', 'evt.type = openat and evt.res != SUCCESS'],
    ['Young', 'evt.type = openat and proc.duration < 30000000000 and fd.name = /etc/group'],
    ['Inside', 'evt.type = openat and container.id != host and user.uid = 0'],
    ['Written', 'evt.type = openat and evt.is_open_write = true'],
  ];
  // A rule that never fires and has each event looked at anew.
  const without: Rules = [...rules, ['Never', 'evt.type = openat and evt.time.s = never']];
  const [one, other] = [setUp(rules), setUp(without)];
  let state = 7;
  const pick = (most: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % most;
  };
  const paths = ['/etc/shadow', '/etc/group', '/etc/passwd'];
  for (let step = 0; step < 20_000; step++) {
    const timeNs = 20 * second + step * 3_000_000;
    const pid = 10 + pick(3);
    const isFailed = pick(20) === 0;
    const what = pick(200);
    const event =
      what === 0
        ? exec(pick(2) === 0 ? 'cat' : 'sh', {
            pid,
            ppid: 10,
            timeNs,
            path: pick(2) === 0 ? '/' : `/docker/${container}`,
          })
        : what === 1
          ? writeRecord('exit', 'exit', { numbers: { pid, start_ns: pid * second, time_ns: timeNs } })
          : open({
              path: paths[pick(3)] ?? '',
              timeNs,
              comm: pick(400) === 0 ? 'sh' : 'cat',
              numbers: {
                pid,
                tid: pid,
                start_ns: pid * second,
                ppid: pid === 10 ? 1 : 10,
                cgroup: pick(400) === 0 ? 9 : 5,
                uid: pick(2),
                ret: isFailed ? -2 : 3,
                open_flags: pick(30) === 0 ? 1 : 0,
              },
            });
    one.engine.handle(event);
    other.engine.handle(event);
  }
  expect(one.fired).toEqual(other.fired);
  expect(new Set(one.fired.map((text) => text.split(':')[0])).size).toBe(rules.length);
  // It did save something.
  expect(one.match.mock.calls.length).toBeLessThan(other.match.mock.calls.length * 0.8);
});
