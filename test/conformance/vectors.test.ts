import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parsePriority } from '../../rules/alert.ts';
import { asFalcoReports } from '../../rules/cli/probe.ts';
import { vectorBind, vectorCatalogue } from '../../rules/cli/vectors.ts';
import { fieldCatalogue } from '../../rules/fields.ts';
import { compileCondition } from '../../rules/language/compile-text.ts';
import { compileSegments } from '../../rules/language/format.ts';
import { loadRules } from '../../rules/language/load.ts';
import { makeMachine } from '../../rules/language/machine.ts';
import { parseCondition } from '../../rules/language/parser.ts';
import { printCondition } from '../../rules/language/print.ts';
import { isActive } from '../../rules/language/rule-set.ts';
import { sourceOf } from '../../rules/language/source.ts';
import { readTemplate } from '../../rules/language/template.ts';
import { hasData, mustRun, readVectors, whyMissing } from './data.ts';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const values = z.record(z.string(), z.union([scalar, z.array(scalar)]));
const names = z.record(z.string(), z.string());
const flags = z.record(z.string(), z.array(z.string())).optional();
const quirk = z.boolean().optional();

const parseVectors = z.array(z.object({ condition: z.string(), ok: z.boolean(), canonical: z.string().optional() }));
const evalVectors = z.array(
  z.object({
    condition: z.string(),
    fields: values,
    types: names,
    flags,
    match: z.union([z.boolean(), z.literal('error')]),
    error_stage: z.string().optional(),
    quirk,
  }),
);
const loadVectors = z.array(
  z.object({
    name: z.string(),
    files: z.array(z.string()),
    options: z.object({ min_priority: z.string().optional() }).optional(),
    quirk,
    expect: z.object({
      ok: z.boolean(),
      errors: z.array(z.string()),
      warnings: z.array(z.string()),
      per_file: z.array(z.unknown()).optional(),
      rules: z.array(z.unknown()).optional(),
      lists: z.record(z.string(), z.array(z.string())).optional(),
      num_enabled: z.number().optional(),
    }),
  }),
);
const formatVectors = z.array(
  z.object({
    template: z.string(),
    fields: values,
    types: names,
    flags,
    quirk,
    expect: z.record(z.string(), z.unknown()),
  }),
);

/**
 * Where we are saner than the original, and why: rules/README.md says so to users. A vector that is marked as a quirk
 * and not listed here must be met like any other.
 */
const deviations: Readonly<Record<string, unknown>> = {
  'f.net == anyof (10.0.0.0/8, 11.0.0.0/8) {"f.net":"11.0.0.1"}': true,
  'f.net != allof (10.0.0.0/8) {"f.net":"10.1.2.3"}': false,
  'f.net == anyof (10.0.0.0/8) {"f.net":"10.1.2.3"}': true,
  'toupper(f.l) in (A, B) {"f.l":["a","b"]}': true,
  'toupper(f.l) intersects (A) {"f.l":["a","b"]}': true,
  'f.a in tolower(f.b) {"f.a":"abc","f.b":"ABC"}': true,
  'len(getopt(f.args, "nt:")) = 3 {"f.args":["-n","-t","v"]}': true,
  '%f.list {"f.list":["","b"]}': '(,b)',
};

if (hasData || mustRun) {
  describe('conformance vectors', () => {
    it('has met the data', () => {
      expect(hasData, whyMissing).toBe(true);
    });
    if (hasData) {
      describeParse();
      describeEval();
      describeLoad();
      describeFormat();
    }
  });
} else {
  describe.skip(`conformance vectors: ${whyMissing}`, () => it('is skipped', () => undefined));
}

function describeParse(): void {
  const vectors = parseVectors.parse(readVectors('parse'));
  it(`has parse vectors`, () => expect(vectors.length).toBeGreaterThan(400));
  it.for(vectors.map((vector, index) => ({ ...vector, title: `parse ${index}: ${vector.condition}` })))(
    '$title',
    ({ condition, ok, canonical }) => {
      const parsed = parseCondition(sourceOf('vector', condition));
      expect({ ok: parsed.ok, canonical: parsed.ok ? printCondition(parsed.value) : undefined }).toEqual({
        ok,
        canonical,
      });
    },
  );
}

function evaluate(vector: z.infer<typeof evalVectors>[number]): {
  match: boolean | 'error';
  error_stage: string | undefined;
} {
  const { condition, fields, types } = vector;
  if (!parseCondition(sourceOf('vector', condition)).ok) return { match: 'error', error_stage: 'parse' };
  const compiled = compileCondition(condition, vectorBind(fields, types), vectorCatalogue(types, vector.flags));
  return compiled.ok
    ? { match: compiled.value(fields), error_stage: undefined }
    : { match: 'error', error_stage: 'compile' };
}

function describeEval(): void {
  const vectors = evalVectors.parse(readVectors('eval'));
  it('has eval vectors', () => expect(vectors.length).toBeGreaterThan(400));
  it.for(vectors.map((vector, index) => ({ vector, title: `eval ${index}: ${vector.condition.slice(0, 80)}` })))(
    '$title',
    ({ vector }) => {
      const key = `${vector.condition} ${JSON.stringify(vector.fields)}`;
      if (vector.quirk === true && key in deviations)
        expect(evaluate(vector)).toEqual({ match: deviations[key], error_stage: undefined });
      else expect(evaluate(vector)).toEqual({ match: vector.match, error_stage: vector.error_stage });
    },
  );
}

function describeLoad(): void {
  const vectors = loadVectors.parse(readVectors('load'));
  it('has load vectors', () => expect(vectors.length).toBeGreaterThan(200));
  it.for(vectors.map((vector, index) => ({ vector, title: `load ${index}: ${vector.name}` })))(
    '$title',
    ({ vector }) => {
      const minPriority = parsePriority(vector.options?.min_priority ?? 'debug') ?? 'Debug';
      const files = vector.files.map((text, index) => ({ path: `file${index}.yaml`, text }));
      const outcome = loadRules(files, { fields: fieldCatalogue, minPriority });
      const said = asFalcoReports(outcome).map((file) => ({
        ok: file.errors.length === 0,
        errors: file.errors.map(({ code }) => code),
        warnings: file.warnings.map(({ code }) => code),
      }));
      const { expect: wanted } = vector;
      expect(said.flatMap(({ errors }) => errors)).toEqual(wanted.errors);
      expect(said.flatMap(({ warnings }) => warnings).sort()).toEqual(wanted.warnings.toSorted());
      expect(outcome.ok).toBe(wanted.ok);
      if (wanted.per_file !== undefined) expect(said).toEqual(wanted.per_file);
      if (!wanted.ok) return;
      const { rules, lists } = outcome.ruleSet;
      expect(
        rules.map(({ name, source, priority, enabled, tags, resolved, output }) => ({
          name,
          source,
          priority,
          enabled,
          tags,
          condition: printCondition(resolved),
          output,
        })),
      ).toEqual(wanted.rules);
      expect(Object.fromEntries(lists.map(({ name, items }) => [name, items]))).toEqual(wanted.lists);
      expect(rules.filter(isActive).length).toBe(wanted.num_enabled);
    },
  );
}

function describeFormat(): void {
  const vectors = formatVectors.parse(readVectors('format'));
  it('has format vectors', () => expect(vectors.length).toBeGreaterThan(70));
  it.for(vectors.map((vector, index) => ({ vector, title: `format ${index}: ${vector.template}` })))(
    '$title',
    ({ vector }) => {
      const { template, fields, types, expect: wanted } = vector;
      const read = readTemplate(sourceOf('vector', template), vectorCatalogue(types, vector.flags));
      expect(read.ok).toBe(wanted['error'] === undefined);
      if (!read.ok) return;
      const compiled = compileSegments(read.template, makeMachine(vectorBind(fields, types)));
      const shown = compiled.renderFields(fields);
      const key = `${template} ${JSON.stringify(fields)}`;
      const text = vector.quirk === true && key in deviations ? { text: deviations[key] } : {};
      expect({
        ...compiled.render(fields),
        field_names: read.template.names,
        json: shown.fields === undefined ? null : { ...shown.fields },
        json_complete: shown.complete,
      }).toMatchObject({ ...wanted, ...text });
    },
  );
}
