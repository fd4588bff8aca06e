import { toByteString } from '#rules/language/byte-string';

/** Reading of documents that engines wrote: whatever has an unexpected form counts as missing. */
export type Json = { readonly [key: string]: unknown };

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Most entries of one list or map that are kept, and longest text. */
const MOST = 256;
const MOST_TEXT = 4_096;

export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Cut off, or not JSON: nothing is known then.
  }
};

/** A byte string; empty counts as missing, which is how Go writes what is not set. */
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? toByteString(value.slice(0, MOST_TEXT)) : undefined;

export const partOf = (value: unknown, ...keys: readonly string[]): Json => {
  let current: unknown = value;
  for (const key of keys) current = isJson(current) ? current[key] : undefined;
  return isJson(current) ? current : {};
};

export const listOf = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.slice(0, MOST).filter(isJson) : [];

export const textsOf = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.length > 0
    ? value.slice(0, MOST).map((each) => (typeof each === 'string' ? toByteString(each.slice(0, MOST_TEXT)) : ''))
    : undefined;

export const mapOf = (value: unknown): Map<string, string> => {
  const found = new Map<string, string>();
  if (!isJson(value)) return found;
  for (const [key, each] of Object.entries(value).slice(0, MOST)) {
    if (typeof each === 'string') found.set(toByteString(key), toByteString(each.slice(0, MOST_TEXT)));
  }
  return found;
};

/** Milliseconds since the epoch of a time in RFC 3339; Go's zero time means that there is none. */
export const timeOf = (value: unknown): number | undefined => {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms;
};
