import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fieldCatalogue } from '../../rules/fields.ts';
import { parseAddress } from '../../rules/language/address.ts';
import { fieldText } from '../../rules/language/catalogue.ts';
import { compileRuleSet } from '../../rules/language/compile.ts';
import { holdsEvent } from '../../rules/language/event-set.ts';
import type { Bind, FieldUse, FieldValue } from '../../rules/language/field.ts';
import { loadRules } from '../../rules/language/load.ts';
import type { Rule } from '../../rules/language/rule-set.ts';
import { evaluate, type ReferenceEvent } from '../conformance/reference.ts';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';

const folder = fileURLToPath(new URL('../../../shared/conformance/rules/', import.meta.url));
const builtIn = fileURLToPath(new URL('../../rules/', import.meta.url));

/** What rules cost per event, for events that fire nothing: nearly every event is one. */
export const bench: Bench = {
  name: 'rules',
  summary: 'ns per event for opens, execs and connects; load and check times',
  run: async (report) => {
    if (!existsSync(folder)) throw new Error(`the published rule files are not at ${folder}`);
    measureLoading(report);
    const four = [
      'falco_rules.yaml',
      'falco-incubating_rules.yaml',
      'falco-sandbox_rules.yaml',
      'falco-deprecated_rules.yaml',
    ];
    const files = four.map((path) => ({ path, text: readFileSync(folder + path, 'utf8') }));
    measureSet('stable', load(files.slice(0, 1)), report, false);
    measureSet('four files', load(files), report, true);
    const hundred = measureSynthetic(100, report);
    const thousand = measureSynthetic(1_000, report);
    report({
      bench: 'rules: open, 1,000 against 100',
      value: thousand / hundred,
      unit: '×',
      target: { at: 'most', value: 1.5 },
    });
  },
};

/** Every rule of the files, enabled. */
function load(files: readonly { readonly path: string; readonly text: string }[]): readonly Rule[] {
  const outcome = loadRules(files, { fields: fieldCatalogue });
  if (!outcome.ok) throw new Error(`rules do not load: ${outcome.errors[0]?.message}`);
  return outcome.ruleSet.rules.map((rule) => ({ ...rule, enabled: true }));
}

/** What one event of a mix is: its type, and the values that differ from one event to the next. */
type Event = {
  readonly type: string;
  readonly own: readonly { readonly slot: number; readonly value: FieldValue }[];
  readonly shared: readonly (FieldValue | undefined)[];
};

/** What rules are matched against, as an agent would hand it over: one object, filled anew for each event. */
type Scene = { values: (FieldValue | undefined)[] };

const slots: readonly string[] = [
  'evt.type',
  'evt.num',
  'evt.res',
  'evt.rawres',
  'evt.arg.flags',
  'evt.is_open_read',
  'evt.is_open_write',
  'fd.num',
  'fd.name',
  'fd.typechar',
  'fd.type',
  'fd.l4proto',
  'fd.sip',
  'fd.cip',
  'fd.sport',
  'fd.lport',
  'fd.port',
  'fd.connected',
  'fd.name_changed',
  'proc.name',
  'proc.pname',
  'proc.aname',
  'proc.aname[2]',
  'proc.aname[3]',
  'proc.aname[4]',
  'proc.aname[5]',
  'proc.cmdline',
  'proc.pcmdline',
  'proc.args',
  'proc.exe',
  'proc.exepath',
  'proc.cwd',
  'proc.tty',
  'proc.vpid',
  'proc.duration',
  'proc.env',
  'proc.is_exe_upper_layer',
  'proc.is_exe_from_memfd',
  'container.id',
  'container.image.repository',
  'container.privileged',
  'user.name',
  'user.uid',
  'user.loginuid',
  'thread.cap_permitted',
  'proc.pexe',
  'proc.sname',
  'group.gid',
  'evt.is_open_exec',
];
const slotOf = new Map(slots.map((name, index) => [name, index]));

/** Parts of a path are cut out when somebody asks, as an agent does. */
const bind: Bind<Scene> = (use) => {
  const name = fieldText(use);
  if (name === 'fd.directory') return (scene) => cut(scene, (path, slash) => path.slice(0, slash));
  if (name === 'fd.filename') return (scene) => cut(scene, (path, slash) => path.slice(slash + 1));
  const [near, far] = [slots.indexOf('fd.cip'), slots.indexOf('fd.sip')];
  if (name === 'fd.ip' || name === 'fd.net') {
    return ({ values }) => [values[near], values[far]].filter((end) => end !== undefined);
  }
  const slot = slotOf.get(aliases[name] ?? name);
  return slot === undefined ? undefined : (scene) => scene.values[slot];
};

/** Fields that have one value in the mixes here. */
const aliases: Readonly<Record<string, string>> = {
  'fd.nameraw': 'fd.name',
  'fd.rip': 'fd.sip',
  'fd.snet': 'fd.sip',
  'fd.rnet': 'fd.sip',
  'fd.rport': 'fd.sport',
};

const derived = ['fd.directory', 'fd.filename', 'fd.ip', 'fd.net'];
const nameSlot = slots.indexOf('fd.name');

function cut(scene: Scene, part: (path: string, slash: number) => string): string | undefined {
  const path = scene.values[nameSlot];
  return typeof path === 'string' ? part(path, path.lastIndexOf('/')) : undefined;
}

/** A string as it comes out of a ring buffer: one piece, not yet hashed. */
function flat(value: FieldValue): FieldValue {
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('latin1') : value;
}

const sharedOf = new Map<string, readonly (FieldValue | undefined)[]>();

function eventOf(
  type: string,
  same: Readonly<Record<string, FieldValue>>,
  own: Readonly<Record<string, FieldValue>>,
): Event {
  let shared = sharedOf.get(type);
  if (shared === undefined) {
    const fields = { ...commonValues, 'evt.type': type, ...same };
    shared = slots.map((name) => new Map(Object.entries(fields)).get(name));
    sharedOf.set(type, shared);
  }
  return {
    type,
    shared,
    own: Object.entries(own).map(([name, value]) => ({ slot: slots.indexOf(name), value: flat(value) })),
  };
}

const commonValues: Readonly<Record<string, FieldValue>> = {
  'evt.num': 4_711,
  'evt.rawres': 3,
  'evt.res': 'SUCCESS',
  'proc.name': 'rsync',
  'proc.pname': 'cron',
  'proc.cmdline': 'rsync -a /srv/data /backup/data',
  'proc.aname': ['cron', 'systemd'],
  'proc.aname[2]': 'systemd',
  'proc.pcmdline': 'cron -f',
  'proc.args': '-a /srv/data /backup/data',
  'proc.exe': '/usr/bin/rsync',
  'proc.exepath': '/usr/bin/rsync',
  'proc.cwd': '/srv',
  'proc.tty': 0,
  'proc.vpid': 812,
  'proc.duration': 60_000_000_000,
  'proc.env': 'PATH=/usr/bin:/bin LANG=C',
  'proc.is_exe_upper_layer': false,
  'proc.is_exe_from_memfd': false,
  'container.id': 'host',
  'user.name': 'backup',
  'user.uid': 34,
  'user.loginuid': -1,
  'proc.pexe': '/usr/sbin/cron',
  'proc.sname': 'cron',
  'group.gid': 34,
  'thread.cap_permitted': 'CAP_CHOWN',
};

function openOf(path: string): Event {
  const same = {
    'fd.num': 3,
    'fd.typechar': 'f',
    'fd.type': 'file',
    'evt.is_open_read': true,
    'evt.is_open_write': false,
    'evt.is_open_exec': false,
    'evt.arg.flags': 'O_RDONLY|O_CLOEXEC',
  };
  return eventOf('openat', same, { 'fd.name': path });
}

const tops = [
  '/usr/lib/x86_64-linux-gnu',
  '/srv/data/archive',
  '/usr/share/zoneinfo',
  '/var/cache/apt/archives',
  '/opt/app/node_modules/left',
];
const pathOf = (index: number): string => `${tops[index % tops.length]}/part${index % 97}/file-${index}.so.1`;

const commands = [
  'ls -l /srv',
  'date +%s',
  'grep -r total /srv/data',
  'cut -d: -f1',
  'sort -u',
  'rsync -a /srv /backup',
  'python3 /opt/app/job.py',
  'sleep 5',
];

function execOf(index: number): Event {
  const command = `${commands[index % commands.length]}`;
  const name = command.split(' ')[0] ?? '';
  const line = `${command} ${index}`;
  const same = { 'proc.pname': 'cron', 'evt.arg.flags': '0', 'proc.duration': 1_000 };
  return eventOf('execve', same, {
    'proc.name': name,
    'proc.cmdline': line,
    'proc.args': line.slice(name.length + 1),
    'proc.exe': name,
    'proc.exepath': `/usr/bin/${name}`,
  });
}

function connectOf(index: number): Event {
  const ip = parseAddress(`10.1.${index % 200}.${index % 250}`) ?? new Uint8Array(4);
  const own = parseAddress('10.1.0.9') ?? new Uint8Array(4);
  const same = {
    'fd.num': 5,
    'fd.typechar': '4',
    'fd.type': 'ipv4',
    'fd.l4proto': 'tcp',
    'fd.cip': own,
    'fd.sport': 443,
    'fd.lport': 40_000,
    'fd.port': [40_000, 443],
    'fd.connected': true,
    'fd.name_changed': true,
  };
  return eventOf('connect', same, {
    'fd.name': `10.1.0.9:4${index % 1_000}->10.1.${index % 200}.${index % 250}:443`,
    'fd.sip': ip,
  });
}

const many = (from: number, count: number, make: (index: number) => Event): readonly Event[] =>
  Array.from({ length: count }, (_, index) => make(from + index));

type Mix = {
  readonly name: string;
  readonly make: (index: number) => Event;
  readonly target: number;
  /** `known`: the same events again and again; `new`: each is met once. */
  readonly values: 'known' | 'new';
};

function measureSet(name: string, rules: readonly Rule[], report: (figure: Figure) => void, hasTargets: boolean): void {
  const mixes: readonly Mix[] = [
    { name: 'open, known path', make: (index) => openOf(pathOf(index)), target: 120, values: 'known' },
    {
      name: 'open, new path',
      make: (index) => openOf(`/srv/unique/${index}/${pathOf(index)}`),
      target: 1_000,
      values: 'new',
    },
    { name: 'exec', make: execOf, target: 500, values: 'known' },
    { name: 'connect', make: connectOf, target: 100, values: 'known' },
  ];
  for (const mix of mixes) {
    const samples = measure(rules, mix);
    const value = percentile(samples, 0.5);
    const reference = measureReference(rules, many(0, 60, mix.make));
    report({
      bench: `rules: ${name}, ${mix.name}`,
      value,
      unit: 'ns/event',
      spread: spreadOf(samples),
      baseline: { what: 'reference interpreter', value: reference },
      ...(hasTargets ? { target: { at: 'most', value: mix.target } } : {}),
    });
    report({ bench: `rules: ${name}, ${mix.name}`, value: 1e9 / value, unit: 'events/s/core' });
  }
}

const rounds = 7;
/** Events made at a time: they stay in the processor's cache, as what was just decoded does. */
const batch = 500;
const batches = 400;

/** Only the matching is timed, not the making of events. */
function measure(rules: readonly Rule[], mix: Mix): readonly number[] {
  const compiled = compileRuleSet({ rules }, bind, { matching: 'first' });
  let events = many(0, batch, mix.make);
  const scene: Scene = { values: [...(events[0]?.shared ?? [])] };
  let made = batch;
  const matchAll = (): number => {
    let fired = 0;
    for (const { type, own } of events) {
      for (const { slot, value } of own) scene.values[slot] = value;
      fired += compiled.match(type, scene).length;
    }
    return fired;
  };
  const run = (): number => {
    let ns = 0;
    for (let count = 0; count < batches; count++) {
      if (mix.values === 'new') events = many(made, batch, mix.make);
      made += batch;
      const start = process.hrtime.bigint();
      const fired = matchAll();
      ns += Number(process.hrtime.bigint() - start);
      if (fired > 0) throw new Error(`${mix.name}: ${fired} events fired; the mix must fire nothing`);
    }
    return ns / (batch * batches);
  };
  run();
  return Array.from({ length: rounds }, run);
}

function measureReference(rules: readonly Rule[], events: readonly Event[]): number {
  const scene: Scene = { values: [...(events[0]?.shared ?? [])] };
  const types = new Map([...slots, ...Object.keys(aliases), ...derived].map((name) => [name, typeOf(name)]));
  const readers = new Map([...types].map(([name]) => [name, bind(useOf(name))]));
  const event: ReferenceEvent = {
    value: (name) => readers.get(name)?.(scene),
    type: (name) => types.get(name) ?? 'CHARBUF',
  };
  const run = (): void => {
    for (const { type, own } of events) {
      for (const { slot, value } of own) scene.values[slot] = value;
      for (const rule of rules) if (holdsEvent(rule.eventSet, type)) evaluate(rule.resolved, event);
    }
  };
  run();
  const start = process.hrtime.bigint();
  for (let repeat = 0; repeat < 3; repeat++) run();
  return Number(process.hrtime.bigint() - start) / (3 * events.length);
}

function useOf(name: string): FieldUse {
  const [, base = name, argument] = /^(.*)\[(.*)\]$/.exec(name) ?? [];
  const found = fieldCatalogue.lookup(base, argument);
  if (!found.ok) throw new Error(`the benchmark names ${name}, which is no field`);
  return found.use;
}

const typeOf = (name: string) => useOf(name).spec.type;

/** Rules as people write them for their own files: a type, a place, some names left out. */
function syntheticRules(count: number): string {
  return Array.from({ length: count }, (_, index) => {
    const shapes = [
      `evt.type in (open, openat, openat2) and fd.name startswith /etc/service${index}/ and not proc.name in (agent${index}, puppet)`,
      `evt.type in (open, openat) and evt.is_open_write = true and fd.directory = /opt/app${index}/bin`,
      `evt.type in (open, openat, openat2) and fd.name contains /secret-${index}/ and user.uid != 0`,
      `evt.type in (open, openat) and fd.name pmatch (/home/user${index}/.ssh, /root/keys${index}) and proc.name != sshd`,
      `evt.type = execve and proc.name in (tool${index}, kit${index}) and proc.pname != systemd`,
      `evt.type = connect and fd.sport = ${10_000 + index} and fd.sip = 192.0.2.${index % 250}`,
    ];
    return `- rule: Synthetic ${index}\n  desc: made for the benchmark\n  condition: ${shapes[index % shapes.length]}\n  output: file=%fd.name proc=%proc.name\n  priority: NOTICE\n`;
  }).join('');
}

function measureSynthetic(count: number, report: (figure: Figure) => void): number {
  const rules = load([{ path: `synthetic-${count}.yaml`, text: syntheticRules(count) }]);
  const make = (index: number): Event => openOf(pathOf(index));
  const samples = measure(rules, { name: 'open, known path', make, target: 0, values: 'known' });
  const value = percentile(samples, 0.5);
  report({
    bench: `rules: ${count} synthetic, open, known path`,
    value,
    unit: 'ns/event',
    spread: spreadOf(samples),
    baseline: { what: 'reference interpreter', value: measureReference(rules, many(0, 20, make)) },
  });
  return value;
}

/** The first load is the one that people wait for; it is measured before anything is warm. */
function measureLoading(report: (figure: Figure) => void): void {
  const four = [
    'falco_rules.yaml',
    'falco-incubating_rules.yaml',
    'falco-sandbox_rules.yaml',
    'falco-deprecated_rules.yaml',
  ];
  const files = four.map((path) => ({ path, text: readFileSync(folder + path, 'utf8') }));
  const time = (what: () => void): number => {
    const start = process.hrtime.bigint();
    what();
    return Number(process.hrtime.bigint() - start) / 1e6;
  };
  report({
    bench: 'rules: load four files',
    value: time(() => void load(files)),
    unit: 'ms',
    target: { at: 'most', value: 150 },
  });
  const thousand = [{ path: 'synthetic.yaml', text: syntheticRules(1_000) }];
  report({
    bench: 'rules: check 1,000 rules',
    value: time(() => void load(thousand)),
    unit: 'ms',
    target: { at: 'most', value: 1_000 },
  });
  const base = readFileSync(`${builtIn}base.yaml`, 'utf8');
  report({
    bench: 'rules: load base.yaml, warm',
    value: time(() => void loadRules([{ path: 'base.yaml', text: base }], { fields: fieldCatalogue })),
    unit: 'ms',
  });
}
