import type { CheckedNode } from './checked.ts';
import { conditionFields } from './condition-fields.ts';
import { isSlow } from './cost.ts';
import type { FieldReader, FieldUse, FieldValue } from './field.ts';
import { generate } from './generated.ts';
import { compileRefuter, type Refuter, verdicts } from './refute.ts';
import { compileScan, type Scan } from './scan.ts';
import { familyOf } from './type-family.ts';

/** Which of the rules a value leaves possible: 1 or 0 for each. Equal ones are one object with one number. */
export type Mask = { readonly id: number; readonly possible: Uint8Array };

/** A field whose value rules some rules out, and what is remembered of its values. */
export type Pivot<E> = {
  readonly read: FieldReader<E>;
  readonly refuters: readonly { readonly rule: number; readonly refute: Refuter }[];
  /** What a text that is not remembered rules out, in one pass over it. */
  readonly compileScan: () => Scan | undefined;
  scan: Scan | undefined;
  hasScan: boolean;
  /** By the numbers of the literals that the scan found, as a text. */
  readonly scanned: Map<string, Mask>;
  scannedNone: Mask | undefined;
  /** What the last scan that found something found: many texts in a row often begin alike. */
  last: { readonly found: readonly number[]; readonly mask: Mask } | undefined;
  readonly masks: Map<FieldValue | undefined, Mask>;
  lastValue: FieldValue | undefined;
  lastMask: Mask | undefined;
  /** Values that were not remembered, and the event at which we began to count them. */
  misses: number;
  since: number;
  /** Events for which nothing is looked up or remembered, because nearly every value was new. */
  pause: number;
};

/** All masks of a plan; `now` counts events. */
export type MaskTable = { readonly rules: number; readonly known: Map<string, Mask>; readonly now: () => number };

/** Values remembered per pivot; then it starts again. */
const mostValues = 16_384;
/** Longer texts are not remembered: a process that makes up new ones would fill the memory. */
const longestValue = 256;
/** From so many values on, only one new value in eight is remembered: what is met often gets its turn soon. */
const manyValues = 2_048;
/** After so many misses it is asked whether they were most of the events. */
const window = 4_096;
const pauseLength = 65_536;
/** More different masks than this are not told apart. */
const mostMasks = 4_096;

/** Stands for a value that was met once: not yet worth working out. */
const metOnce: Mask = { id: -1, possible: new Uint8Array(0) };

/** Every field of the conditions, by its text. */
export function fieldsOf(conditions: readonly CheckedNode[]): ReadonlyMap<string, FieldUse> {
  return new Map(conditions.flatMap((condition) => [...conditionFields(condition)]));
}

/**
 * The fields that can refute one of the conditions; `readers` are those of `fields`, in order. What is slow to read is
 * none: it is read when the rest of a condition is true.
 */
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
    if (refuters.length === 0 || read === undefined || isSlow(use)) return [];
    return [
      {
        read: isAddress ? asKey(read) : read,
        refuters,
        compileScan: () => (family === 'string' ? compileScan(conditions, name) : undefined),
        scan: undefined,
        hasScan: true,
        scanned: new Map(),
        scannedNone: undefined,
        last: undefined,
        masks: new Map(),
        lastValue: undefined,
        lastMask: undefined,
        misses: 0,
        since: 0,
        pause: 0,
      },
    ];
  });
}

/** What the event's value of a field leaves possible; `undefined`: nothing is known about such a value. */
export type Look<E> = (event: E) => Mask | undefined;

/** Each field has code of its own, so that the engine puts the reader into it. */
export function compileLook<E>(pivot: Pivot<E>, table: MaskTable): Look<E> {
  const find = (value: FieldValue | undefined): Mask | undefined => maskOf(pivot, value, table);
  const body =
    'return function look(e){const v=c0(e);return v===c1.lastValue&&c1.lastMask!==undefined?c1.lastMask:c2(v)}';
  return generate(body, [pivot.read, pivot, find]);
}

function maskOf<E>(pivot: Pivot<E>, value: FieldValue | undefined, table: MaskTable): Mask | undefined {
  if (pivot.pause > 0) {
    pivot.pause--;
    return scanValue(pivot, value, table);
  }
  const mask = pivot.masks.get(value);
  if (mask === undefined || mask === metOnce) return meet(pivot, value, mask, table);
  pivot.lastValue = value;
  pivot.lastMask = mask;
  return mask;
}

function meet<E>(
  pivot: Pivot<E>,
  value: FieldValue | undefined,
  known: Mask | undefined,
  table: MaskTable,
): Mask | undefined {
  if (pivot.misses === 0) pivot.since = table.now();
  if (++pivot.misses >= window) {
    if (table.now() - pivot.since < 2 * pivot.misses) pivot.pause = pauseLength;
    pivot.misses = 0;
  }
  if (typeof value === 'string' && value.length > longestValue) return scanValue(pivot, value, table);
  if (known === metOnce) {
    const mask = workOut(pivot, value, table);
    if (mask !== undefined) pivot.masks.set(value, mask);
    return mask;
  }
  const { size } = pivot.masks;
  if (size >= mostValues) pivot.masks.clear();
  if (size < manyValues || (pivot.misses & 7) === 0) pivot.masks.set(value, metOnce);
  return scanValue(pivot, value, table);
}

/** Less exact than `workOut`, and cheaper. */
function scanValue<E>(pivot: Pivot<E>, value: FieldValue | undefined, table: MaskTable): Mask | undefined {
  if (typeof value !== 'string' || !pivot.hasScan) return undefined;
  pivot.scan ??= pivot.compileScan();
  const { scan } = pivot;
  if (scan === undefined) {
    pivot.hasScan = false;
    return undefined;
  }
  const found = scan.find(value);
  if (found.length === 0 && pivot.scannedNone !== undefined) return pivot.scannedNone;
  const { last } = pivot;
  if (last !== undefined && isEqual(found, last.found)) return last.mask;
  const key = found.join(' ');
  const same = pivot.scanned.get(key);
  if (same !== undefined) {
    pivot.last = { found: [...found], mask: same };
    return same;
  }
  const possible = scan.always.slice();
  for (const literal of found) for (const rule of scan.conditionsOf[literal] ?? []) possible[rule] = 1;
  const mask = intern(possible, table);
  if (mask !== undefined && pivot.scanned.size < mostMasks) pivot.scanned.set(key, mask);
  if (found.length === 0) pivot.scannedNone = mask;
  return mask;
}

function isEqual(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/** `undefined`: there are too many different masks already. */
function workOut<E>(pivot: Pivot<E>, value: FieldValue | undefined, table: MaskTable): Mask | undefined {
  const possible = new Uint8Array(table.rules).fill(1);
  for (const { rule, refute } of pivot.refuters) if (refute(value) === verdicts.no) possible[rule] = 0;
  return intern(possible, table);
}

/** `undefined`: there are too many different masks already. */
function intern(possible: Uint8Array, table: MaskTable): Mask | undefined {
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
