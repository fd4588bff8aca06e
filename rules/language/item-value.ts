import { type Priority, parsePriority, priorities } from '../alert.ts';
import type { At } from './ast.ts';
import type { DiagnosticCode } from './diagnostic.ts';
import { nearest } from './nearest.ts';
import type { Entry, Value } from './yaml-reader.ts';

/** Where the reading and the collecting of items put what they find, in the order in which they find it. */
export type Report = (code: DiagnosticCode, message: string, at: At) => undefined;

export type MapValue = Extract<Value, { kind: 'map' }>;
export const shape: DiagnosticCode = 'LOAD_ERR_YAML_VALIDATE';

export function entry(map: MapValue, key: string): Entry | undefined {
  return map.entries.find((one) => one.key === key);
}

/** A required text. `undefined`: reported. */
export function readText(map: MapValue, key: string, report: Report): Extract<Value, { kind: 'text' }> | undefined {
  const found = entry(map, key);
  if (found === undefined) return report(shape, `${key} is missing`, map.at);
  const { value } = found;
  if (value.kind === 'text' && value.text !== '') return value;
  if (value.kind === 'list' || value.kind === 'map')
    return report(shape, `${key} must be a text, found a ${value.kind}`, value.at);
  return report(shape, `${key} is empty`, found.keyAt);
}

/** yaml-cpp's truth values, quoted or not; `1` and `0` are none. */
export function readBoolean(map: MapValue, key: string, report: Report): boolean | undefined {
  const found = entry(map, key);
  if (found === undefined) return undefined;
  const text = found.value.kind === 'text' ? found.value.text : '';
  const lower = text.toLowerCase();
  const spelled =
    text === lower || text === text.toUpperCase() || text === lower.charAt(0).toUpperCase() + lower.slice(1);
  if (spelled && ['true', 'yes', 'on', 'y'].includes(lower)) return true;
  if (spelled && ['false', 'no', 'off', 'n'].includes(lower)) return false;
  return report(shape, `${key} must be true or false`, found.value.at);
}

/** An integer of 32 bits as yaml-cpp reads it: 0x16 is hexadecimal, and 026 octal. */
export function readUnsigned(text: string): number | undefined {
  const [, digits] = /^\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)\s*$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = Number(digits.replace(/^0(?=[0-7])/, '0o'));
  return value < 2 ** 32 ? value : undefined;
}

export function readTexts(
  map: MapValue,
  key: string,
  report: Report,
): readonly Extract<Value, { kind: 'text' }>[] | undefined {
  const found = entry(map, key);
  if (found === undefined) return report(shape, `${key} is missing`, map.at);
  if (found.value.kind !== 'list') return report(shape, `${key} must be a list`, found.value.at);
  const texts = found.value.items.filter((item) => item.kind === 'text');
  const odd = found.value.items.find((item) => item.kind !== 'text');
  if (odd !== undefined)
    return report(
      shape,
      `${key} must be a list of texts, found ${odd.kind === 'null' ? 'an empty item' : `a ${odd.kind}`}`,
      odd.at,
    );
  return texts;
}

export function readPriority(map: MapValue, report: Report): Priority | undefined {
  const value = readText(map, 'priority', report);
  if (value === undefined) return undefined;
  const priority = parsePriority(value.text);
  if (priority !== undefined) return priority;
  const word = value.text.trim().toLowerCase();
  const known = ['Info', ...priorities].map((name) => name.toLowerCase());
  // Others say warn and crit.
  const begun = word.length < 3 ? undefined : known.find((name) => name.startsWith(word));
  const near = begun ?? nearest(word, known);
  return report(
    shape,
    `unknown priority ${JSON.stringify(value.text)}; ${near === undefined ? `one of ${priorities.join(', ')}` : `did you mean ${near.toUpperCase()}?`}`,
    value.at,
  );
}

export const engineVersion: readonly [number, number, number] = [0, 62, 0];

/** Whether what runs (the engine, a plugin) is what is asked for: equal major number, and not older. */
export function isCompatible([major, minor, patch]: readonly number[], own = engineVersion): boolean {
  const [ownMajor, ownMinor, ownPatch] = own;
  return major === ownMajor && ((minor ?? 0) < ownMinor || (minor === ownMinor && (patch ?? 0) <= ownPatch));
}
