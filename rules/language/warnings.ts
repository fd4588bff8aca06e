import {
  type At,
  type CheckNode,
  type FieldNode,
  type Operand,
  type Operator,
  type ResolvedNode,
  type Right,
  transformerNames,
} from './ast.ts';
import type { DiagnosticCode } from './diagnostic.ts';
import type { FieldCatalogue } from './field.ts';
import { nearest } from './nearest.ts';
import { parameterNames } from './parameter-names.ts';
import { isNeedless } from './regex.ts';
import type { Source } from './source.ts';

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

/** The field that such a message is about. */
export function deprecatedFieldIn(message: string): string | undefined {
  return deprecatedFields.find((field) => message.startsWith(`${field} is deprecated`));
}

const none: readonly Warning[] = [];

/** What words may mean. */
export type Vocabulary = { readonly catalogue: FieldCatalogue; readonly lists: ReadonlyMap<string, unknown> };

/** What is odd about a condition, though it compiles; `known` keeps what was found in parts that others have, too. */
export function warnAboutCondition(
  node: ResolvedNode,
  words: Vocabulary,
  known: Map<ResolvedNode, readonly Warning[]>,
): readonly Warning[] {
  const seen = known.get(node);
  if (seen !== undefined) return seen;
  const warnings =
    node.kind === 'check'
      ? warnAboutCheck(node, words)
      : warnAboutParts(node, (child) => warnAboutCondition(child, words, known));
  known.set(node, warnings);
  return warnings;
}

function warnAboutParts(
  node: Exclude<ResolvedNode, CheckNode>,
  warn: (child: ResolvedNode) => readonly Warning[],
): readonly Warning[] {
  const parts = node.kind === 'not' ? [node.child] : node.children;
  const all: Warning[] = [];
  const said = new Set<string>();
  for (const part of parts) {
    for (const warning of warn(part)) {
      // A deprecated field, or <NA>, is named once, where it first stands.
      const isOnce = warning.code === 'LOAD_DEPRECATED_ITEM' || warning.code === 'LOAD_UNSAFE_NA_CHECK';
      if (isOnce && said.has(warning.message)) continue;
      if (isOnce) said.add(warning.message);
      all.push(warning);
    }
  }
  return all.length === 0 ? none : all;
}

function warnAboutCheck(check: CheckNode, { catalogue, lists }: Vocabulary): readonly Warning[] {
  const { left, right } = check;
  const fields = [...fieldsIn(left), ...(right === undefined ? [] : fieldsInRight(right))];
  const deprecated = deprecatedFields.flatMap((name): readonly Warning[] => {
    const found = fields.find((field) => field.name === name);
    return found === undefined ? [] : [{ code: 'LOAD_DEPRECATED_ITEM', message: whyDeprecated(name), at: found.at }];
  });
  return [
    ...deprecated,
    ...warnAboutConstants(check, catalogue),
    ...fields.flatMap(warnAboutTypo),
    ...(right?.kind === 'list' ? warnAboutLists(right, lists) : none),
    ...(right?.kind === 'list' && right.unread !== undefined ? [warnAboutUnread(right.unread)] : none),
  ];
}

function fieldsInRight(right: Right): readonly FieldNode[] {
  switch (right.kind) {
    case 'literal':
    case 'list':
      return [];
    case 'val':
      return [right.field];
    case 'transformer':
      return fieldsIn(right);
  }
}

function fieldsIn(operand: Operand): readonly FieldNode[] {
  switch (operand.kind) {
    case 'literal':
      return [];
    case 'field':
      return [operand];
    case 'tuple':
      return operand.items.flatMap(fieldsIn);
    case 'transformer':
      return operand.operands.flatMap(fieldsIn);
  }
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
      !warnings.some(({ code }) => code === 'LOAD_UNSAFE_NA_CHECK') &&
      comparesText.includes(operator) &&
      fieldsIn(left).some(({ name }) => /^(?:ka|jevt)\./.test(name))
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

/** A parameter that no event has, but for one letter or two. */
function warnAboutTypo({ name, at }: FieldNode): readonly Warning[] {
  const [, field, word] = parameter.exec(name) ?? [];
  return field === undefined || word === undefined ? none : warnAboutParameter(field, word, at);
}

const parameter = /^(evt\.(?:raw)?arg)\.(\w+)$/;

function warnAboutParameter(field: string, name: string, at: At): readonly Warning[] {
  const near = parameterNames.has(name) ? undefined : nearest(name, parameterNames);
  if (near === undefined) return none;
  return [{ code: 'LIKELY_TYPO', message: `no event has a ${field}.${name}; did you mean ${field}.${near}?`, at }];
}

function warnAboutUnread(at: At): Warning {
  const written = at.source.text.slice(at.span.start, at.span.end);
  return {
    code: 'LIKELY_TYPO',
    message: `${written} has an unknown escape, so the list counts as empty; a backslash is written \\\\`,
    at,
  };
}

/** Words where a list could stand that are nearly the name of one. A plain word may well be meant: not `shell` for `shells`. */
function warnAboutLists(
  right: Extract<Right, { kind: 'list' }>,
  lists: ReadonlyMap<string, unknown>,
): readonly Warning[] {
  return right.values.flatMap(({ value, at }): readonly Warning[] => {
    const isQuoted = /["']/.test(at.source.text[at.span.start] ?? '');
    if (isQuoted || (!right.bare && !/^[a-zA-Z]\w*_\w*$/.test(value))) return none;
    // Rule files hold thousands of words: few are compared letter by letter.
    const like = (name: string): boolean => right.bare || (name[0] === value[0] && name.includes('_'));
    const near = nearest(value, [...lists.keys()].filter(like));
    if (near === undefined) return none;
    return [{ code: 'LIKELY_TYPO', message: `${value} is no list but a text; did you mean the list ${near}?`, at }];
  });
}

/** The same list is searched in the output as plain text, so `%evt.latency.ns` gives two. */
export function warnAboutOutput(output: Source): readonly Warning[] {
  const { text } = output;
  const deprecated = deprecatedFields
    .filter((field) => text.includes(field))
    .map((field): Warning => {
      const start = text.indexOf(field);
      const at = { source: output, span: { start, end: start + field.length } };
      return { code: 'LOAD_DEPRECATED_ITEM', message: whyDeprecated(field), at };
    });
  const typos = [...text.matchAll(/%\d*((evt\.(?:raw)?arg)\.(\w+))/g)].flatMap((found) => {
    const [whole, field = '', base = '', name = ''] = found;
    const end = found.index + whole.length;
    return warnAboutParameter(base, name, { source: output, span: { start: end - field.length, end } });
  });
  return [...deprecated, ...typos];
}
