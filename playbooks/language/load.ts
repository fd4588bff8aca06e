import type { Diagnostic } from '#rules/language/diagnostic';
import { locate, type SourceFile } from '#rules/language/source';
import { makeScopeCatalogue } from './alert-fields.ts';
import { checkCondition, checkGroupBy } from './check-fields.ts';
import { reportIssue } from './issue.ts';
import { checkKernelSteps, hasKernelStep } from './kernel-steps.ts';
import { buildSteps, checkSteps, guardAt, type SecretUse, type StepContext } from './load-steps.ts';
import { warnOfWaiting } from './node-steps.ts';
import { mapOf, outlineOf } from './outline.ts';
import type { ActionCatalogue, Guard, Limits, Memory, Playbook, RunTrigger, Schedule } from './playbook.ts';
import { days, keysAt, playbookSchema, type ReadPlaybook } from './schema.ts';
import { isSilence, readSilence, type SharedSilence } from './silence.ts';
import { type Path, type Report, readWritten, type Written } from './written.ts';

export type LoadedPlaybooks = {
  readonly ok: boolean;
  /** Only those without errors. */
  readonly playbooks: readonly Playbook[];
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
  /** Those that stand for themselves; playbooks that they are for have them among their own. */
  readonly silences: readonly SharedSilence[];
  /** Every secret that is named somewhere, in the order of the files. */
  readonly secrets: readonly SecretUse[];
};

const MOST_PLAYBOOKS = 1_000;

/** Reads every playbook of all files, and finds every mistake in them. */
export function loadPlaybooks(files: readonly SourceFile[], catalogue: ActionCatalogue): LoadedPlaybooks {
  const errors: Diagnostic[] = [];
  const warnings: Diagnostic[] = [];
  const secrets: SecretUse[] = [];
  const playbooks: Playbook[] = [];
  const silences: SharedSilence[] = [];
  const seen = new Map<string, string>();
  const warn: Report = (code, message, source, span) => warnings.push({ code, message, source, span });
  const report: Report = (code, message, source, span) => errors.push({ code, message, source, span });
  for (const written of files.flatMap((file) => readWritten(file, report)).slice(0, MOST_PLAYBOOKS + 1)) {
    if (isSilence(written)) {
      const silence = readSilence(written, report);
      if (silence !== undefined) silences.push(silence);
      continue;
    }
    if (seen.size === MOST_PLAYBOOKS) written.fail([], `more than ${MOST_PLAYBOOKS} playbooks`);
    const before = errors.length;
    const playbook = check({
      written,
      catalogue,
      report,
      useSecret: (use) => secrets.push(use),
      warn,
      triggers: triggersOf(written),
    });
    if (playbook === undefined) continue;
    const earlier = seen.get(playbook.name);
    if (earlier !== undefined) written.fail(['playbook'], `playbook ${playbook.name} is already in ${earlier}`);
    seen.set(playbook.name, written.path);
    if (errors.length > before) continue;
    playbooks.push(playbook);
    warnOfWaiting(playbook, outlineOf(written.value), written, warn);
  }
  return {
    ok: errors.length === 0,
    playbooks: playbooks.map((playbook) => withShared(playbook, silences)),
    silences,
    errors: inOrder(errors, files),
    warnings: inOrder(warnings, files),
    secrets,
  };
}

/** What the kernel does it has done by then, so a silence would only hide it. */
function withShared(playbook: Playbook, silences: readonly SharedSilence[]): Playbook {
  const own = silences.filter(({ playbooks }) => playbooks === undefined || playbooks.includes(playbook.name));
  if (own.length === 0 || hasKernelStep(playbook)) return playbook;
  return { ...playbook, silences: [...playbook.silences, ...own] };
}

/** Why runs are started, as far as it is written. */
function triggersOf({ value }: Written): readonly RunTrigger['kind'][] {
  const playbook = mapOf(value);
  const on = mapOf(playbook['on']);
  const first = on['count'] !== undefined ? 'count' : on['sequence'] !== undefined ? 'sequence' : 'alert';
  return playbook['dedupe'] === undefined ? [first] : [first, 'summary'];
}

/** File by file, from top to bottom. */
function inOrder(errors: readonly Diagnostic[], files: readonly SourceFile[]): readonly Diagnostic[] {
  const rank = new Map(files.map(({ path }, index) => [path, index]));
  return errors
    .map((error) => ({ error, place: locate(error.source, error.span.start) }))
    .sort((a, b) => (rank.get(a.place.path) ?? 0) - (rank.get(b.place.path) ?? 0) || a.place.offset - b.place.offset)
    .map(({ error }) => error);
}

function check(context: StepContext): Playbook | undefined {
  const { written, report } = context;
  const read = playbookSchema.safeParse(written.value);
  for (const issue of read.success ? [] : read.error.issues) reportIssue(issue, [], written, keysAt);
  const outline = outlineOf(written.value);
  const parts = checkSteps(outline, context);
  const fields = checkTriggerFields(written, report);
  checkKernelSteps(outline, { condition: fields.condition, ofStep: (at) => guardAt(at, parts) }, written, report);
  if (!read.success) return undefined;
  const { data } = read;
  const { rules, tags, priority, source } = data.on;
  return {
    name: data.playbook,
    description: data.description,
    mode: data.mode,
    path: written.path,
    on: { rules, tags, priority, source, condition: fields.condition, memory: memoryOf(data.on, fields) },
    dedupe: data.dedupe === undefined ? undefined : { by: fields.dedupeBy, forMs: data.dedupe.for },
    limits: limitsOf(data.limits),
    schedule: scheduleOf(data.schedule),
    silences: data.silences.map(({ from, until, by, reason }, index) => ({
      condition: fields.silences[index] ?? never,
      fromMs: from,
      untilMs: until,
      by,
      reason,
    })),
    steps: buildSteps(data.steps, ['steps'], parts),
    last: buildSteps(data.finally ?? [], ['finally'], parts),
  };
}

/** Stands for a condition whose mistakes have been reported. */
const never: Guard = () => false;

type TriggerFields = ReturnType<typeof checkTriggerFields>;

/** Every condition and field that is named before the first step, also when the playbook is written wrongly elsewhere. */
function checkTriggerFields(written: Written, report: Report) {
  const fields = makeScopeCatalogue([], 'alert');
  const loose = mapOf(written.value);
  const on = mapOf(loose['on']);
  const conditionAt = (path: Path): Guard | undefined => checkCondition(path, fields, written, report);
  const each = (list: unknown, path: (index: number) => Path): readonly (Guard | undefined)[] =>
    Array.isArray(list) ? list.slice(0, 256).map((_, index) => conditionAt(path(index))) : [];
  const dedupe = mapOf(loose['dedupe']);
  return {
    condition: typeof on['condition'] === 'string' ? conditionAt(['on', 'condition']) : undefined,
    sequence: each(on['sequence'], (index) => ['on', 'sequence', index]),
    silences: each(loose['silences'], (index) => ['silences', index, 'condition']),
    by: checkGroupBy(['on', 'by'], on['by'], fields, written),
    dedupeBy: checkGroupBy(['dedupe', 'by'], dedupe['by'], fields, written),
  };
}

function memoryOf(
  { count, sequence, within }: ReadPlaybook['on'],
  { by, ...fields }: TriggerFields,
): Memory | undefined {
  if (within === undefined) return undefined;
  if (count !== undefined) return { kind: 'count', count, withinMs: within, by };
  if (sequence === undefined) return undefined;
  return { kind: 'sequence', conditions: fields.sequence.map((one) => one ?? never), withinMs: within, by };
}

function limitsOf(limits: ReadPlaybook['limits']): Limits {
  const { runs, per, blast_radius: blast } = limits ?? {};
  return {
    runs: runs === undefined || per === undefined ? undefined : { most: runs, perMs: per },
    blast:
      blast === undefined
        ? undefined
        : {
            most: Object.fromEntries(
              (['containers', 'pods', 'nodes'] as const).flatMap((kind) => {
                const most = blast[kind];
                return most === undefined ? [] : [[kind, most] as const];
              }),
            ),
            perMs: blast.per,
          },
  };
}

function scheduleOf(schedule: ReadPlaybook['schedule']): Schedule | undefined {
  if (schedule === undefined) return undefined;
  const { zone, hours, maintenance = [] } = schedule;
  return {
    zone,
    hours: hours?.map(({ days: on = days, from, to }) => ({ days: on.map((day) => days.indexOf(day)), from, to })),
    maintenance: maintenance.map(({ from, to, reason = '' }) => ({ fromMs: from, toMs: to, reason })),
  };
}
