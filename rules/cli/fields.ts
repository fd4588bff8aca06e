import { fieldSpecs } from '../fields.ts';
import type { FieldSpec } from '../language/field.ts';
import { matchesName } from '../language/name-pattern.ts';
import { type Command, exitCodes, readArgs, UsageError } from './command-line.ts';

/** Lists the fields that conditions and outputs may name. */
export const fields: Command = {
  name: 'fields',
  summary: 'List the fields that conditions and outputs may name, with type and meaning. NAME may hold *.',
  usage: '[NAME…] [--json | --markdown] [--all]',
  run: async (args) => {
    const { values, positionals } = readArgs(args, {
      json: { type: 'boolean' },
      markdown: { type: 'boolean' },
      all: { type: 'boolean' },
    });
    if (values.json === true && values.markdown === true)
      throw new UsageError('--json and --markdown exclude each other');
    const wanted = fieldSpecs.filter(
      (spec) =>
        (values.all === true || !spec.flags.includes('unlisted')) &&
        (positionals.length === 0 || positionals.some((name) => matchesName(spec.name, name) || spec.class === name)),
    );
    if (values.json === true) process.stdout.write(`${JSON.stringify(wanted.map(toJson), undefined, 2)}\n`);
    else process.stdout.write(values.markdown === true ? toMarkdown(wanted) : toText(wanted));
    return wanted.length === 0 ? exitCodes.failed : exitCodes.ok;
  },
};

function toJson({ name, class: group, type, list, argument, doc, flags, deprecated }: FieldSpec): object {
  return { name, class: group, type, list, argument: argument ?? null, doc, flags, deprecated };
}

/** The field with its argument, as one would write it. */
function shown({ name, argument, flags }: FieldSpec): string {
  if (argument === undefined) return name;
  const word = argument.kind === 'index' ? 'N' : argument.kind === 'key' ? 'NAME' : 'N|NAME';
  const form = flags.includes('dotted') ? '.NAME' : `[${word}]`;
  return argument.required ? name + form : `${name} ${form}`;
}

function toText(specs: readonly FieldSpec[]): string {
  const width = Math.max(0, ...specs.map((spec) => shown(spec).length));
  return specs
    .map(
      (spec) =>
        `${shown(spec).padEnd(width)}  ${typeName(spec).padEnd(9)}  ${spec.doc}${spec.deprecated ? ' (deprecated)' : ''}\n`,
    )
    .join('');
}

const typeName = ({ type, list }: FieldSpec): string => (list ? `${type}[]` : type);

function toMarkdown(specs: readonly FieldSpec[]): string {
  const classes = [...new Set(specs.map((spec) => spec.class))];
  return classes
    .map((group) => {
      const rows = specs
        .filter((spec) => spec.class === group)
        .map(
          (spec) =>
            `| \`${shown(spec).replace('|', '\\|')}\` | ${typeName(spec)} | ${spec.doc.replaceAll('|', '\\|')}${spec.deprecated ? ' (deprecated)' : ''} |\n`,
        );
      return `## ${group}\n\n| field | type | meaning |\n|---|---|---|\n${rows.join('')}\n`;
    })
    .join('');
}
