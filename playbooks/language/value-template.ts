import type { FieldCatalogue } from '#rules/language/field';
import { compileSegments, type JsonValue } from '#rules/language/format';
import { makeMachine } from '#rules/language/predicate';
import { type Source, type Span, sliceSource } from '#rules/language/source';
import { readTemplate } from '#rules/language/template';
import { bindScope } from './alert-fields.ts';
import type { Filled, Scope, Secrets } from './playbook.ts';

/** What stands for a secret wherever people look. */
export const MASK = '***';

export type TemplateProblem = { readonly message: string; readonly source: Source; readonly span: Span };

type Piece = (scope: Scope, secrets: Secrets) => PieceValue;
type PieceValue =
  | { readonly ok: true; readonly value: JsonValue; readonly secret?: true }
  | { readonly ok: false; readonly reason: string };

export type ValueTemplate = (scope: Scope, secrets: Secrets) => Filled;

/** `%{field|default}`, `%{secret.NAME}` and `%%`, which the output language of the rules does not have. */
const special = /%%|%\{([^{}|]*)(?:\|([^{}]*))?\}/g;

/**
 * A text under `with`: text of its own, `%field`, `%{field}`, `%{field|default}`, `%{secret.NAME}`, and `%%` for a
 * percent sign. A text that is one field and nothing else keeps the field's type.
 */
export function compileText(
  source: Source,
  catalogue: FieldCatalogue,
  report: (problem: TemplateProblem) => void,
): ValueTemplate {
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of source.text.matchAll(special)) {
    addPlain(at, found.index);
    at = found.index + found[0].length;
    if (found[0] === '%%') pieces.push(() => ({ ok: true, value: '%' }));
    else addBraced(found[1] ?? '', found[2], found.index, at);
  }
  addPlain(at, source.text.length);
  return (scope, secrets) => fill(pieces, scope, secrets);

  function addPlain(start: number, end: number): void {
    if (end <= start) return;
    // A star at the start means something to the output language, and nothing here.
    const star = source.text[start] === '*' ? 1 : 0;
    if (star === 1) pieces.push(() => ({ ok: true, value: '*' }));
    const text = sliceSource(source, start + star, end);
    if (!text.text.includes('%')) pieces.push(() => ({ ok: true, value: text.text }));
    else addTemplate(text, undefined);
  }

  function addBraced(inside: string, fallback: string | undefined, start: number, end: number): void {
    const secret = /^secret\.([A-Za-z_][A-Za-z0-9_]*)$/.exec(inside)?.[1];
    if (secret !== undefined) {
      pieces.push((_, secrets) => {
        const value = secrets(secret);
        return value === undefined
          ? { ok: false, reason: `there is no secret ${secret}` }
          : { ok: true, value, secret: true };
      });
      return;
    }
    if (inside === '') {
      report({ message: 'expected the name of a field in %{…}', source, span: { start, end } });
      return;
    }
    const name = sliceSource(source, start + 1, start + 2 + inside.length);
    addTemplate({ ...name, text: `%${inside}` }, fallback, inside);
  }

  function addTemplate(text: Source, fallback: string | undefined, whole?: string): void {
    const read = readTemplate(text, catalogue);
    if (!read.ok) {
      for (const { message, at: place } of read.problems) report({ message, source: place.source, span: place.span });
      return;
    }
    const { segments } = read.template;
    if (whole !== undefined && segments.length !== 1) {
      report({ message: `unknown field ${whole}`, source: text, span: { start: 0, end: text.text.length } });
      return;
    }
    const machine = makeMachine(bindScope);
    const compiled = compileSegments(read.template, machine, false);
    const [only] = segments;
    const typed = segments.length === 1 && only?.kind !== 'text';
    pieces.push((scope) => {
      machine.generation++;
      const rendered = compiled.render(scope);
      if (!rendered.complete) {
        if (fallback !== undefined) return { ok: true, value: fallback };
        return {
          ok: false,
          reason: `${text.text.trim()} has no value in this alert (write %{field|default} if that is fine)`,
        };
      }
      const values = typed ? Object.values(compiled.renderFields(scope).fields ?? {}) : [];
      return {
        ok: true,
        value: values.length === 1 && values[0] !== undefined && values[0] !== null ? values[0] : rendered.text,
      };
    });
  }
}

function fill(pieces: readonly Piece[], scope: Scope, secrets: Secrets): Filled {
  const values: { readonly value: JsonValue; readonly secret?: true }[] = [];
  for (const piece of pieces) {
    const value = piece(scope, secrets);
    if (!value.ok) return value;
    values.push(value);
  }
  const [only] = values;
  if (only !== undefined && values.length === 1)
    return { ok: true, value: only.value, masked: only.secret ? MASK : only.value };
  return {
    ok: true,
    value: values.map(({ value }) => print(value)).join(''),
    masked: values.map(({ value, secret }) => (secret ? MASK : print(value))).join(''),
  };
}

function print(value: JsonValue): string {
  return typeof value === 'string' ? value : Array.isArray(value) ? `(${value.join(',')})` : String(value);
}

/** Fills a whole structure: maps and lists keep their form, texts are templates, everything else stays as it is. */
export function fillAll(parts: readonly (readonly [string, ValueTemplate])[]): ValueTemplate {
  return (scope, secrets) => {
    const value: Record<string, unknown> = {};
    const masked: Record<string, unknown> = {};
    for (const [key, template] of parts) {
      const filled = template(scope, secrets);
      if (!filled.ok) return { ok: false, reason: `${key}: ${filled.reason}` };
      // `__proto__` as a key must make a key.
      Object.defineProperty(value, key, { value: filled.value, enumerable: true, configurable: true, writable: true });
      Object.defineProperty(masked, key, {
        value: filled.masked,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return { ok: true, value, masked };
  };
}

export function fillList(items: readonly ValueTemplate[]): ValueTemplate {
  return (scope, secrets) => {
    const value: unknown[] = [];
    const masked: unknown[] = [];
    for (const [index, template] of items.entries()) {
      const filled = template(scope, secrets);
      if (!filled.ok) return { ok: false, reason: `[${index}]: ${filled.reason}` };
      value.push(filled.value);
      masked.push(filled.masked);
    }
    return { ok: true, value, masked };
  };
}
