import type { Diagnostic, DiagnosticCode } from './diagnostic.ts';
import type { Source } from './source.ts';

/**
 * The grammar has no separate token stream: what a word means depends on where it stands (`demo.text = and`), and
 * tokens may touch (`a.n >5and b`). So the parser asks the cursor for the token that it can use.
 */
export type Cursor = {
  readonly source: Source;
  readonly text: string;
  readonly code: DiagnosticCode;
  at: number;
  depth: number;
  /** The first error; the parser unwinds once it is set. */
  error: Diagnostic | undefined;
};

/**
 * Our own limit: the original has one (100, or 1000 for rules) that it never enforces. Everything that walks trees
 * recurses, and Node's stack holds some 950 levels of the parser.
 */
export const maxDepth = 400;

/** Space, tab, LF, CR and backspace. What ends a bare word differs, in the original, too: VT and FF do, backspace does not. */
const blank = /[ \t\n\r\b]+/y;
const negation = /not[ \t\n\v\f\r]+/y;
const identifier = /[a-zA-Z]+[a-zA-Z0-9_]*/y;
const fieldName = /[a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+/y;
const argument = /[^\][ "'\t\n\v\f\r]+/y;
const number = /0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?/y;
const bare = /[^()"' \t\n\v\f\r=,]+/y;

export function makeCursor(source: Source, code: DiagnosticCode): Cursor {
  return { source, text: source.text, code, at: 0, depth: 0, error: undefined };
}

/** Records the first error and gives `undefined`, which every caller hands on. */
export function fail(cursor: Cursor, message: string, start = cursor.at, end = start + 1): undefined {
  cursor.error ??= { code: cursor.code, message, source: cursor.source, span: { start, end } };
  return undefined;
}

function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text)?.[0];
  if (found !== undefined) cursor.at += found.length;
  return found;
}

export function takeText(cursor: Cursor, text: string): boolean {
  if (!cursor.text.startsWith(text, cursor.at)) return false;
  cursor.at += text.length;
  return true;
}

export const takeNegation = (cursor: Cursor): boolean => take(cursor, negation) !== undefined;
export const takeBlank = (cursor: Cursor): boolean => take(cursor, blank) !== undefined;
export const takeIdentifier = (cursor: Cursor): string | undefined => take(cursor, identifier);
export const takeFieldName = (cursor: Cursor): string | undefined => take(cursor, fieldName);
export const takeArgument = (cursor: Cursor): string | undefined => take(cursor, argument);
export const takeNumber = (cursor: Cursor): string | undefined => take(cursor, number);
export const takeBare = (cursor: Cursor): string | undefined => take(cursor, bare);

/** Whether a quoted string starts here; then `takeQuoted` gives its text, or fails. */
export function seesQuote(cursor: Cursor): boolean {
  const first = cursor.text[cursor.at];
  return first === '"' || first === "'";
}

const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  '/': '/',
  // Tolerated by the original, and the only way to end a quoted string with a backslash.
  ' ': '\\',
};

/** Where the closing quote stands: the first one of the same kind that no backslash precedes, even an escaped one. -1: nowhere. */
export function findClosingQuote({ text, at }: Cursor): number {
  const quote = text[at] ?? '';
  let end = text.indexOf(quote, at + 1);
  while (end !== -1 && text[end - 1] === '\\') end = text.indexOf(quote, end + 1);
  return end;
}

export function takeQuoted(cursor: Cursor): string | undefined {
  const quote = cursor.text[cursor.at] ?? '';
  const end = findClosingQuote(cursor);
  if (end === -1) return fail(cursor, `this ${quote} has no closing ${quote}${endsInEscape(cursor, quote)}`);
  const raw = cursor.text.slice(cursor.at + 1, end);
  const value = raw.includes('\\') ? readEscapes(cursor, raw, quote) : raw;
  if (value !== undefined) cursor.at = end + 1;
  return value;
}

function endsInEscape(cursor: Cursor, quote: string): string {
  const tail = cursor.text.indexOf(`\\\\${quote}`, cursor.at);
  return tail === -1
    ? ''
    : ' (a string cannot end in \\\\ here; write it without quotes, or end it with backslash and blank)';
}

function readEscapes(cursor: Cursor, raw: string, quote: string): string | undefined {
  let value = '';
  for (let at = 0; at < raw.length; at++) {
    const char = raw[at] ?? '';
    if (char !== '\\') {
      value += char;
      continue;
    }
    const next = raw[at + 1] ?? '';
    const replaced = next === quote ? quote : escapes[next];
    if (replaced === undefined) {
      const start = cursor.at + 1 + at;
      return fail(
        cursor,
        `unknown escape \\${next}; a quoted string knows \\${quote} \\\\ \\/ \\b \\f \\n \\r \\t`,
        start,
        start + 2,
      );
    }
    value += replaced;
    at++;
  }
  return value;
}
