import { compileCondition } from '#rules/language/compile';
import type { Diagnostic } from '#rules/language/diagnostic';
import type { FieldCatalogue } from '#rules/language/field';
import { nearest } from '#rules/language/nearest';
import { locate, type SourceFile } from '#rules/language/source';
import type { Value } from '#rules/language/yaml-reader';
import { bindScope, makeScopeCatalogue } from './alert-fields.ts';
import { reportIssue, valueAt } from './issue.ts';
import type { ActionCatalogue, Playbook, Scope, Step } from './playbook.ts';
import { keysAt, type Outline, outlineOf, playbookSchema } from './schema.ts';
import { compileText, fillAll, fillList, type ValueTemplate } from './value-template.ts';
import { type Path, type Report, readWritten, type Written } from './written.ts';

export type LoadedPlaybooks = {
  readonly ok: boolean;
  /** Only those without errors. */
  readonly playbooks: readonly Playbook[];
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
};

const MOST_PLAYBOOKS = 1_000;
const MOST_WITH_DEPTH = 16;

/** Reads every playbook of all files, and finds every mistake in them. */
export function loadPlaybooks(files: readonly SourceFile[], catalogue: ActionCatalogue): LoadedPlaybooks {
  const errors: Diagnostic[] = [];
  const playbooks: Playbook[] = [];
  const seen = new Map<string, string>();
  const report: Report = (code, message, source, span) => errors.push({ code, message, source, span });
  for (const written of files.flatMap((file) => readWritten(file, report)).slice(0, MOST_PLAYBOOKS + 1)) {
    if (seen.size === MOST_PLAYBOOKS) written.fail([], `more than ${MOST_PLAYBOOKS} playbooks`);
    const before = errors.length;
    const playbook = check(written, catalogue, report);
    if (playbook === undefined) continue;
    const earlier = seen.get(playbook.name);
    if (earlier !== undefined) written.fail(['playbook'], `playbook ${playbook.name} is already in ${earlier}`);
    seen.set(playbook.name, written.path);
    if (errors.length === before) playbooks.push(playbook);
  }
  return { ok: errors.length === 0, playbooks, errors: inOrder(errors, files), warnings: [] };
}

/** File by file, from top to bottom. */
function inOrder(errors: readonly Diagnostic[], files: readonly SourceFile[]): readonly Diagnostic[] {
  const rank = new Map(files.map(({ path }, index) => [path, index]));
  return errors
    .map((error) => ({ error, place: locate(error.source, error.span.start) }))
    .sort((a, b) => (rank.get(a.place.path) ?? 0) - (rank.get(b.place.path) ?? 0) || a.place.offset - b.place.offset)
    .map(({ error }) => error);
}

function check(written: Written, catalogue: ActionCatalogue, report: Report): Playbook | undefined {
  const read = playbookSchema.safeParse(written.value);
  for (const issue of read.success ? [] : read.error.issues) reportIssue(issue, [], written, keysAt);
  const outline = outlineOf(written.value);
  // A step may name what came before it.
  const fieldsOf = (step: number) => makeScopeCatalogue(outline.steps.slice(0, step).map(({ id }) => id));
  const condition =
    outline.condition === undefined ? undefined : checkCondition(['on', 'condition'], fieldsOf(0), written, report);
  const ids = new Set<string>();
  const parts = outline.steps.map((step, index): StepParts | undefined => {
    if (step.id !== '' && ids.has(step.id))
      written.fail(['steps', index, 'id'], `another step is called ${step.id} already`);
    ids.add(step.id);
    return checkStep(step, index, { written, catalogue, fields: fieldsOf(index), report });
  });
  if (!read.success) return undefined;
  const { playbook: name, description, mode, on, steps } = read.data;
  const { rules, tags, priority, source } = on;
  return {
    name,
    description,
    mode,
    path: written.path,
    on: { rules, tags, priority, source, condition },
    steps: steps.flatMap((step, index): Step[] => {
      const found = parts[index];
      if (found === undefined) return [];
      const { id, uses, timeout: timeoutMs, on_error: onError } = step;
      const retry = { attempts: step.retry.attempts, backoffMs: step.retry.backoff, mostMs: step.retry.most };
      return [{ id, uses, ...found, timeoutMs, retry, onError }];
    }),
  };
}

function checkCondition(
  path: Path,
  fields: FieldCatalogue,
  written: Written,
  report: Report,
): ((scope: Scope) => boolean) | undefined {
  const place = written.at(path);
  if (place.kind !== 'text') return undefined;
  const compiled = compileCondition(place.toSource(), bindScope, fields);
  if (compiled.ok) return compiled.value;
  for (const { code, message, source, span } of compiled.diagnostics) report(code, message, source, span);
  return undefined;
}

type StepContext = {
  readonly written: Written;
  readonly catalogue: ActionCatalogue;
  readonly fields: FieldCatalogue;
  readonly report: Report;
};

type StepParts = Pick<Step, 'action' | 'fill' | 'guard'>;

function checkStep(step: Outline['steps'][number], index: number, context: StepContext): StepParts | undefined {
  const { written, catalogue, fields, report } = context;
  const guard = step.if === undefined ? undefined : checkCondition(['steps', index, 'if'], fields, written, report);
  const base: Path = ['steps', index, 'with'];
  const fill = compileValue(step.with, base, 0, context);
  // The schema has said that `uses` is missing.
  if (step.uses === undefined) return undefined;
  const action = catalogue.get(step.uses);
  if (action === undefined) {
    const near = nearest(step.uses, catalogue.keys());
    const hint = near === undefined ? `there are ${[...catalogue.keys()].join(', ')}` : `did you mean ${near}?`;
    written.fail(['steps', index, 'uses'], `unknown action ${step.uses}; ${hint}`);
    return undefined;
  }
  const params = action.params.safeParse(step.with);
  for (const issue of params.success ? [] : params.error.issues) {
    // What a template becomes is checked when it is filled in.
    if (issue.code !== 'unrecognized_keys' && hasTemplate(valueAt(step.with, issue.path))) continue;
    reportIssue(issue, base, written, () => Object.keys('shape' in action.params ? Object(action.params.shape) : {}));
  }
  return { action, fill, guard };
}

/** Whether some text of it may become something else when it is filled in. */
function hasTemplate(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('%');
  return typeof value === 'object' && value !== null && Object.values(value).some(hasTemplate);
}

function compileValue(value: unknown, path: Path, depth: number, context: StepContext): ValueTemplate {
  if (depth > MOST_WITH_DEPTH) {
    context.written.fail(path, `nested more than ${MOST_WITH_DEPTH} deep`);
  } else if (typeof value === 'string') {
    return compileString(value, path, context);
  } else if (Array.isArray(value)) {
    return fillList(value.map((item, index) => compileValue(item, [...path, index], depth + 1, context)));
  } else if (typeof value === 'object' && value !== null) {
    return fillAll(
      Object.entries(value).map(
        ([key, item]) => [key, compileValue(item, [...path, key], depth + 1, context)] as const,
      ),
    );
  }
  return constant(value);
}

function constant(value: unknown): ValueTemplate {
  return () => ({ ok: true, value, masked: value, secrets: [] });
}

function compileString(value: string, path: Path, { written, fields, report }: StepContext): ValueTemplate {
  const place: Value = written.at(path);
  if (!value.includes('%') || place.kind !== 'text') return constant(value);
  return compileText(place.toSource(), fields, ({ message, source, span }) =>
    report('LOAD_ERR_COMPILE_OUTPUT', message, source, span),
  );
}
