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

const none: readonly Warning[] = [];

/** What is odd about a condition, though it compiles; `known` keeps what was found in parts that others have, too. */
export function warnAboutCondition(
  node: ResolvedNode,
  catalogue: FieldCatalogue,
  known: Map<ResolvedNode, readonly Warning[]>,
): readonly Warning[] {
  const seen = known.get(node);
  if (seen !== undefined) return seen;
  const warnings =
    node.kind === 'check'
      ? warnAboutCheck(node, catalogue)
      : warnAboutParts(node, (child) => warnAboutCondition(child, catalogue, known));
  known.set(node, warnings);
  return warnings;
}

function warnAboutParts(
  node: Exclude<ResolvedNode, CheckNode>,
  warn: (child: ResolvedNode) => readonly Warning[],
): readonly Warning[] {
  const parts = node.kind === 'not' ? [node.child] : node.children;
  const all: Warning[] = [];
  const deprecated = new Set<string>();
  for (const part of parts) {
    for (const warning of warn(part)) {
      // A deprecated field is named once, where it first stands.
      if (warning.code === 'LOAD_DEPRECATED_ITEM' && deprecated.has(warning.message)) continue;
      if (warning.code === 'LOAD_DEPRECATED_ITEM') deprecated.add(warning.message);
      all.push(warning);
    }
  }
  return all.length === 0 ? none : all;
}

function warnAboutCheck(check: CheckNode, catalogue: FieldCatalogue): readonly Warning[] {
  const { left } = check;
  const constants = warnAboutConstants(check, catalogue);
  if (left.kind !== 'field' || !deprecatedFields.includes(left.name)) return constants;
  return [{ code: 'LOAD_DEPRECATED_ITEM', message: whyDeprecated(left.name), at: left.at }, ...constants];
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
    if (!number && value.includes('.') && isFieldName(value, catalogue)) {
      add(
        'LOAD_COMPILE_CONDITION',
        `${value.trim()} is compared as a text; to compare with the field write val(${value.trim()})`,
      );
    }
    if (value.includes('(') && callLike.test(value))
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
