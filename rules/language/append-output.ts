import type { RuleDefinition } from './collect.ts';
import type { FieldCatalogue } from './field.ts';
import type { Report } from './item-value.ts';
import type { ExtraField } from './rule-set.ts';
import { insertedText, joinSources, type Source, sliceSource, sourceOf } from './source.ts';
import { readTemplate } from './template.ts';

/** What the configuration adds to the alerts of some rules: of all that fit every given part. */
export type AppendOutput = {
  readonly rule?: string;
  readonly source?: string;
  /** All of them. */
  readonly tags?: readonly string[];
  /** Text behind the output, after one blank. */
  readonly text?: string;
  /** Behind that, every suggested field which the output does not print yet: ` container_id=%container.id`. */
  readonly suggested?: boolean;
  readonly extraFields?: readonly ConfiguredField[];
  readonly extraTags?: readonly string[];
};

/** `value`: the field as it is; `text`: an output of its own, under a name. */
export type ConfiguredField =
  | { readonly kind: 'value'; readonly field: string }
  | { readonly kind: 'text'; readonly name: string; readonly template: string };

function fitting(rule: RuleDefinition, additions: readonly AppendOutput[]): readonly AppendOutput[] {
  return additions.filter(
    ({ rule: name, source, tags = [] }) =>
      (name === undefined || name === rule.name) &&
      (source === undefined || source === rule.source) &&
      tags.every((tag) => rule.tags.includes(tag)),
  );
}

/** The rule's output with what is appended, and without `%container.info`: it has no field behind it any more. */
export function finishOutput(
  rule: RuleDefinition,
  additions: readonly AppendOutput[],
  catalogue: FieldCatalogue,
  report: Report,
): Source {
  let output = rule.output;
  const append = (text: string): void => {
    output = joinSources([output, insertedText(` ${text}`, output, output.text.length)]);
  };
  for (const { text, suggested = false } of fitting(rule, additions)) {
    if (text !== undefined) append(text);
    if (suggested) for (const name of suggestedFor(output, catalogue)) append(`${name.replaceAll('.', '_')}=%${name}`);
  }
  const token = '%container.info';
  const first = output.text.indexOf(token);
  if (first !== -1) {
    const at = { source: output, span: { start: first, end: first + token.length } };
    report('LOAD_DEPRECATED_ITEM', `${token} is deprecated and left out`, at);
  }
  for (let found = first; found !== -1; found = output.text.indexOf(token)) {
    output = joinSources([sliceSource(output, 0, found), sliceSource(output, found + token.length)]);
  }
  return output;
}

/** The names of suggested fields that this output does not print. */
function suggestedFor(output: Source, catalogue: FieldCatalogue): readonly string[] {
  const read = readTemplate(output, catalogue);
  const printed = read.ok ? read.template.names : [];
  const names = catalogue.specs.filter(({ flags }) => flags.includes('suggested')).map(({ name }) => name);
  return names.filter((name) => !printed.includes(name));
}

/** The rule's tags, and those that are added; each once. */
export function finishTags(rule: RuleDefinition, additions: readonly AppendOutput[]): readonly string[] {
  return [...new Set([...rule.tags, ...fitting(rule, additions).flatMap(({ extraTags = [] }) => extraTags)])];
}

/** The fields that are added to `output_fields`; what is wrong with one is reported, and it is left out. */
export function extraFieldsOf(
  rule: RuleDefinition,
  additions: readonly AppendOutput[],
  catalogue: FieldCatalogue,
  report: Report,
): readonly ExtraField[] {
  return fitting(rule, additions).flatMap(({ extraFields = [] }) =>
    extraFields.flatMap((field): readonly ExtraField[] => {
      const name = field.kind === 'value' ? field.field : field.name;
      const text = field.kind === 'value' ? `%${field.field}` : field.template;
      const read = readTemplate(sourceOf('extra_fields', text), catalogue);
      if (!read.ok) {
        for (const { message, at } of read.problems)
          report('LOAD_ERR_COMPILE_OUTPUT', `extra field ${name} of append_output: ${message}`, at);
        return [];
      }
      const isOneField = read.template.segments.length === 1 && read.template.names.length === 1;
      if (field.kind === 'value' && !isOneField) {
        const at = { source: sourceOf('extra_fields', text), span: { start: 0, end: text.length } };
        report('LOAD_ERR_COMPILE_OUTPUT', `extra field ${name} of append_output: expected the name of one field`, at);
        return [];
      }
      return [{ kind: field.kind, name, template: read.template }];
    }),
  );
}
