import * as z from 'zod';
import { priorities } from '#rules/alert';
import type { ActionSpec } from './playbook.ts';
import { playbookSchema } from './schema.ts';
import { silenceSchema } from './silence.ts';

/** JSON, as much of it as is needed here. */
type Json = { readonly [key: string]: unknown };

/**
 * What editors complete and check while one types; `lanner playbooks check` says the rest. Made from the schema that
 * reads playbooks and from the actions' own, so it cannot say something else.
 */
export function makeJsonSchema(catalogue: ReadonlyMap<string, ActionSpec>): Json {
  const { $schema, ...playbook } = toJson(playbookSchema);
  const actions = [...catalogue.values()];
  const names = actions.map(({ name, doc }) => ({ const: name, description: doc }));
  const withActions = mapSteps(playbook, ({ properties, ...step }) => ({
    ...step,
    properties: { ...(isJson(properties) ? properties : {}), uses: { oneOf: names } },
    allOf: [{ $ref: '#/$defs/parameters' }],
  }));
  const withPriority = mapAt(withActions, ['properties', 'on', 'properties', 'priority'], (priority) => ({
    ...priority,
    // Case does not matter when it is read, but one spelling is enough to offer.
    examples: priorities,
  }));
  const { $schema: _, ...silence } = toJson(silenceSchema);
  const documents = [{ $ref: '#/$defs/playbook' }, { $ref: '#/$defs/silence' }];
  return {
    $schema,
    title: 'Lanner playbooks and silences: one, or a list of them',
    anyOf: [...documents, { type: 'array', items: { anyOf: documents } }],
    $defs: { playbook: withPriority, silence, parameters: describeActions(actions) },
  };
}

function toJson(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

/** Each action has parameters of its own, so what may stand under `with` depends on `uses`. */
function describeActions(actions: readonly ActionSpec[]): Json {
  return {
    allOf: actions.map(({ name, params }) => ({
      if: { properties: { uses: { const: name } }, required: ['uses'] },
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so
      then: { properties: { with: describeParams(params) } },
    })),
  };
}

/** Changes every schema of a step, wherever steps may stand. */
function mapSteps(json: Json, change: (step: Json) => Json): Json {
  const below = Object.fromEntries(Object.entries(json).map(([key, value]) => [key, mapValue(value)]));
  return isJson(json['properties']) && 'uses' in json['properties'] ? change(below) : below;

  function mapValue(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(mapValue);
    return isJson(value) ? mapSteps(value, change) : value;
  }
}

/** Names and which of them are needed; a value may be a template, so its type is open. */
function describeParams(params: z.ZodType): Json {
  const { properties, required } = toJson(params);
  const names = Object.keys(isJson(properties) ? properties : {});
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, {}])),
    ...(Array.isArray(required) ? { required } : {}),
    additionalProperties: false,
  };
}

/** A copy with the part at this path changed. */
function mapAt(json: Json, [first, ...rest]: readonly string[], change: (part: Json) => Json): Json {
  if (first === undefined) return change(json);
  const part = json[first];
  if (!isJson(part)) throw new Error(`the schema has no ${first}`);
  return { ...json, [first]: mapAt(part, rest, change) };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
