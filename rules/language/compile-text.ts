import { checkCondition, makeChecker, type Problem } from './check.ts';
import type { CheckedNode } from './checked.ts';
import type { Diagnostic, Diagnostics, Result } from './diagnostic.ts';
import type { Bind, FieldCatalogue } from './field.ts';
import { makeMachine, nextEvent } from './machine.ts';
import { nearest } from './nearest.ts';
import { parseCondition } from './parser.ts';
import { compilePredicate } from './predicate.ts';
import { resolveNames } from './resolve.ts';
import { type Source, sourceOf } from './source.ts';

/** Checks a condition that stands alone: no macros, no lists. */
export function checkText(text: string | Source, catalogue: FieldCatalogue): Result<CheckedNode> {
  const source = typeof text === 'string' ? sourceOf('condition', text) : text;
  const parsed = parseCondition(source);
  if (!parsed.ok) return parsed;
  const problems: Problem[] = [];
  const resolved = resolveNames(parsed.value, (name, at) => {
    const near = nearest(
      name,
      catalogue.specs.map((spec) => spec.name),
    );
    problems.push({
      message: `unknown name ${name}; a field has a dot${near === undefined ? '' : `, as in ${near}`}`,
      at,
      kind: 'invalid',
    });
    return undefined;
  });
  if (resolved === undefined) return { ok: false, diagnostics: toDiagnostics(problems, 'LOAD_ERR_COMPILE_CONDITION') };
  const checker = makeChecker(catalogue);
  const checked = checkCondition(resolved, checker);
  if (checker.problems.length > 0)
    return { ok: false, diagnostics: toDiagnostics(checker.problems, 'LOAD_ERR_COMPILE_CONDITION') };
  return { ok: true, value: checked };
}

/** A condition as a function of an event; playbooks use it for `on.condition` and `if`. */
export function compileCondition<E>(
  text: string | Source,
  bind: Bind<E>,
  catalogue: FieldCatalogue,
): Result<(event: E) => boolean> {
  const checked = checkText(text, catalogue);
  return checked.ok ? { ok: true, value: compileChecked(checked.value, bind) } : checked;
}

export function compileChecked<E>(node: CheckedNode, bind: Bind<E>): (event: E) => boolean {
  const machine = makeMachine(bind);
  const predicate = compilePredicate(node, machine);
  return (event) => {
    nextEvent(machine);
    return predicate(event);
  };
}

export function toDiagnostics(problems: readonly Problem[], code: Diagnostic['code']): Diagnostics {
  const [first, ...others] = problems.map(
    ({ message, at }): Diagnostic => ({ code, message, source: at.source, span: at.span }),
  );
  if (first === undefined) throw new Error('no problem to report');
  return [first, ...others];
}
