import { priorities } from '../alert.ts';
import { locate } from './source.ts';
import type { Value } from './yaml-reader.ts';

/**
 * The JSON schema that Falco holds rule files against: the keys of all kinds of items may stand in any item. What does not
 * fit is told in `schema_warnings` and fails nothing.
 */
type Shape =
  | { readonly kind: 'scalar'; readonly types: readonly ScalarType[]; readonly values?: readonly string[] }
  | { readonly kind: 'list'; readonly of: Shape }
  | { readonly kind: 'map'; readonly keys: Readonly<Record<string, Shape>>; readonly required: readonly string[] }
  | { readonly kind: 'any' };

type ScalarType = 'string' | 'integer' | 'boolean' | 'number';

const string: Shape = { kind: 'scalar', types: ['string'] };
const boolean: Shape = { kind: 'scalar', types: ['boolean'] };
const any: Shape = { kind: 'any' };
const list = (of: Shape): Shape => ({ kind: 'list', of });
const plugin = { name: string, version: string };

const item: Shape = {
  kind: 'map',
  required: [],
  keys: {
    required_engine_version: string,
    required_plugin_versions: list({
      kind: 'map',
      required: ['name', 'version'],
      keys: { ...plugin, alternatives: list({ kind: 'map', required: ['name', 'version'], keys: plugin }) },
    }),
    macro: string,
    list: string,
    rule: string,
    condition: string,
    items: list({ kind: 'scalar', types: ['integer', 'string'] }),
    desc: string,
    output: string,
    append: boolean,
    enabled: boolean,
    priority: {
      kind: 'scalar',
      types: ['string'],
      values: [...priorities.map((priority) => priority.toUpperCase()), 'INFO'],
    },
    exceptions: list({ kind: 'map', required: ['name'], keys: { name: string, fields: any, comps: any, values: any } }),
    override: {
      kind: 'map',
      required: [],
      keys: Object.fromEntries(
        ['condition', 'output', 'desc', 'enabled', 'exceptions', 'items', 'priority', 'tags', 'warn_evttypes']
          .concat(['skip-if-unknown-filter', 'capture', 'capture_duration'])
          .map((key) => [key, string]),
      ),
    },
    tags: list(string),
    source: string,
    warn_evttypes: boolean,
    'skip-if-unknown-filter': boolean,
    capture: boolean,
    capture_duration: { kind: 'scalar', types: ['integer'] },
  },
};

/** Enough to see what is wrong. */
const mostWarnings = 100;

/** What in the documents of one file the schema does not allow, each with its place. */
export function checkFalcoSchema(documents: readonly Value[]): readonly string[] {
  const warnings: string[] = [];
  for (const document of documents) if (document.kind !== 'null') check(document, list(item), '<root>', warnings);
  return warnings.slice(0, mostWarnings);
}

function check(value: Value, shape: Shape, path: string, warnings: string[]): void {
  if (warnings.length >= mostWarnings) return;
  const warn = (at: Value['at'], what: string): void => {
    const { line, column } = locate(at.source, at.span.start);
    warnings.push(`${path} (line ${line}, column ${column}): ${what}`);
  };
  switch (shape.kind) {
    case 'any':
      return;
    case 'scalar': {
      const type = value.kind === 'text' ? typeOf(value) : undefined;
      // An integer is a number, too; nothing else is two things.
      if (type === undefined || !shape.types.includes(type)) warn(value.at, `expected ${shape.types.join(' or ')}`);
      else if (value.kind === 'text' && shape.values?.includes(value.text) === false)
        warn(value.at, `expected one of ${shape.values.join(', ')}, found ${value.text}`);
      return;
    }
    case 'list':
      if (value.kind !== 'list') warn(value.at, 'expected a list');
      else
        for (const [index, element] of value.items.entries()) check(element, shape.of, `${path}[${index}]`, warnings);
      return;
    case 'map': {
      if (value.kind !== 'map') {
        warn(value.at, 'expected a map');
        return;
      }
      for (const { key, keyAt, value: inner } of value.entries) {
        const known = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
        if (known === undefined) warn(keyAt, `unknown key ${key}`);
        else check(inner, known, `${path}.${key}`, warnings);
      }
      for (const key of shape.required) {
        if (!value.entries.some((entry) => entry.key === key)) warn(value.at, `${key} is missing`);
      }
    }
  }
}

/** As YAML's core schema reads a scalar. */
function typeOf({ text, isPlain }: Extract<Value, { kind: 'text' }>): ScalarType {
  if (!isPlain) return 'string';
  if (/^[-+]?\d+$/.test(text)) return 'integer';
  if (/^(?:true|false)$/i.test(text)) return 'boolean';
  return /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?$/i.test(text) ? 'number' : 'string';
}
