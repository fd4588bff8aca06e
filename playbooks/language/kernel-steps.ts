import type { Alert } from '#rules/alert';
import { type KernelFormula, kernelCondition } from './kernel-condition.ts';
import { type LooseStep, mapOf, type Outline } from './outline.ts';
import { type ActionStep, actionSteps, type Guard, type Playbook, type Scope } from './playbook.ts';
import type { Path, Report, Written } from './written.ts';

/** What holds a router's runs back. A kill in the kernel waits for none of it, so it must not look as if it did. */
const heldBackBy = ['limits', 'schedule', 'silences'] as const;
/** What starts a playbook beside its condition; the kernel knows neither rules nor alerts. */
const startedBy = ['rules', 'tags', 'priority', 'source', 'count', 'sequence', 'within', 'by'] as const;

/** Clauses and keys that a step in the kernel cannot have, each named where it stands. */
export function checkKernelSteps(outline: Outline, guards: KernelGuards, written: Written, report: Report): void {
  for (const step of [...outline.steps, ...outline.last].flatMap((one) => [one, ...one.parallel, ...one.remedy]))
    checkDeny(step, written);
  const inner = [...outline.steps, ...outline.last].flatMap((step) => [...step.parallel, ...step.remedy]);
  for (const step of [...inner, ...outline.last]) {
    if (step.where === 'kernel')
      written.fail([...step.path, 'where'], 'a step in the kernel stands directly under steps');
  }
  const own = outline.steps.filter(({ where }) => where === 'kernel');
  if (own.length === 0) return;
  const playbook = mapOf(written.value);
  const on = mapOf(playbook['on']);
  for (const key of heldBackBy) {
    if (playbook[key] !== undefined)
      written.failKey([], key, `${key} cannot hold back a step in the kernel: it acts before anybody is asked`);
  }
  for (const key of startedBy) {
    if (on[key] !== undefined)
      written.failKey(
        ['on'],
        key,
        `a playbook with a step in the kernel is started by on.condition alone, not by ${key}`,
      );
  }
  if (on['condition'] === undefined)
    written.fail(['on'], 'a playbook with a step in the kernel needs on.condition: which programs are killed');
  reportClauses(guards.condition, report);
  for (const [index, step] of own.entries()) {
    if (outline.steps[index] !== step)
      written.fail([...step.path, 'where'], 'a step in the kernel comes before all others: it has happened by then');
    for (const key of ['retry', 'timeout', 'foreach'] as const) {
      const raw = written.at(step.path);
      if (raw.kind === 'map' && raw.entries.some((entry) => entry.key === key))
        written.failKey(step.path, key, `a step in the kernel has no ${key}: it happens once, at once`);
    }
    if (step.with['scope'] !== undefined && step.with['scope'] !== 'process')
      written.fail([...step.path, 'with', 'scope'], 'the kernel kills the process that is started, nothing else');
    reportClauses(guards.ofStep(step.path), report);
  }
}

/** Denying is the kernel's alone. */
function checkDeny(step: LooseStep, written: Written): void {
  const { deny } = step.with;
  if (deny === undefined || deny === false) return;
  const at: Path = [...step.path, 'with', 'deny'];
  if (typeof deny !== 'boolean') written.fail(at, 'expected true or false');
  else if (step.where !== 'kernel') written.fail(at, 'only the kernel denies: where: kernel is missing');
}

export type KernelGuards = {
  readonly condition: Guard | undefined;
  /** `if` of the step at this path. */
  readonly ofStep: (path: Path) => Guard | undefined;
};

function reportClauses(guard: Guard | undefined, report: Report): void {
  if (guard?.node === undefined) return;
  const condition = kernelCondition(guard.node);
  if (condition.ok) return;
  for (const { at, reason } of condition.refusals)
    report('LOAD_ERR_COMPILE_CONDITION', `not in the kernel: ${reason}`, at.source, at.span);
}

export function hasKernelStep({ steps }: Playbook): boolean {
  return steps.some((step) => step.kind === 'action' && step.where === 'kernel');
}

/** Whether a step in the kernel fires for the program that the scope's alert describes; what it says not, is missing. */
export function firesFor({ on, steps }: Playbook, scope: Scope): boolean {
  if (on.condition?.(scope) !== true) return false;
  return steps.some((step) => step.kind === 'action' && step.where === 'kernel' && step.guard?.(scope) !== false);
}

/** A step that the kernel carries out, and when. */
export type Reflex = {
  readonly playbook: Playbook;
  readonly step: ActionStep;
  readonly formula: KernelFormula;
  /** The exec fails, and nothing is killed. */
  readonly isDenying: boolean;
};

/** The steps in the kernel of playbooks that were loaded without mistakes. */
export function reflexesOf(playbooks: readonly Playbook[]): readonly Reflex[] {
  return playbooks.flatMap((playbook) =>
    actionSteps(playbook)
      .filter(({ where }) => where === 'kernel')
      .flatMap((step): readonly Reflex[] => {
        const formulas = [playbook.on.condition, step.guard].flatMap((guard) => {
          const condition = guard?.node === undefined ? undefined : kernelCondition(guard.node);
          return condition?.ok === true ? [condition.formula] : [];
        });
        // Nothing is killed by a condition that is not wholly understood.
        const wanted = [playbook.on.condition, step.guard].filter((guard) => guard !== undefined).length;
        if (playbook.on.condition === undefined || formulas.length !== wanted) return [];
        return [{ playbook, step, formula: { kind: 'and', children: formulas }, isDenying: isDenying(step) }];
      }),
  );
}

/** `with.deny`, which is no template. */
function isDenying({ fill }: ActionStep): boolean {
  const nothing = { rule: '', tags: [], output_fields: {} };
  const alert: Alert = { ...nothing, time: '', priority: 'Debug', source: '', hostname: '', output: '' };
  const filled = fill({ alert, alertId: '', steps: new Map() }, () => undefined);
  return filled.ok && mapOf(filled.value)['deny'] === true;
}
