import { describe, expect, it } from 'vitest';
import { type VectorTypes, type VectorValue, vectorBind, vectorCatalogue } from '../../rules/cli/vectors.ts';
import { compileCondition } from '../../rules/language/compile-text.ts';
import { compileSegments } from '../../rules/language/format.ts';
import { makeMachine } from '../../rules/language/machine.ts';
import { sourceOf } from '../../rules/language/source.ts';
import { readTemplate } from '../../rules/language/template.ts';
import { evalCases, formatCases } from './own-cases.ts';

/**
 * What the specification and the original's sources say of inputs that the published vectors do not have. Each is one
 * sentence of the specification taken to its edge.
 */
describe('a condition', () => {
  it.for(evalCases.map(([condition, fields, match, flags = {}]) => ({ condition, fields, match, flags })))(
    '$condition of $fields is $match',
    ({ condition, fields, match, flags }) => {
      const { types, values } = split(fields);
      const compiled = compileCondition(condition, vectorBind(values, types), vectorCatalogue(types, flags));
      expect(compiled.ok ? compiled.value(values) : 'error').toBe(match);
    },
  );
});

describe('an output', () => {
  it.for(formatCases.map(([template, fields, wanted, flags = {}]) => ({ template, fields, wanted, flags })))(
    '$template of $fields',
    ({ template, fields, wanted, flags }) => {
      const { types, values } = split(fields);
      const read = readTemplate(sourceOf('output', template), vectorCatalogue(types, flags));
      if (!read.ok) {
        expect('error').toBe(wanted);
        return;
      }
      const compiled = compileSegments(read.template, makeMachine(vectorBind(values, types)));
      const { text, complete } = compiled.render(values);
      const shown = compiled.renderFields(values);
      const json = shown.fields === undefined ? null : { ...shown.fields };
      const answer = { text, complete, names: read.template.names, json, jsonComplete: shown.complete };
      if (typeof wanted === 'string') expect(answer.text).toBe(wanted);
      else expect(answer).toMatchObject(wanted);
    },
  );
});

/** `{'f.s:CHARBUF': 'a'}` is a value and its type. */
function split(fields: Readonly<Record<string, VectorValue>>): {
  readonly types: VectorTypes;
  readonly values: Readonly<Record<string, VectorValue>>;
} {
  const entries = Object.entries(fields).map(([key, value]) => {
    const at = key.lastIndexOf(':');
    return { name: key.slice(0, at), type: key.slice(at + 1), value };
  });
  return {
    types: Object.fromEntries(entries.map(({ name, type }) => [name, type])),
    values: Object.fromEntries(entries.map(({ name, value }) => [name, value])),
  };
}
