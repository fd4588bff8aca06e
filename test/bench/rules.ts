import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fieldCatalogue } from '../../rules/fields.ts';
import { compileRuleSet } from '../../rules/language/compile.ts';
import { holdsEvent } from '../../rules/language/event-set.ts';
import type { FieldUse } from '../../rules/language/field.ts';
import { loadRules } from '../../rules/language/load.ts';
import type { Rule } from '../../rules/language/rule-set.ts';
import { evaluate, type ReferenceEvent } from '../conformance/reference.ts';
import { type Bench, type Figure, percentile, spreadOf } from './bench.ts';
import {
  aliases,
  bind,
  connectOf,
  derived,
  type Event,
  execOf,
  many,
  openOf,
  pathOf,
  type Scene,
  slots,
} from './rule-events.ts';

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
