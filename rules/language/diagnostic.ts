import { printable } from './printable.ts';
import { locate, type Source, type Span } from './source.ts';

export const errorCodes = [
  'LOAD_ERR_FILE_READ',
  'LOAD_ERR_YAML_PARSE',
  'LOAD_ERR_YAML_VALIDATE',
  'LOAD_ERR_COMPILE_CONDITION',
  'LOAD_ERR_COMPILE_OUTPUT',
  'LOAD_ERR_VALIDATE',
] as const;

export const warningCodes = [
  'LOAD_UNKNOWN_SOURCE',
  'LOAD_UNSAFE_NA_CHECK',
  'LOAD_NO_EVTTYPE',
  'LOAD_UNKNOWN_FILTER',
  'LOAD_UNUSED_MACRO',
  'LOAD_UNUSED_LIST',
  'LOAD_UNKNOWN_ITEM',
  'LOAD_DEPRECATED_ITEM',
  'LOAD_APPEND_NO_VALUES',
  'LOAD_EXCEPTION_NAME_NOT_UNIQUE',
  'LOAD_INVALID_MACRO_NAME',
  'LOAD_INVALID_LIST_NAME',
  'LOAD_COMPILE_CONDITION',
  'LOAD_UNKNOWN_KEY',
  /** Ours: nothing on this node can read the field, so its value is always missing. */
  'FIELD_WITHOUT_READER',
] as const;

/** Stable: users search for it, tests assert on it. Falco's codes where Falco has one. */
export type DiagnosticCode = (typeof errorCodes)[number] | (typeof warningCodes)[number];

export type Diagnostic = {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly source: Source;
  readonly span: Span;
};

export type Diagnostics = readonly [Diagnostic, ...Diagnostic[]];

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly diagnostics: Diagnostics };

export function isWarning(code: DiagnosticCode): boolean {
  return warningCodes.some((warning) => warning === code);
}

/** The longest source line shown; longer ones are cut around the caret. */
const shownColumns = 120;

/** `path:line:col: error[CODE]: message`, the line of the file, and a caret under the place. */
export function renderDiagnostic(diagnostic: Diagnostic): string {
  const { code, message, source, span } = diagnostic;
  const place = locate(source, span.start);
  const kind = isWarning(code) ? 'warning' : 'error';
  const head = `${printable(place.path)}:${place.line}:${place.column}: ${kind}[${code}]: ${printable(message)}`;
  const from = Math.max(0, Math.min(place.column - 1 - shownColumns / 2, place.lineText.length - shownColumns));
  const shown = printable(place.lineText.slice(from, from + shownColumns).replaceAll('\t', ' '));
  const before = printable(place.lineText.slice(from, place.column - 1).replaceAll('\t', ' ')).length;
  const width = Math.max(1, Math.min(span.end - span.start, shown.length - before));
  return `${head}\n  ${shown}\n  ${' '.repeat(before)}${'^'.repeat(place.exact ? width : 1)}`;
}
