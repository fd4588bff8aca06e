import { type At, type CheckNode, type Operator, type ResolvedNode, transformerNames } from './ast.ts';
import type { DiagnosticCode } from './diagnostic.ts';
import type { FieldCatalogue } from './field.ts';
import { isNeedless } from './regex.ts';

export type Warning = { readonly code: DiagnosticCode; readonly message: string; readonly at: At };

const deprecatedFields = [
  'evt.dir',
  'evt.latency',
  'evt.latency.s',
  'evt.latency.ns',
  'evt.latency.human',
  'evt.wait_latency',
];

const reasons: Readonly<Record<string, string>> = { 'evt.dir': 'only exit events exist, so it is always <' };

function whyDeprecated(field: string): string {
  return `${field} is deprecated: ${reasons[field] ?? 'it is always 0, for there are no enter events'}`;
}

/** What is odd about a condition, though it compiles. */
export function warnAboutCondition(node: ResolvedNode, catalogue: FieldCatalogue): readonly Warning[] {
  const warnings: Warning[] = [];
  const deprecated = new Set<string>();
  const seen = new Set<ResolvedNode>();
  const visit = (inner: ResolvedNode): void => {
    if (seen.has(inner)) return;
    seen.add(inner);
    if (inner.kind === 'not') {
      visit(inner.child);
      return;
    }
    if (inner.kind !== 'check') {
      for (const child of inner.children) visit(child);
      return;
    }
    const field = inner.left.kind === 'field' ? inner.left.name : undefined;
    if (field !== undefined && deprecatedFields.includes(field) && !deprecated.has(field)) {
      deprecated.add(field);
      warnings.push({ code: 'LOAD_DEPRECATED_ITEM', message: whyDeprecated(field), at: inner.left.at });
    }
    warnings.push(...warnAboutConstants(inner, catalogue));
  };
  visit(node);
  return warnings;
}

const comparesText: readonly Operator[] = ['=', '==', '!=', 'in', 'intersects', 'pmatch'];
const callLike = new RegExp(`^\\s*(?:${transformerNames.join('|')}|val)\\s*\\(.*\\)\\s*$`, 's');

function warnAboutConstants(check: CheckNode, catalogue: FieldCatalogue): readonly Warning[] {
  const { right, left, operator } = check;
  if (right === undefined || right.kind === 'val' || right.kind === 'transformer') return [];
  const warnings: Warning[] = [];
  for (const { value, at, number } of right.kind === 'list' ? right.values : [right]) {
    const add = (code: DiagnosticCode, message: string): void => void warnings.push({ code, message, at });
    if (
      value === '<NA>' &&
      left.kind === 'field' &&
      /^(?:ka|jevt)\./.test(left.name) &&
      comparesText.includes(operator)
    ) {
      add('LOAD_UNSAFE_NA_CHECK', 'a missing value does not equal <NA>; use exists');
    }
    if (!number && isFieldName(value, catalogue)) {
      add(
        'LOAD_COMPILE_CONDITION',
        `${value.trim()} is compared as a text; to compare with the field write val(${value.trim()})`,
      );
    }
    if (callLike.test(value))
      add(
        'LOAD_COMPILE_CONDITION',
        `${JSON.stringify(value)} is compared as a text; without the quotes it is a transformer`,
      );
    if (operator === 'regex' && isNeedless(value)) {
      add('LOAD_COMPILE_CONDITION', `this regex has nothing special; startswith, endswith, contains or = is faster`);
    }
  }
  return warnings;
}

function isFieldName(text: string, catalogue: FieldCatalogue): boolean {
  const [, name, argument] = /^([a-zA-Z][\w.]*\.\w+)(?:\[([^\]]*)\])?$/.exec(text.replaceAll(/[ \t\n\r]/g, '')) ?? [];
  return name !== undefined && catalogue.lookup(name, argument).ok;
}

/** The same list is searched in the output as plain text, so `%evt.latency.ns` gives two. */
export function warnAboutOutput(output: string, at: At): readonly Warning[] {
  return deprecatedFields
    .filter((field) => output.includes(field))
    .map((field) => ({ code: 'LOAD_DEPRECATED_ITEM', message: whyDeprecated(field), at }));
}
