import * as z from 'zod';
import { type Alert, alertSchema } from '#rules/alert';
import { nearest } from '#rules/language/nearest';
import type { SourceFile } from '#rules/language/source';
import { outcomes } from '../command.ts';
import { instant } from './duration.ts';
import { type Decision, decide, type GateState } from './gate.ts';
import { reportIssue } from './issue.ts';
import { firesFor, hasKernelStep } from './kernel-steps.ts';
import { matchPlaybooks } from './match.ts';
import type { Playbook, Scope } from './playbook.ts';
import { type Simulated, type SimulatedAnswer, type SimulatedStep, simulate } from './simulate.ts';
import { type Path, type Report, readWritten, type Written } from './written.ts';

const output = z.union([z.string(), z.number(), z.boolean()]);
const answerSchema = z.strictObject({
  outcome: z.enum(outcomes).default('done'),
  detail: z.string().default(''),
  outputs: z.record(z.string(), output).default({}),
});
const stepSchema = z.strictObject({
  id: z.string(),
  uses: z.string().optional(),
  with: z.unknown().optional(),
  outcome: z.enum(outcomes).optional(),
});
const guards = ['silence', 'schedule', 'count', 'sequence', 'dedupe', 'runs', 'blast_radius', 'stopped'] as const;

const testSchema = z
  .strictObject({
    test: z.string().min(1).max(512),
    playbook: z.string().min(1),
    at: instant.default(Date.UTC(2026, 0, 1)),
    alert: z.record(z.string(), z.unknown()).optional(),
    alerts: z.array(z.record(z.string(), z.unknown())).min(1).max(1_000).optional(),
    secrets: z.record(z.string(), z.string()).default({}),
    answers: z.record(z.string(), z.union([z.enum(outcomes), answerSchema])).default({}),
    approvals: z.record(z.string(), z.enum(['approved', 'denied', 'late'])).default({}),
    expect: z.union([z.enum(['none', ...guards]), z.array(stepSchema).max(256)], {
      error: `expected none, a list of steps, or what holds the run back: ${guards.join(', ')}`,
    }),
    state: z.enum(['done', 'failed']).optional(),
  })
  .refine(({ alert, alerts }) => (alert === undefined) !== (alerts === undefined), {
    message: 'expected either alert or alerts',
  });

const testKeys = Object.keys(testSchema.shape);
const keysAt = (path: Path): readonly string[] =>
  path.length === 0 ? testKeys : Object.keys(path[0] === 'answers' ? answerSchema.shape : stepSchema.shape);

type ReadTest = z.output<typeof testSchema>;

/** A test of a playbook: alerts, what actions answer, and the steps that must come of the last alert. */
export type PlaybookTest = ReadTest & { readonly written: Written; readonly alertsRead: readonly Alert[] };

export type TestFailure = { readonly at: Path; readonly message: string };
export type PlaybookTestResult = { readonly test: PlaybookTest; readonly failures: readonly TestFailure[] };

/** Reads the tests of a file, and reports everything that is written wrongly. */
export function readPlaybookTests(file: SourceFile, report: Report): readonly PlaybookTest[] {
  const expected = 'a test: a map with the keys test, playbook, alert and expect';
  return readWritten(file, report, expected).flatMap((written): PlaybookTest[] => {
    const read = testSchema.safeParse(written.value);
    for (const issue of read.success ? [] : read.error.issues) reportIssue(issue, [], written, keysAt);
    if (!read.success) return [];
    const { alert, alerts, at } = read.data;
    const given = alerts?.map((one, index) => [['alerts', index], one] as const) ?? [[['alert'], alert ?? {}] as const];
    const alertsRead = given.flatMap(([path, one], index): Alert[] => {
      const made = alertSchema.safeParse(complete(one, at, index));
      for (const issue of made.success ? [] : made.error.issues) reportIssue(issue, path, written, () => alertKeys);
      return made.success ? [made.data] : [];
    });
    return alertsRead.length === given.length ? [{ ...read.data, written, alertsRead }] : [];
  });
}

const alertKeys = Object.keys(alertSchema.shape);

/** What a test need not say of an alert. */
function complete(alert: Readonly<Record<string, unknown>>, atMs: number, index: number): unknown {
  const { lanner } = alert;
  const id = `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;
  const part =
    typeof lanner === 'object' && lanner !== null ? { lanner: { version: 1, id, node: 'a-node', ...lanner } } : {};
  return { time: new Date(atMs).toISOString(), priority: 'Notice', ...alert, ...part };
}

export function runPlaybookTest(test: PlaybookTest, playbooks: readonly Playbook[]): PlaybookTestResult {
  const playbook = playbooks.find(({ name }) => name === test.playbook);
  if (playbook !== undefined) return { test, failures: judge(test, playbook) };
  const near = nearest(
    test.playbook,
    playbooks.map(({ name }) => name),
  );
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return { test, failures: [{ at: ['playbook'], message: `there is no playbook ${test.playbook}${hint}` }] };
}

function judge(test: PlaybookTest, playbook: Playbook): readonly TestFailure[] {
  const { expect } = test;
  const last = decideAll(test, playbook);
  const found = last === 'no match' ? 'none' : last.decision.kind === 'held' ? last.decision.guard : 'start';
  if (typeof expect === 'string') {
    const said = found === 'start' ? 'it starts' : found === 'none' ? 'it does not match' : `${found} holds it back`;
    return found === expect ? [] : [{ at: ['expect'], message: `expected ${expect}, but ${said}` }];
  }
  if (last === 'no match') return [{ at: ['expect'], message: 'the alert does not match the playbook' }];
  const { decision } = last;
  if (decision.kind === 'held')
    return [{ at: ['expect'], message: `${decision.guard} holds it back: ${decision.detail}` }];
  const simulated = simulate(playbook, {
    ...last.about,
    trigger: decision.trigger,
    secrets: (name) => (Object.hasOwn(test.secrets, name) ? test.secrets[name] : undefined),
    answer: (id) => answerOf(test, id),
    approval: (id) => (Object.hasOwn(test.approvals, id) ? test.approvals[id] : undefined) ?? 'approved',
  });
  return [...compareSteps(expect, simulated.steps), ...compareState(test, simulated)];
}

/** The last decision, after those on the alerts before it. */
function decideAll(test: PlaybookTest, playbook: Playbook) {
  const remembered = new Map<string, Partial<GateState>>();
  let last: 'no match' | { readonly decision: Decision; readonly about: Scope & { readonly nowMs: number } } =
    'no match';
  for (const [index, alert] of test.alertsRead.entries()) {
    const scope: Scope = { alert, alertId: alert.lanner?.id ?? `alert-${index}`, steps: new Map() };
    const nowMs = Date.parse(alert.time);
    last = 'no match';
    // For a step in the kernel, the alert describes the program.
    const isProgram = hasKernelStep(playbook) && alert.lanner?.reflex === undefined;
    if (isProgram ? !firesFor(playbook, scope) : matchPlaybooks([playbook], alert, scope.alertId).length === 0)
      continue;
    const memory = `memory ${playbook.on.memory?.by(scope)}`;
    const dedupe = `dedupe ${playbook.dedupe?.by(scope)}`;
    const state: GateState = {
      memory: remembered.get(memory)?.memory,
      dedupe: remembered.get(dedupe)?.dedupe,
      limits: remembered.get('limits')?.limits,
    };
    const decided = decide(playbook, scope, state, nowMs);
    for (const place of [memory, dedupe, 'limits']) remembered.set(place, decided.state);
    last = { decision: decided.decision, about: { ...scope, nowMs } };
  }
  return last;
}

function answerOf({ answers }: PlaybookTest, id: string): SimulatedAnswer {
  const given = Object.hasOwn(answers, id) ? answers[id] : undefined;
  return typeof given === 'object' ? given : { outcome: given ?? 'done', detail: '', outputs: {} };
}

function compareState({ state }: PlaybookTest, { run }: Simulated): readonly TestFailure[] {
  if (state === undefined || run.state === state) return [];
  const failed = run.steps.filter((step) => step.detail !== '').map(({ id, detail }) => `; ${id}: ${detail}`);
  return [{ at: ['state'], message: `expected the run to be ${state}, found ${run.state}${failed.join('')}` }];
}

function compareSteps(
  expected: readonly z.output<typeof stepSchema>[],
  found: readonly SimulatedStep[],
): readonly TestFailure[] {
  const failures = expected.flatMap((wanted, index): TestFailure[] => {
    const at: Path = ['expect', index];
    const step = found[index];
    if (step === undefined) return [{ at, message: `step ${wanted.id} was expected, but the run has ended` }];
    if (step.id !== wanted.id)
      return [{ at: [...at, 'id'], message: `expected step ${wanted.id}, found ${step.id} (${step.uses})` }];
    const differs = (key: 'uses' | 'outcome' | 'with', value: unknown): TestFailure[] =>
      wanted[key] === undefined || wanted[key] === value
        ? []
        : [{ at: [...at, key], message: `${key} of ${step.id}: expected ${show(wanted[key])}, found ${show(value)}` }];
    const why = step.with === undefined ? [{ at, message: `step ${step.id} failed: ${step.detail}` }] : [];
    const parameters =
      wanted.with === undefined || step.with === undefined ? [] : difference(wanted.with, step.with, [...at, 'with']);
    return [
      ...differs('uses', step.uses),
      ...differs('outcome', step.outcome),
      ...(wanted.outcome === 'failed' ? [] : why),
      ...parameters,
    ];
  });
  const more = found.slice(expected.length).map(({ id, uses, with: params }) => `${id} (${uses}) with ${show(params)}`);
  return more.length === 0
    ? failures
    : [...failures, { at: ['expect'], message: `these steps came, too: ${more.join('; ')}` }];
}

/** Where two values differ, each place once. */
function difference(wanted: unknown, found: unknown, at: Path): readonly TestFailure[] {
  if (isMap(wanted) && isMap(found)) {
    const keys = [...new Set([...Object.keys(wanted), ...Object.keys(found)])];
    return keys.flatMap((key) => difference(wanted[key], found[key], [...at, key]));
  }
  if (Array.isArray(wanted) && Array.isArray(found) && wanted.length === found.length)
    return wanted.flatMap((item: unknown, index) => difference(item, found[index], [...at, index]));
  if (Object.is(wanted, found) || (Array.isArray(wanted) && Array.isArray(found) && wanted.length + found.length === 0))
    return [];
  const place = at.slice(2).join('.');
  return [{ at, message: `${place}: expected ${show(wanted)}, found ${show(found)}` }];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 500);
}
