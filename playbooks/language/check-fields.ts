import { fieldText } from '#rules/language/catalogue';
import { checkText, compileChecked } from '#rules/language/compile-text';
import type { FieldCatalogue, FieldReader, FieldValue } from '#rules/language/field';
import { bindScope } from './alert-fields.ts';
import type { GroupBy, Guard, Scope } from './playbook.ts';
import type { Path, Report, Written } from './written.ts';

/** Compiles the condition at this path; what is no text was reported by the schema. */
export function checkCondition(
  path: Path,
  fields: FieldCatalogue,
  written: Written,
  report: Report,
): Guard | undefined {
  const place = written.at(path);
  if (place.kind !== 'text') return undefined;
  const checked = checkText(place.toSource(), fields);
  if (checked.ok) return Object.assign(compileChecked(checked.value, bindScope), { node: checked.value });
  for (const { code, message, source, span } of checked.diagnostics) report(code, message, source, span);
  return undefined;
}

/** Compiles a list of names of fields (`by`). */
export function checkGroupBy(path: Path, names: unknown, fields: FieldCatalogue, written: Written): GroupBy {
  const readers: { readonly name: string; readonly read: FieldReader<Scope> }[] = [];
  for (const [index, name] of (Array.isArray(names) ? names : []).entries()) {
    if (typeof name !== 'string') continue;
    const [, base = '', argument] = /^([^[\]]*)(?:\[(.*)\])?$/.exec(name) ?? [];
    const found = fields.lookup(base, argument);
    if (found.ok) readers.push({ name: fieldText(found.use), read: bindScope(found.use) ?? (() => undefined) });
    else written.fail([...path, index], found.explain());
  }
  // JSON keeps the borders between the values, whatever they hold.
  return (scope) => JSON.stringify(readers.map(({ read }) => textOf(read(scope))));
}

function textOf(value: FieldValue | undefined): string | null {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return value.join('.');
  return typeof value === 'object' ? value.map(textOf).join(',') : String(value);
}
