import { toByteString } from '#rules/language/byte-string';
import type { FieldCatalogue } from '#rules/language/field';
import { compileSegments, type JsonValue } from '#rules/language/format';
import { makeMachine, nextEvent } from '#rules/language/machine';
import { type Source, type Span, sliceSource } from '#rules/language/source';
import { readTemplate, type Template } from '#rules/language/template';
import { bindScope } from './alert-fields.ts';
import type { Fill, Filled, Scope, Secrets } from './playbook.ts';

/** What stands for a secret wherever people look. */
const MASK = '***';
const SHORTEST_LINE = 8;

export type TemplateProblem = { readonly message: string; readonly source: Source; readonly span: Span };

type Piece = (scope: Scope, secrets: Secrets) => PieceValue;
type PieceValue =
  /** `value` stands alone, `text` stands among other text. */
  | { readonly ok: true; readonly value: PlainValue; readonly text: string; readonly secret?: true }
  | { readonly ok: false; readonly reason: string };

/** What JSON can hold: integers beyond 2^53 have become text. */
type PlainValue = string | number | boolean | null | readonly PlainValue[];

/** `%{field|default}`, `%secret.NAME` and `%%`, which the output language of the rules does not have. */
const special = /%%|%secret\.([A-Za-z_]\w*)|%\{([^{}|]*)(?:\|([^{}]*))?\}/g;

/**
 * A text under `with`: text of its own, `%field`, `%{field}`, `%{field|default}`, `%secret.NAME`, `%{secret.NAME}`, and
 * `%%` for a percent sign. A text that is one field and nothing else keeps the field's type.
 */
export function compileText(
  source: Source,
  catalogue: FieldCatalogue,
  report: (problem: TemplateProblem) => void,
  useSecret: (use: { readonly name: string; readonly source: Source; readonly span: Span }) => void,
): Fill {
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of source.text.matchAll(special)) {
    addPlain(at, found.index);
    at = found.index + found[0].length;
    if (found[0] === '%%') pieces.push(textPiece('%'));
    else if (found[1] !== undefined) addSecret(found[1], found.index, at);
    else addBraced(found[2] ?? '', found[3], found.index, at);
  }
  addPlain(at, source.text.length);
  return (scope, secrets) => fill(pieces, scope, secrets);

  function addPlain(start: number, end: number): void {
    if (end <= start) return;
    // A star at the start means something to the output language, and nothing here.
    const star = source.text[start] === '*' ? 1 : 0;
    if (star === 1) pieces.push(textPiece('*'));
    const text = sliceSource(source, start + star, end);
    if (!text.text.includes('%')) pieces.push(textPiece(text.text));
    else addTemplate(text, undefined);
  }

  function addBraced(inside: string, fallback: string | undefined, start: number, end: number): void {
    if (inside.startsWith('secret.')) {
      const name = inside.slice('secret.'.length);
      const wrong = explainSecret(name, fallback);
      if (wrong === undefined) addSecret(name, start, end);
      else report({ message: wrong, source, span: { start, end } });
    } else if (inside === '') {
      report({ message: 'expected the name of a field in %{…}', source, span: { start, end } });
    } else if (fallback?.includes('%')) {
      report({ message: 'a default is plain text, without %', source, span: { start, end } });
    } else {
      const name = sliceSource(source, start + 1, start + 2 + inside.length);
      addTemplate({ ...name, text: `%${inside}` }, fallback, inside);
    }
  }

  function addSecret(name: string, start: number, end: number): void {
    useSecret({ name, source, span: { start, end } });
    pieces.push(secretPiece(name));
  }

  function addTemplate(text: Source, fallback: string | undefined, whole?: string): void {
    const read = readTemplate(text, catalogue);
    if (!read.ok) {
      for (const { message, at: place } of read.problems)
        report({ message: explain(message), source: place.source, span: place.span });
      return;
    }
    const { template } = read;
    if (whole !== undefined && template.segments.length !== 1) {
      report({ message: `unknown field ${whole}`, source: text, span: { start: 0, end: text.text.length } });
      return;
    }
    for (const segment of template.segments) {
      if (segment.kind === 'text') pieces.push(textPiece(segment.text));
      else pieces.push(valuePiece({ ...template, segments: [segment] }, fallback));
    }
  }
}

/** The rules' words for a mistake, with what is different here. */
function explain(message: string): string {
  if (message.includes('a % alone cannot be written'))
    return 'a field must follow %, as in %proc.name; write %% for a percent sign';
  return /^unknown field secret\b/.test(message) ? 'write a secret as %secret.NAME' : message;
}

function explainSecret(name: string, fallback: string | undefined): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `a secret is named by letters, digits and _, found ${name}`;
  return fallback === undefined ? undefined : 'a secret has no default: it would stand in the file for all to read';
}

function secretPiece(name: string): Piece {
  return (_, secrets) => {
    const value = secrets(name);
    return value === undefined
      ? { ok: false, reason: `there is no secret ${name}` }
      : { ok: true, value, text: value, secret: true };
  };
}

function textPiece(text: string): Piece {
  return () => ({ ok: true, value: text, text });
}

/** One value of the output language, alone in its template. */
function valuePiece(template: Template, fallback: string | undefined): Piece {
  const machine = makeMachine(bindScope);
  const compiled = compileSegments(template, machine, false);
  const [segment] = template.segments;
  // A field as it is keeps its type; what is cut, padded or transformed is text.
  const isField = segment?.kind === 'value' && segment.expression.kind === 'field' && segment.width === 0;
  const shown = template.names.at(-1) ?? '';
  return (scope) => {
    nextEvent(machine);
    const { text, complete } = compiled.render(scope);
    if (!complete) {
      if (fallback !== undefined) return { ok: true, value: fallback, text: fallback };
      return { ok: false, reason: `%${shown} has no value here; %{${shown}|something} would give it one` };
    }
    const [value] = isField ? Object.values(compiled.renderFields(scope).fields ?? {}) : [];
    return { ok: true, value: value === undefined || value === null ? text : toPlain(value), text };
  };
}

function toPlain(value: JsonValue): PlainValue {
  if (typeof value === 'bigint') return value.toString();
  return typeof value === 'object' && value !== null ? value.map(toPlain) : value;
}

function fill(pieces: readonly Piece[], scope: Scope, secrets: Secrets): Filled {
  const values: (PieceValue & { readonly ok: true })[] = [];
  for (const piece of pieces) {
    const value = piece(scope, secrets);
    if (!value.ok) return value;
    values.push(value);
  }
  const used = values.flatMap(({ text, secret }) => (secret ? [text] : []));
  const [only] = values;
  if (only !== undefined && values.length === 1)
    return { ok: true, value: only.value, masked: only.secret ? MASK : only.value, secrets: used };
  return {
    ok: true,
    value: values.map(({ text }) => text).join(''),
    masked: values.map(({ text, secret }) => (secret ? MASK : text)).join(''),
    secrets: used,
  };
}

/** Fills a whole structure: maps and lists keep their form, texts are templates, everything else stays as it is. */
export function fillAll(parts: readonly (readonly [string, Fill])[]): Fill {
  return (scope, secrets) => {
    const value: Record<string, unknown> = {};
    const masked: Record<string, unknown> = {};
    const used: string[] = [];
    for (const [key, template] of parts) {
      const filled = template(scope, secrets);
      if (!filled.ok) return { ok: false, reason: `${key}: ${filled.reason}` };
      used.push(...filled.secrets);
      // `__proto__` as a key must make a key.
      Object.defineProperty(value, key, { value: filled.value, enumerable: true, configurable: true, writable: true });
      Object.defineProperty(masked, key, {
        value: filled.masked,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return { ok: true, value, masked, secrets: used };
  };
}

export function fillList(items: readonly Fill[]): Fill {
  return (scope, secrets) => {
    const value: unknown[] = [];
    const masked: unknown[] = [];
    const used: string[] = [];
    for (const [index, template] of items.entries()) {
      const filled = template(scope, secrets);
      if (!filled.ok) return { ok: false, reason: `[${index}]: ${filled.reason}` };
      used.push(...filled.secrets);
      value.push(filled.value);
      masked.push(filled.masked);
    }
    return { ok: true, value, masked, secrets: used };
  };
}

/**
 * Replaces every one of these secrets in a text of unknown origin: as it is, each of its lines, and as JSON, a URL or
 * base64 would show it.
 */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const forms = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, ...linesOf(secret)])
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeUri(secret), encodeBase64(secret)]);
  // The longest first: one secret may be a part of another.
  return [...new Set(forms)]
    .sort((a, b) => b.length - a.length)
    .reduce((masked, form) => masked.replaceAll(form, () => MASK), text);
}

/** A key of several lines is shown line by line; a line of a few letters may be anything. */
function linesOf(secret: string): readonly string[] {
  return secret.includes('\n') ? secret.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE) : [];
}

/** Without what fills it up at the end: that depends on what follows. */
function encodeBase64(text: string): string {
  return btoa(toByteString(text)).replace(/.{0,1}=+$/, '');
}

/** `encodeURIComponent` refuses half a surrogate pair. */
function encodeUri(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
