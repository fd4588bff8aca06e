import { printable } from './printable.ts';
import { locate, type Source, type Span } from './source.ts';

/** Ours: Falco has no playbooks, and no tests of rules. */
const ownErrorCodes = ['PLAYBOOK_TEST_FAILED', 'RULE_TEST_FAILED'] as const;

export const errorCodes = [
  'LOAD_ERR_FILE_READ',
  'LOAD_ERR_YAML_PARSE',
  'LOAD_ERR_YAML_VALIDATE',
  'LOAD_ERR_COMPILE_CONDITION',
  'LOAD_ERR_COMPILE_OUTPUT',
  'LOAD_ERR_VALIDATE',
  ...ownErrorCodes,
] as const;

/** Ours: Falco says nothing. */
const ownWarningCodes = [
  /** A word that is allowed but does nothing, and looks like one that does. */
  'LIKELY_TYPO',
  /** A step that never gets its turn. */
  'PLAYBOOK_UNREACHABLE',
  'PLAYBOOK_DISTANCE',
  /** A secret that is neither a file nor in the environment. */
  'PLAYBOOK_NO_SECRET',
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
  ...ownWarningCodes,
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

/** Whether Falco has this code, too. */
export function isFalcos(code: DiagnosticCode): boolean {
  return [...ownErrorCodes, ...ownWarningCodes].every((own) => own !== code);
}

/** Place, code and message alone, for a log or another line of text. */
export function diagnosticLine(diagnostic: Diagnostic): string {
  return renderDiagnostic(diagnostic).split('\n')[0] ?? '';
}

/** The longest source line shown; longer ones are cut around the caret. */
const shownLetters = 120;

/** `path:line:col: error[CODE]: message`, the line of the file, and a caret under the place. */
export function renderDiagnostic(diagnostic: Diagnostic): string {
  const { code, message, source, span } = diagnostic;
  const { path, line, column, lineText, lineOffset } = locate(source, span.start);
  const kind = isWarning(code) ? 'warning' : 'error';
  const head = `${printable(path)}:${line}:${column}: ${kind}[${code}]: ${printable(message)}`;
  const from = Math.max(0, Math.min(lineOffset - shownLetters / 2, lineText.length - shownLetters));
  const start = Math.min(lineOffset, lineText.length);
  const end = Math.min(start + lengthInLine(source, span), from + shownLetters, lineText.length);
  const before = showLine(lineText.slice(from, start));
  const marked = showLine(lineText.slice(start, end));
  const after = showLine(lineText.slice(Math.max(start, end), from + shownLetters));
  return `${head}\n  ${before}${marked}${after}\n  ${' '.repeat(widthOf(before))}${'^'.repeat(Math.max(1, widthOf(marked)))}`;
}

/** How many letters of the file the span covers, as far as they stand in the line in which it begins. */
export function lengthInLine(source: Source, { start, end }: Span): number {
  const first = locate(source, start);
  if (end <= start + 1) return 1;
  const last = locate(source, end - 1);
  if (last.path === first.path && last.line === first.line && last.offset >= first.offset)
    return last.offset + 1 - first.offset;
  return 1 + Math.min(first.following, end - start - 1);
}

function showLine(text: string): string {
  return printable(text.replaceAll('\t', ' '));
}

/** Letters that a terminal shows two columns wide (East Asian Width W and F, most emoji), and those it shows none. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/gu;

function widthOf(text: string): number {
  const shown = text.replace(/\p{M}/gu, '').replace(wide, '  ');
  return [...shown].length;
}
