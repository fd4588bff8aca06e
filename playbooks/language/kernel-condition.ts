import type { At } from '#rules/language/ast';
import type { CheckedNode, CheckedTest } from '#rules/language/checked';
import type { Constant } from '#rules/language/constants';

/** What the kernel knows of a program at the moment of its start. */
export const kernelTexts = ['name', 'parentName', 'path', 'argument'] as const;
export const kernelNumbers = ['uid', 'loginUid', 'tty', 'flags', 'place', 'call'] as const;
export type KernelText = (typeof kernelTexts)[number];
export type KernelNumber = (typeof kernelNumbers)[number];

/** `has`: one of these bits. `longer`: a text of more bytes. Text is byte strings. */
export type KernelTest =
  | { readonly subject: KernelText; readonly operator: 'whole' | 'begins' | 'ends'; readonly text: string }
  | { readonly subject: KernelText; readonly operator: 'longer'; readonly number: number }
  | { readonly subject: KernelNumber; readonly operator: 'equals' | 'greater' | 'has'; readonly number: number };

/** A condition that the kernel evaluates exactly: it holds there if and only if it holds. */
export type KernelFormula =
  | { readonly kind: 'and' | 'or'; readonly children: readonly KernelFormula[] }
  | { readonly kind: 'not'; readonly child: KernelFormula }
  | { readonly kind: 'test'; readonly test: KernelTest };

/** A clause that the kernel cannot evaluate, and why. */
export type KernelRefusal = { readonly at: At; readonly reason: string };

export type KernelCondition =
  | { readonly ok: true; readonly formula: KernelFormula }
  | { readonly ok: false; readonly refusals: readonly [KernelRefusal, ...KernelRefusal[]] };

/** In the kernel's table (native/bpf/reflex.h). */
export const MOST_TEXT_BYTES = 64;
/** Values of `place`. */
const places = { host: 1, container: 2 } as const;
/** Bits of `flags` (native/bpf/event.h). */
const flags = { upperLayer: 4, memfd: 8, lowerLayer: 256 } as const;
/** Numbers of the calls that start programs. */
const calls: ReadonlyMap<Constant, number> = new Map([
  ['execve', 59],
  ['execveat', 322],
]);
const UNSET_UID = 0xffff_ffff;

/** No program has this call's number: a test that never holds. */
const never: KernelFormula = { kind: 'test', test: { subject: 'call', operator: 'equals', number: 0xffff_fffe } };
const not = (child: KernelFormula): KernelFormula => ({ kind: 'not', child });

/** What the kernel can make of a condition; every clause that it cannot evaluate is named. */
export function kernelCondition(node: CheckedNode): KernelCondition {
  const refusals: KernelRefusal[] = [];
  const formula = translate(node, refusals);
  const [first, ...others] = refusals;
  return first === undefined ? { ok: true, formula } : { ok: false, refusals: [first, ...others] };
}

function translate(node: CheckedNode, refusals: KernelRefusal[]): KernelFormula {
  switch (node.kind) {
    case 'and':
    case 'or':
      return { kind: node.kind, children: node.children.map((child) => translate(child, refusals)) };
    case 'not':
      return not(translate(node.child, refusals));
    case 'check': {
      const read = translateTest(node);
      if (typeof read !== 'string') return read;
      refusals.push({ at: node.at, reason: read });
      return never;
    }
  }
}

/** The test, or why the kernel cannot evaluate it. */
type Translated = KernelFormula | string;
type Translate = (test: CheckedTest, values: readonly Constant[]) => Translated;

function translateTest(test: CheckedTest): Translated {
  const { left, right, modifier, operator } = test;
  if (left.kind !== 'field') return 'the kernel compares fields as they are, without transformers';
  const { name } = left.use.spec;
  const read = left.use.argument === undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (read === undefined) return `the kernel does not know ${name} when a program starts; it knows ${known}`;
  if (right.kind === 'expression') return 'the kernel compares fields with constants, not with other fields';
  if (right.kind === 'none') return `${name} always exists there; leave the clause out`;
  const { values } = right;
  if (modifier === 'allof' && values.length > 1) return 'the kernel compares with any of several values, not with all';
  if (operator === '!=' && values.length !== 1) return 'the kernel compares != with one value';
  return read(test, values);
}

const anyOf = (parts: readonly Translated[]): Translated => {
  const wrong = parts.find((part) => typeof part === 'string');
  if (wrong !== undefined) return wrong;
  const children = parts.filter((part) => typeof part !== 'string');
  const [only] = children;
  if (only === undefined) return never;
  return children.length === 1 ? only : { kind: 'or', children };
};

const isEquality = (operator: string): boolean => ['=', '==', '!=', 'in'].includes(operator);
const unless = (operator: string, part: Translated): Translated =>
  operator === '!=' && typeof part !== 'string' ? not(part) : part;

function ofText(subject: KernelText): Translate {
  const one = (operator: 'whole' | 'begins' | 'ends', text: string): Translated =>
    text.length > MOST_TEXT_BYTES
      ? `the kernel compares with at most ${MOST_TEXT_BYTES} bytes`
      : { kind: 'test', test: { subject, operator, text } };
  return ({ operator }, values) => {
    const texts = values.filter((value) => typeof value === 'string');
    switch (operator) {
      case '=':
      case '==':
      case '!=':
      case 'in':
        return unless(operator, anyOf(texts.map((text) => one('whole', text))));
      case 'startswith':
        return anyOf(texts.map((text) => one('begins', text)));
      case 'endswith':
        return anyOf(texts.map((text) => one('ends', text)));
      case 'glob':
        return anyOf(texts.map((text) => ofGlob(text, one, subject)));
      default:
        return `the kernel compares beginnings, ends and whole texts; it has no ${operator}`;
    }
  };
}

/** `a*`, `*b` and `a*b` are a beginning and an end. */
function ofGlob(
  pattern: string,
  one: (operator: 'whole' | 'begins' | 'ends', text: string) => Translated,
  subject: KernelText,
): Translated {
  const [first = '', last, ...others] = pattern.split(/\*+/);
  if (/[?[\\]/.test(pattern) || others.length > 0) {
    return 'the kernel knows patterns with one * and no other sign';
  }
  if (last === undefined) return one('whole', first);
  const parts = [one('begins', first), one('ends', last)];
  const wrong = parts.find((part) => typeof part === 'string');
  if (wrong !== undefined) return wrong;
  const children = parts.filter((part) => typeof part !== 'string');
  const least = first.length + last.length;
  // Beginning and end must not lie on each other.
  if (least > 0) children.push({ kind: 'test', test: { subject, operator: 'longer', number: least - 1 } });
  return { kind: 'and', children };
}

const equals = (subject: KernelNumber, number: number): KernelFormula => ({
  kind: 'test',
  test: { subject, operator: 'equals', number },
});
const greater = (subject: KernelNumber, number: number): KernelFormula => ({
  kind: 'test',
  test: { subject, operator: 'greater', number },
});

/** `unset`: the number that stands for -1. */
function ofNumber(subject: KernelNumber, unset?: number): Translate {
  return ({ operator }, values) => {
    const numbers = values.flatMap((value) =>
      typeof value === 'number' || typeof value === 'bigint' ? Number(value) : [],
    );
    const [limit = 0] = numbers;
    if (isEquality(operator)) {
      const parts = numbers.map((number) => {
        const wanted = unset !== undefined && number === -1 ? unset : number;
        const isSame = number !== unset && wanted >= 0 && Number.isSafeInteger(wanted);
        return isSame ? equals(subject, wanted) : never;
      });
      return unless(operator, anyOf(parts));
    }
    if (unset !== undefined || !Number.isSafeInteger(limit)) return `the kernel has no ${operator} for this field`;
    switch (operator) {
      case '>':
        return limit < 0 ? not(never) : greater(subject, limit);
      case '>=':
        return limit <= 0 ? not(never) : greater(subject, limit - 1);
      case '<':
        return limit <= 0 ? never : not(greater(subject, limit - 1));
      case '<=':
        return limit < 0 ? never : not(greater(subject, limit));
      default:
        return `the kernel has no ${operator} for this field`;
    }
  };
}

function ofFlag(bit: number): Translate {
  return ({ operator }, values) => {
    if (!isEquality(operator)) return `the kernel has no ${operator} for this field`;
    const set: KernelFormula = { kind: 'test', test: { subject: 'flags', operator: 'has', number: bit } };
    return unless(operator, anyOf(values.map((value) => (value === true ? set : not(set)))));
  };
}

const ofContainer: Translate = ({ operator }, values) => {
  if (!isEquality(operator) || values.some((value) => value !== 'host'))
    return 'the kernel tells the host from containers, not one container from another; compare with host';
  return unless(operator, anyOf(values.map(() => equals('place', places.host))));
};

const ofType: Translate = ({ operator }, values) => {
  if (!isEquality(operator)) return `the kernel has no ${operator} for this field`;
  const numbers = values.map((value) => calls.get(value));
  return unless(operator, anyOf(numbers.map((number) => (number === undefined ? never : equals('call', number)))));
};

/** How each field is read from what the kernel knows; the agent's readers (agent/fields) yield the same. */
const fields: Readonly<Record<string, Translate>> = {
  'proc.name': ofText('name'),
  'proc.pname': ofText('parentName'),
  'proc.exepath': ofText('path'),
  'proc.exe': ofText('argument'),
  'proc.tty': ofNumber('tty'),
  'proc.is_exe_upper_layer': ofFlag(flags.upperLayer),
  'proc.is_exe_lower_layer': ofFlag(flags.lowerLayer),
  'proc.is_exe_from_memfd': ofFlag(flags.memfd),
  'user.uid': ofNumber('uid'),
  'user.loginuid': ofNumber('loginUid', UNSET_UID),
  'container.id': ofContainer,
  'evt.type': ofType,
};

const known = Object.keys(fields).join(', ');
