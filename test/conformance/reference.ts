import { RE2JS } from 're2js';
import { isInNetwork, parseAddress, parseNetwork } from '../../rules/language/address.ts';
import type { CheckNode, Operand, ResolvedNode } from '../../rules/language/ast.ts';
import { toByteString } from '../../rules/language/byte-string.ts';
import type { FieldType, FieldValue } from '../../rules/language/field.ts';

/** What the reference knows of an event: values and types by the field as written, `proc.aname[2]`. */
export type ReferenceEvent = {
  readonly value: (name: string) => FieldValue | undefined;
  readonly type: (name: string) => FieldType;
};

/**
 * The specification, read as plainly as it can be: walks the tree for each event, converts constants each time, shares
 * nothing with the compiler but the address arithmetic. Tests compare the compiled form with it, benchmarks measure
 * against it.
 */
export function evaluate(node: ResolvedNode, event: ReferenceEvent): boolean {
  if (node.kind === 'not') return !evaluate(node.child, event);
  if (node.kind !== 'check') {
    if (node.kind === 'and') return node.children.every((child) => evaluate(child, event));
    return node.children.some((child) => evaluate(child, event));
  }
  const left = read(node.left, event);
  if (left === undefined) return false;
  if (node.operator === 'exists' || node.right === undefined) return true;
  const type =
    node.left.kind === 'field' ? event.type(nameOf(node.left)) : node.left.name === 'len' ? 'UINT64' : 'CHARBUF';
  if (node.right.kind === 'val' || node.right.kind === 'transformer') {
    const right = read(node.right.kind === 'val' ? node.right.field : node.right, event);
    return right !== undefined && compare(node.operator, left, right);
  }
  const texts = node.right.kind === 'list' ? node.right.values.map(({ value }) => value) : [node.right.value];
  const one = (text: string): boolean => compare(node.operator, left, convert(text, type));
  if (Array.isArray(left) && isOfBothEnds(node.left)) {
    // Either end passes; `!=` asks it of both.
    const passes = (end: FieldValue): boolean => texts.some((text) => compare(node.operator, end, convert(text, type)));
    return node.operator === '!=' ? left.every(passes) : left.some(passes);
  }
  if (Array.isArray(left))
    return (
      texts.length >= 0 &&
      compareList(
        node,
        left,
        texts.map((text) => convert(text, type)),
      )
    );
  if (node.modifier === 'allof') return texts.length > 0 && texts.every(one);
  if (node.modifier === 'oneof') return texts.filter(one).length === 1;
  return texts.some(one);
}

const isOfBothEnds = (operand: Operand): boolean =>
  operand.kind === 'field' && ['fd.ip', 'fd.port', 'fd.net', 'fd.proto'].includes(operand.name);

function compareList(node: CheckNode, left: readonly FieldValue[], right: readonly unknown[]): boolean {
  return node.operator === 'in'
    ? left.every((element) => right.includes(element))
    : left.some((element) => right.includes(element));
}

const nameOf = ({ name, argument }: { name: string; argument: string | undefined }): string =>
  argument === undefined ? name : `${name}[${argument}]`;

function read(operand: Operand, event: ReferenceEvent): FieldValue | undefined {
  if (operand.kind === 'field') return event.value(nameOf(operand));
  if (operand.kind === 'literal') return toByteString(operand.value);
  if (operand.kind === 'tuple') return undefined;
  const values = operand.operands.map((inner) => read(inner, event));
  const [value] = values;
  if (values.includes(undefined) || value === undefined) return undefined;
  const map = (f: (text: string) => string): FieldValue =>
    Array.isArray(value) ? value.map((element) => f(String(element))) : f(String(value));
  if (operand.name === 'tolower') return map((text) => text.replace(/[A-Z]/g, (c) => c.toLowerCase()));
  if (operand.name === 'toupper') return map((text) => text.replace(/[a-z]/g, (c) => c.toUpperCase()));
  if (operand.name === 'basename') return map((text) => text.split('/').at(-1) ?? '');
  if (operand.name === 'concat') return values.join('');
  if (operand.name === 'len') return Array.isArray(value) ? value.length : String(value).length;
  return undefined;
}

function convert(text: string, type: FieldType): unknown {
  if (type === 'BOOL') return text === 'true';
  if (type === 'IPADDR') return parseAddress(text);
  if (type === 'IPNET') return parseNetwork(text);
  return type === 'CHARBUF' || type.startsWith('FS') || type === 'BYTEBUF' ? toByteString(text) : Number(text);
}

function compare(operator: string, left: FieldValue, right: unknown): boolean {
  if (operator === '!=') return !compare('=', left, right);
  if (left instanceof Uint8Array && right instanceof Uint8Array) return left.join() === right.join();
  if (left instanceof Uint8Array)
    return (
      typeof right === 'object' &&
      right !== null &&
      'prefix' in right &&
      isInNetwork(left, right as ReturnType<typeof parseNetwork> & object)
    );
  if (operator === '=' || operator === '==' || operator === 'in' || operator === 'intersects') return left === right;
  if (operator === '<') return left < (right as FieldValue);
  if (operator === '<=') return left <= (right as FieldValue);
  if (operator === '>') return left > (right as FieldValue);
  if (operator === '>=') return left >= (right as FieldValue);
  const [value, text] = [String(left), String(right)];
  if (operator === 'contains') return value.indexOf(text) !== -1;
  if (operator === 'icontains') return value.toLowerCase().indexOf(text.toLowerCase()) !== -1;
  if (operator === 'startswith') return value.indexOf(text) === 0;
  if (operator === 'endswith') return value.length >= text.length && value.slice(value.length - text.length) === text;
  if (operator === 'regex') return RE2JS.matches(text, value);
  if (operator === 'glob') return new RegExp(`^${globToRegExp(text)}$`, 's').test(value);
  if (operator === 'iglob') return new RegExp(`^${globToRegExp(text)}$`, 'is').test(value);
  if (operator === 'pmatch') return isPathPrefix(parts(text), parts(value));
  throw new Error(`the reference does not know ${operator}`);
}

const parts = (path: string): readonly string[] => path.split('/').filter((part) => part !== '');
const isPathPrefix = (prefix: readonly string[], path: readonly string[]): boolean =>
  prefix.every(
    (part, index) => new RegExp(`^${globToRegExp(part)}$`, 's').test(path[index] ?? '\n') && index < path.length,
  );
/** Knows `*`, `?` and plain sets only. */
const globToRegExp = (glob: string): string =>
  glob
    .replace(/\[!/g, '[^')
    .replace(/[.+^$(){}|\\](?![^[]*\])/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
