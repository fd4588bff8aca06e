import * as z from 'zod';
import { type Command, exitCodes, readArgs } from '#rules/cli/command-line';
import { nearest } from '#rules/language/nearest';
import { printable } from '#rules/language/printable';
import type { ActionSpec } from '../language/playbook.ts';

/** `lanner playbooks actions`: what steps can do, printed from the schemas that check them. */
export function makeActions(catalogue: ReadonlyMap<string, ActionSpec>): Command {
  return {
    name: 'playbooks actions',
    summary: `Say what steps can do: each action with its parameters, what later steps can read of it, and what undoes it.

Exit code 1 when there is no action NAME.`,
    usage: '[NAME…] [--json]',
    run: async (args) => {
      const { values, positionals } = readArgs(args, { json: { type: 'boolean' } });
      const unknown = positionals.find((name) => !catalogue.has(name));
      if (unknown !== undefined) {
        const near = nearest(unknown, catalogue.keys());
        const hint = near === undefined ? '' : `; did you mean ${near}?`;
        process.stderr.write(`lanner playbooks actions: there is no action ${printable(unknown)}${hint}\n`);
        return exitCodes.failed;
      }
      const described = [...catalogue.values()]
        .filter(({ name }) => positionals.length === 0 || positionals.includes(name))
        .map(describe);
      process.stdout.write(
        values.json === true ? `${JSON.stringify(described, undefined, 2)}\n` : described.map(render).join('\n'),
      );
      return exitCodes.ok;
    },
  };
}

const objectSchema = z.looseObject({
  properties: z.record(z.string(), z.looseObject({})).default({}),
  required: z.array(z.string()).default([]),
});

function describe({ name, side, doc, params, idempotent, outputs, undo, via }: ActionSpec) {
  const schema = z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' });
  const { properties, required } = objectSchema.parse(schema);
  return {
    name,
    side,
    doc,
    safe_to_repeat: idempotent,
    parameters: Object.entries(properties).map(([key, value]) => ({
      name: key,
      required: required.includes(key),
      kind: kindOf(value),
      ...('default' in value ? { default: value['default'] } : {}),
    })),
    outputs: typeof outputs === 'object' ? outputs : {},
    undo: undo ?? null,
    destinations: via === true,
  };
}

type Described = ReturnType<typeof describe>;

/** What may stand there, in a word or two. */
function kindOf(schema: Readonly<Record<string, unknown>>): string {
  const { type, enum: choices, items, anyOf } = schema;
  if (Array.isArray(choices)) return choices.join(' or ');
  if (type === 'array') return `list of ${kindOf(Object(items))}`;
  if (type === 'object') return 'map';
  if (Array.isArray(anyOf)) return [...new Set(anyOf.map((one) => kindOf(Object(one))))].join(' or ');
  return typeof type === 'string' ? type : 'anything';
}

function render({
  name,
  side,
  doc,
  safe_to_repeat: isSafe,
  parameters,
  outputs,
  undo,
  destinations,
}: Described): string {
  const about = [
    `carried out by the ${side}`,
    isSafe ? 'safe to repeat' : 'not safe to repeat',
    ...(undo === null ? [] : [`undone by ${undo}`]),
    ...(destinations ? ['can be handed to a destination'] : []),
  ];
  const named = parameters.map((one) => {
    const needed = one.required
      ? 'needed'
      : 'default' in one
        ? `${JSON.stringify(one.default)} if left out`
        : 'optional';
    return `  ${one.name}: ${one.kind}; ${needed}\n`;
  });
  const read = Object.entries(outputs).map(([key, text]) => `  → steps.ID.${key}: ${text}\n`);
  return `${name} (${about.join(', ')})\n  ${doc}\n${named.join('')}${read.join('')}`;
}
