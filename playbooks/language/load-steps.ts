import type { FieldCatalogue } from '#rules/language/field';
import { nearest } from '#rules/language/nearest';
import type { Value } from '#rules/language/yaml-reader';
import { type EarlierStep, makeScopeCatalogue } from './alert-fields.ts';
import { checkCondition } from './check-fields.ts';
import { reportIssue, valueAt } from './issue.ts';
import type { LooseStep, Outline } from './outline.ts';
import type { ActionCatalogue, ActionSpec, ActionStep, Fill, Guard, OnError, RunTrigger, Step } from './playbook.ts';
import { whyNever } from './reach.ts';
import type { ReadActionStep, ReadStep } from './step-schema.ts';
import { compileText, fillAll, fillList } from './value-template.ts';
import type { Path, Report, Written } from './written.ts';

/** A secret that a playbook names, and where. */
export type SecretUse = {
  readonly name: string;
  readonly source: Parameters<Report>[2];
  readonly span: Parameters<Report>[3];
};

export type StepContext = {
  readonly written: Written;
  readonly catalogue: ActionCatalogue;
  readonly report: Report;
  readonly useSecret: (use: SecretUse) => void;
  readonly warn: Report;
  /** Why runs of this playbook are started. */
  readonly triggers: readonly RunTrigger['kind'][];
};

/** What was compiled of a step, by its path. */
type Parts = ReadonlyMap<string, StepParts>;
type StepParts = {
  readonly action: ActionSpec | undefined;
  readonly fill: Fill;
  readonly guard: Guard | undefined;
  readonly foreach: Fill | undefined;
};

const MOST_WITH_DEPTH = 16;
/** Steps of a playbook in all, those inside others as well. */
const MOST_STEPS = 64;

/** Checks every step that the outline has, also when the playbook is written wrongly elsewhere. */
export function checkSteps(outline: Outline, context: StepContext): Parts {
  const parts = new Map<string, StepParts>();
  const ids = new Set<string>();
  const visit = (steps: readonly LooseStep[], before: readonly EarlierStep[]): readonly EarlierStep[] => {
    let earlier = before;
    for (const step of steps) earlier = visitOne(step, earlier);
    return earlier;
  };
  /** A step may name what came before it; those at the same time do not know of each other. */
  const visitOne = (step: LooseStep, earlier: readonly EarlierStep[]): readonly EarlierStep[] => {
    if (step.id !== '' && ids.has(step.id))
      context.written.fail([...step.path, 'id'], `another step is called ${step.id} already`);
    if (ids.size === MOST_STEPS && !ids.has(step.id)) context.written.fail(step.path, `more than ${MOST_STEPS} steps`);
    ids.add(step.id);
    const made = checkStep(step, earlier, context);
    parts.set(keyOf(step.path), made);
    const own: EarlierStep = { id: step.id, outputs: made.action?.outputs ?? {} };
    const inside = step.parallel.flatMap((child) => visitOne(child, earlier).slice(earlier.length));
    return visit(step.remedy, [...earlier, ...inside, own]);
  };
  visit(outline.last, visit(outline.steps, []));
  return parts;
}

function keyOf(path: Path): string {
  return path.join('/');
}

/** `if` of the step at this path. */
export function guardAt(path: Path, parts: Parts): Guard | undefined {
  return parts.get(keyOf(path))?.guard;
}

function checkStep(step: LooseStep, earlier: readonly EarlierStep[], context: StepContext): StepParts {
  const { written, report } = context;
  const fields = makeScopeCatalogue(earlier, step.foreach === undefined ? 'once' : 'foreach');
  const guard = step.hasGuard ? checkCondition([...step.path, 'if'], fields, written, report) : undefined;
  if (guard?.node !== undefined) {
    // A summary acts on no node.
    const isOnNode = step.uses !== undefined && context.catalogue.get(step.uses)?.side === 'node';
    const triggers = context.triggers.filter((kind) => !isOnNode || kind !== 'summary');
    const never = whyNever(guard.node, triggers);
    const { source, span } = written.at([...step.path, 'if']).at;
    if (never !== undefined)
      context.warn('PLAYBOOK_UNREACHABLE', `${step.id} never gets its turn: ${never}`, source, span);
  }
  const secrets: SecretUse[] = [];
  const place: ValuePlace = {
    written,
    report,
    fields,
    useSecret: (use) => {
      secrets.push(use);
      context.useSecret(use);
    },
  };
  const foreach =
    step.foreach === undefined
      ? undefined
      : compileValue(step.foreach, [...step.path, 'foreach'], 0, {
          ...place,
          fields: makeScopeCatalogue(earlier, 'once'),
          useSecret: ({ source, span }) =>
            report('LOAD_ERR_YAML_VALIDATE', 'foreach cannot go through a secret: its items are shown', source, span),
        });
  const base: Path = [...step.path, 'with'];
  const fill = compileValue(step.with, base, 0, place);
  const action = step.uses === undefined ? undefined : findAction(step.uses, step.path, context);
  if (action !== undefined) {
    checkParams(action, step, base, written);
    checkAbilities(action, step, secrets, context);
  }
  return { action, fill, guard, foreach };
}

function findAction(uses: string, path: Path, { catalogue, written }: StepContext): ActionSpec | undefined {
  const action = catalogue.get(uses);
  if (action !== undefined) return action;
  const near = nearest(uses, catalogue.keys());
  const hint = near === undefined ? `there are ${[...catalogue.keys()].join(', ')}` : `did you mean ${near}?`;
  written.fail([...path, 'uses'], `unknown action ${uses}; ${hint}`);
  return undefined;
}

function checkParams(action: ActionSpec, step: LooseStep, base: Path, written: Written): void {
  const params = action.params.safeParse(step.with);
  for (const issue of params.success ? [] : params.error.issues) {
    // What a template becomes is checked when it is filled in.
    if (issue.code !== 'unrecognized_keys' && hasTemplate(valueAt(step.with, issue.path))) continue;
    reportIssue(issue, base, written, () => Object.keys('shape' in action.params ? Object(action.params.shape) : {}));
  }
}

/** Whether the action can be carried out at that distance, and undone. */
function checkAbilities(
  action: ActionSpec,
  step: LooseStep,
  secrets: readonly SecretUse[],
  { catalogue, written, report }: StepContext,
): void {
  const { name, side } = action;
  const where: Path = [...step.path, 'where'];
  if (step.where === 'node' && side === 'router')
    written.fail(where, `${name} is carried out by the router, not on a node`);
  if (step.where === 'kernel' && action.kernel !== true)
    written.fail(
      where,
      `${name} cannot be carried out in the kernel; expected router${side === 'node' ? ' or node' : ''}`,
    );
  if (step.where === 'node' || step.where === 'kernel') {
    if (step.hasApproval)
      written.fail(
        [...step.path, 'approve'],
        `a step with where: ${step.where} is carried out before anybody is asked`,
      );
    for (const { name: secret, source, span } of secrets)
      report(
        'LOAD_ERR_YAML_VALIDATE',
        `a step with where: ${step.where} has no secrets: ${secret} stays with the router`,
        source,
        span,
      );
  }
  // The message waits in the destination's queue, and a queue is no place for secrets.
  if (action.via === true && valueAt(step.with, ['via']) !== undefined) {
    for (const { name: secret, source, span } of secrets)
      report(
        'LOAD_ERR_YAML_VALIDATE',
        `a step with via has no secrets: ${secret} belongs to the settings of the destination`,
        source,
        span,
      );
  }
  if (!step.hasUndo) return;
  const undo: Path = [...step.path, 'undo_after'];
  if (action.undo === undefined || !catalogue.has(action.undo)) {
    written.fail(undo, `nothing undoes ${name}`);
  }
  // The journal must be enough to undo it, and it has no secrets.
  for (const { name: secret, source, span } of secrets)
    report('LOAD_ERR_YAML_VALIDATE', `a step with undo_after has no secrets, found ${secret}`, source, span);
}

/** Whether some text of it may become something else when it is filled in. */
function hasTemplate(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('%');
  return typeof value === 'object' && value !== null && Object.values(value).some(hasTemplate);
}

type ValuePlace = {
  readonly written: Written;
  readonly report: Report;
  readonly fields: FieldCatalogue;
  readonly useSecret: (use: SecretUse) => void;
};

function compileValue(value: unknown, path: Path, depth: number, place: ValuePlace): Fill {
  if (depth > MOST_WITH_DEPTH) {
    place.written.fail(path, `nested more than ${MOST_WITH_DEPTH} deep`);
  } else if (typeof value === 'string') {
    return compileString(value, path, place);
  } else if (Array.isArray(value)) {
    return fillList(value.map((item, index) => compileValue(item, [...path, index], depth + 1, place)));
  } else if (typeof value === 'object' && value !== null) {
    return fillAll(
      Object.entries(value).map(([key, item]) => [key, compileValue(item, [...path, key], depth + 1, place)] as const),
    );
  }
  return constant(value);
}

function constant(value: unknown): Fill {
  return () => ({ ok: true, value, masked: value, secrets: [] });
}

function compileString(value: string, path: Path, { written, report, fields, useSecret }: ValuePlace): Fill {
  const place: Value = written.at(path);
  if (!value.includes('%') || place.kind !== 'text') return constant(value);
  return compileText(
    place.toSource(),
    fields,
    ({ message, source, span }) => report('LOAD_ERR_COMPILE_OUTPUT', message, source, span),
    useSecret,
  );
}

/** The steps of a list as the engine takes them, put together from what was read and what was compiled. */
export function buildSteps(steps: readonly ReadStep[], base: Path, parts: Parts): readonly Step[] {
  return steps.flatMap((step, index): readonly Step[] => {
    const path = [...base, index];
    if (step.parallel === undefined) return buildAction(step, path, parts, undefined);
    const guard = parts.get(keyOf(path))?.guard;
    const inside = step.parallel.flatMap((child, at) => buildAction(child, [...path, 'parallel', at], parts, guard));
    return [{ kind: 'parallel', id: step.id, steps: inside, onError: buildRemedy(step.on_error, path, parts) }];
  });
}

function buildAction(step: ReadActionStep, path: Path, parts: Parts, outer: Guard | undefined): readonly ActionStep[] {
  const found = parts.get(keyOf(path));
  // What has no action has been reported.
  if (found?.action === undefined) return [];
  const { action, fill, guard: own, foreach } = found;
  const guard: Guard | undefined =
    outer === undefined || own === undefined ? (outer ?? own) : (scope) => outer(scope) && own(scope);
  const { attempts, backoff, most } = step.retry ?? { attempts: 1, backoff: 1_000, most: 60_000 };
  const undo =
    step.undo_after === undefined || action.undo === undefined
      ? undefined
      : { uses: action.undo, afterMs: step.undo_after };
  return [
    {
      kind: 'action',
      id: step.id,
      uses: action.name,
      action,
      fill,
      guard,
      timeoutMs: step.timeout ?? 10_000,
      retry: { attempts, backoffMs: backoff, mostMs: most },
      onError: buildRemedy(step.on_error, path, parts),
      undo,
      foreach,
      where: step.where ?? 'router',
      isSlow: isSlow(action, step.with),
      approve: approveOf(step),
      ...viaOf(action, step.with),
    },
  ];
}

function approveOf({ approve }: ReadActionStep): ActionStep['approve'] {
  if (approve === undefined) return undefined;
  const { via, by, within: withinMs, otherwise } = approve;
  return { via, by, withinMs, otherwise };
}

/** A destination's queue takes a message at once. */
function isSlow({ side, quick, via }: ActionSpec, params: ReadActionStep['with']): boolean {
  return side === 'router' && quick !== true && (via !== true || params?.['via'] === undefined);
}

/** What is filled in later is looked at then. */
function viaOf(action: ActionSpec, params: ReadActionStep['with']): Pick<ActionStep, 'via' | 'next'> {
  const via = action.via === true ? params?.['via'] : undefined;
  const next = action.via === true ? params?.['next'] : undefined;
  const plain = (name: unknown): name is string => typeof name === 'string' && !name.includes('%');
  return { ...(plain(via) ? { via } : {}), ...(Array.isArray(next) ? { next: next.filter(plain) } : {}) };
}

function buildRemedy(written: ReadStep['on_error'], path: Path, parts: Parts): OnError {
  if (written === undefined) return 'stop';
  if (typeof written === 'string') return written;
  return written.flatMap((step, at) => buildAction(step, [...path, 'on_error', at], parts, undefined));
}
