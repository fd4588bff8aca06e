import type { CheckedNode } from './checked.ts';
import { conditionFields } from './condition-fields.ts';
import type { FieldReader, FieldUse, FieldValue } from './field.ts';
import { compileRefuter, type Refuter, verdicts } from './refute.ts';
import { familyOf } from './type-family.ts';

/** Which of the rules a value leaves possible: 1 or 0 for each. Equal ones are one object with one number. */
export type Mask = { readonly id: number; readonly possible: Uint8Array };

/** A field whose value rules some rules out, and what is remembered of its values. */
export type Pivot<E> = {
  readonly read: FieldReader<E>;
  readonly refuters: readonly { readonly rule: number; readonly refute: Refuter }[];
  readonly masks: Map<FieldValue | undefined, Mask>;
  lookups: number;
  misses: number;
  /** Lookups to leave out, because nearly every value was new. */
  pause: number;
};

export type MaskTable = { readonly rules: number; readonly known: Map<string, Mask> };

/** Values remembered per pivot; then it starts again. */
const mostValues = 16_384;
/** Longer texts are not remembered: a process that makes up new ones would fill the memory. */
const longestValue = 256;
/** From so many values on, only one new value in eight is remembered: what is met often gets its turn soon. */
const manyValues = 2_048;
/** After so many lookups the share of new values is judged. */
const window = 8_192;
const pauseLength = 65_536;
/** More different masks than this are not told apart. */
const mostMasks = 4_096;

/** Stands for a value that was met once: not yet worth working out. */
const metOnce: Mask = { id: -1, possible: new Uint8Array(0) };

/** Every field of the conditions, by its text. */
export function fieldsOf(conditions: readonly CheckedNode[]): ReadonlyMap<string, FieldUse> {
  return new Map(conditions.flatMap((condition) => [...conditionFields(condition)]));
}

/** The fields that can refute one of the conditions; `readers` are those of `fields`, in order. */
export function readPivots<E>(
  conditions: readonly CheckedNode[],
  fields: ReadonlyMap<string, FieldUse>,
  readers: readonly FieldReader<E>[],
): readonly Pivot<E>[] {
  return [...fields].flatMap(([name, use], index): readonly Pivot<E>[] => {
    const family = familyOf(use.spec.type);
    const isAddress = family === 'address' || family === 'network';
    const refuters = conditions.flatMap((condition, rule) => {
      const refute = compileRefuter(condition, name);
      return refute === undefined ? [] : [{ rule, refute: isAddress ? fromKey(refute) : refute }];
    });
    const read = readers[index];
    if (refuters.length === 0 || read === undefined) return [];
    return [{ read: isAddress ? asKey(read) : read, refuters, masks: new Map(), lookups: 0, misses: 0, pause: 0 }];
  });
}

/** What the event's value of the field leaves possible; `undefined`: nobody knows, for the value is too new. */
export function maskOf<E>(pivot: Pivot<E>, event: E, table: MaskTable): Mask | undefined {
  if (pivot.pause > 0) {
    pivot.pause--;
    return undefined;
  }
  const value = pivot.read(event);
  const mask = pivot.masks.get(value);
  pivot.lookups++;
  if (mask !== undefined && mask !== metOnce) return mask;
  return meet(pivot, value, mask === metOnce, table);
}

function meet<E>(pivot: Pivot<E>, value: FieldValue | undefined, wasMet: boolean, table: MaskTable): Mask | undefined {
  pivot.misses++;
  if (pivot.lookups >= window) {
    if (pivot.misses > pivot.lookups / 2) pivot.pause = pauseLength;
    pivot.lookups = 0;
    pivot.misses = 0;
  }
  if (typeof value === 'string' && value.length > longestValue) return undefined;
  if (wasMet) {
    const mask = workOut(pivot, value, table);
    if (mask !== undefined) pivot.masks.set(value, mask);
    return mask;
  }
  const { size } = pivot.masks;
  if (size >= mostValues) pivot.masks.clear();
  if (size < manyValues || (pivot.misses & 7) === 0) pivot.masks.set(value, metOnce);
  return undefined;
}

/** `undefined`: there are too many different masks already. */
function workOut<E>(pivot: Pivot<E>, value: FieldValue | undefined, table: MaskTable): Mask | undefined {
  const possible = new Uint8Array(table.rules).fill(1);
  for (const { rule, refute } of pivot.refuters) if (refute(value) === verdicts.no) possible[rule] = 0;
  const key = String.fromCharCode(...pack(possible));
  const same = table.known.get(key);
  if (same !== undefined) return same;
  if (table.known.size >= mostMasks) return undefined;
  const mask: Mask = { id: table.known.size, possible };
  table.known.set(key, mask);
  return mask;
}

function pack(bits: Uint8Array): readonly number[] {
  const bytes = new Array<number>(Math.ceil(bits.length / 8)).fill(0);
  for (const [index, bit] of bits.entries()) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (bit << (index & 7));
  return bytes;
}

/** Addresses are arrays of bytes, made anew for each event: IPv4 becomes a small integer, which can be looked up. */
function asKey<E>(read: FieldReader<E>): FieldReader<E> {
  return (event) => {
    const value = read(event);
    if (!(value instanceof Uint8Array)) return value;
    if (value.length !== 4) return String.fromCharCode(...value);
    return ((value[0] ?? 0) << 24) | ((value[1] ?? 0) << 16) | ((value[2] ?? 0) << 8) | (value[3] ?? 0);
  };
}

function fromKey(refute: Refuter): Refuter {
  return (key) => {
    if (typeof key === 'string') return refute(Uint8Array.from(key, (char) => char.charCodeAt(0)));
    if (typeof key !== 'number') return refute(key);
    return refute(Uint8Array.of(key >>> 24, (key >>> 16) & 255, (key >>> 8) & 255, key & 255));
  };
}
