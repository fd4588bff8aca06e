import type * as z from 'zod';
import { nearest } from '#rules/language/nearest';
import type { Path, Written } from './written.ts';

/** Longer words are not repeated in a message. */
const MOST_SHOWN = 64;

/** Reports what a schema found: what is wrong, with the word as written, then what would be right. */
export function reportIssue(
  issue: z.core.$ZodIssue,
  base: Path,
  written: Written,
  known: (path: Path) => readonly string[],
): void {
  const path = [...base, ...issue.path.filter((step) => typeof step !== 'symbol')];
  const last = path.at(-1);
  if (issue.code === 'invalid_key' && last !== undefined) {
    const key = String(last);
    const [inner] = issue.issues;
    written.failKey(path.slice(0, -1), key, `${labelOf(path)}${inner?.message ?? issue.message}`);
    return;
  }
  if (issue.code === 'invalid_union') {
    // One branch was meant, and something inside it is wrong.
    const meant = issue.errors.find((branch) => branch.length > 0 && branch.every((one) => one.path.length > 0));
    if (meant !== undefined) {
      for (const one of meant) reportIssue({ ...one, path: [...issue.path, ...one.path] }, base, written, known);
      return;
    }
  }
  if (issue.code !== 'unrecognized_keys') {
    written.fail(path, `${labelOf(path)}${explain(issue, valueAt(written.value, path))}`);
    return;
  }
  for (const key of issue.keys) {
    const keys = known(path);
    const near = nearest(key, keys);
    const hint = near === undefined ? `; expected one of ${keys.join(', ')}` : `; did you mean ${near}?`;
    written.failKey(path, key, `unknown key ${key}${hint}`);
  }
}

export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current: unknown = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
}

/** `steps[0].with.to: ` */
function labelOf(path: Path): string {
  if (path.length === 0) return '';
  return `${path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '')}: `;
}

function explain(issue: z.core.$ZodIssue, value: unknown): string {
  const found = foundOf(value);
  switch (issue.code) {
    case 'invalid_type': {
      // A schema may say it better than its type does.
      const wanted = issue.message.startsWith('Invalid') ? `expected ${nameOf(issue.expected)}` : issue.message;
      return value === undefined ? `is missing; ${wanted}` : `${wanted}${found}`;
    }
    case 'invalid_value':
      return `expected ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}${found}`;
    case 'too_big':
      return `expected at most ${unitOf(issue.origin, issue.maximum)}`;
    case 'too_small':
      return `expected at least ${unitOf(issue.origin, issue.minimum)}`;
    case 'invalid_union': {
      // A schema may say it better than its branches do.
      if (!issue.message.startsWith('Invalid')) return `${issue.message}${found}`;
      const [first] = issue.errors.flat();
      return first === undefined ? issue.message : explain(first, value);
    }
    default:
      return `${issue.message}${found}`;
  }
}

function foundOf(value: unknown): string {
  if (typeof value === 'object' && value !== null) return `, found a ${Array.isArray(value) ? 'list' : 'map'}`;
  const text = value === null ? 'nothing' : String(value);
  return value === undefined || text.length > MOST_SHOWN ? '' : `, found ${text === '' ? 'an empty text' : text}`;
}

/** As people who write YAML call them. */
function nameOf(type: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'a text',
    array: 'a list',
    object: 'a map',
    record: 'a map',
    tuple: 'a list',
  };
  return names[type] ?? `a ${type}`;
}

function unitOf(origin: string, count: number | bigint): string {
  const unit = { string: ' character', array: ' item' }[origin];
  return unit === undefined ? String(count) : `${count}${unit}${Number(count) === 1 ? '' : 's'}`;
}
