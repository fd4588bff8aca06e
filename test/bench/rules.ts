import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fieldCatalogue } from '../../rules/fields.ts';
import { compileRuleSet } from '../../rules/language/compile.ts';
import { holdsEvent } from '../../rules/language/event-set.ts';
import type { FieldUse } from '../../rules/language/field.ts';
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
import { load, publishedFiles, publishedFolder, syntheticFile } from './rule-files.ts';

/** What rules cost per event, for events that fire nothing: nearly every event is one. */
export const bench: Bench = {
  name: 'rules',
  summary: 'ns per event for opens, execs and connects; load and check times',
  run: async (report) => {
    if (!existsSync(publishedFolder)) throw new Error(`the published rule files are not at ${publishedFolder}`);
    measureLoading('published', 'rules: load four files', 150, report);
    measureLoading('synthetic', 'rules: check 1,000 rules', 1_000, report);
    const files = publishedFiles();
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
    const harness = measureHarness(mix);
    report({
      bench: `rules: of ${name}, ${mix.name}, the benchmark's own`,
      value: percentile(harness, 0.5),
      unit: 'ns/event',
      spread: spreadOf(harness),
    });
  }
}

const rounds = 7;
/** Events made at a time: they stay in the processor's cache, as what was just decoded does. */
const batch = 500;
const batches = 400;

/** What is measured of an event: what firing costs is another matter. */
type Match = (type: string, scene: Scene) => { readonly length: number };

/** CPU time of the whole process, for other programs share the machine: so collecting garbage counts, waiting does not. */
function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
}

function measure(rules: readonly Rule[], mix: Mix): readonly number[] {
  const compiled = compileRuleSet({ rules }, bind, { matching: 'first', nowNs: () => performance.now() * 1e6 });
  return measureMatch((type, scene) => compiled.match(type, scene), mix);
}

const none = { length: 0 };

/** What the benchmark itself takes of each figure: no rules are asked. */
const measureHarness = (mix: Mix): readonly number[] => measureMatch(() => none, mix);

/** Only the matching is timed, not the making of events. */
function measureMatch(match: Match, mix: Mix): readonly number[] {
  let events = many(0, batch, mix.make);
  const scene: Scene = { values: [...(events[0]?.shared ?? [])] };
  let made = batch;
  const matchAll = (): number => {
    let fired = 0;
    for (const { type, own } of events) {
      for (const { slot, value } of own) scene.values[slot] = value;
      fired += match(type, scene).length;
    }
    return fired;
  };
  const run = (): number => {
    let ns = 0;
    for (let count = 0; count < batches; count++) {
      if (mix.values === 'new') events = many(made, batch, mix.make);
      made += batch;
      const startNs = cpuNs();
      const fired = matchAll();
      ns += cpuNs() - startNs;
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

function measureSynthetic(count: number, report: (figure: Figure) => void): number {
  const rules = load([syntheticFile(count)]);
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

/** Processes that load; one more before them is not counted: it leaves compiled code, as a product that once ran does. */
const loads = 7;

/** The first load is the one that people wait for: each is the only one of its process. */
function measureLoading(
  what: 'published' | 'synthetic',
  bench: string,
  mostMs: number,
  report: (figure: Figure) => void,
): void {
  const script = join(import.meta.dirname, 'rule-load.ts');
  const loadOnce = (): { readonly cpuMs: number; readonly wallMs: number } =>
    JSON.parse(execFileSync(process.execPath, [script, what], { encoding: 'utf8' }));
  loadOnce();
  const samples = Array.from({ length: loads }, loadOnce);
  const cpu = samples.map(({ cpuMs }) => cpuMs);
  const wall = samples.map(({ wallMs }) => wallMs);
  report({
    bench,
    value: percentile(cpu, 0.5),
    unit: 'ms',
    spread: spreadOf(cpu),
    target: { at: 'most', value: mostMs },
  });
  report({ bench: `${bench}, wall`, value: percentile(wall, 0.5), unit: 'ms', spread: spreadOf(wall) });
}
