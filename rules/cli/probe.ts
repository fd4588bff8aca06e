import { createInterface } from 'node:readline';
import * as z from 'zod';
import { parsePriority } from '../alert.ts';
import { fieldCatalogue } from '../fields.ts';
import { compileCondition, toDiagnostics } from '../language/compile-text.ts';
import { type Diagnostic, isFalcos, isWarning } from '../language/diagnostic.ts';
import { fieldTypes } from '../language/field.ts';
import { compileSegments } from '../language/format.ts';
import { type LoadOutcome, loadRules } from '../language/load.ts';
import { makeMachine } from '../language/machine.ts';
import { parseCondition } from '../language/parser.ts';
import { printCondition } from '../language/print.ts';
import { isActive } from '../language/rule-set.ts';
import { locate, sourceOf } from '../language/source.ts';
import { readTemplate } from '../language/template.ts';
import { type Command, exitCodes, readArgs, UsageError } from './command-line.ts';
import { toJsonText } from './exact-json.ts';
import { readType, vectorBind, vectorCatalogue } from './vectors.ts';

/** Answers questions about the language, one JSON object a line, in the order asked. */
export const probe: Command = {
  name: 'rules probe',
  summary:
    'Answer questions about the rule language: JSON objects, one a line, from standard input to standard output.\n' +
    '  parse   {condition} → {ok, canonical | error}\n' +
    '  eval    {condition, fields, types, flags?} → {match} or {match: "error", error_stage, error}\n' +
    '  load    {files, options?} → {ok, errors, warnings, per_file, rules, lists, num_enabled}\n' +
    '  format  {template, fields, types, flags?} → {text, complete, field_names, json, json_complete} or {error}\n' +
    'An error is {code, message, line, column}. A line that is no such question answers {error: {code: "BAD_QUESTION", …}}; the exit code is then 1.',
  usage: 'parse|eval|load|format',
  run: async (args) => {
    const { positionals } = readArgs(args, {});
    const answer = answers[positionals[0] ?? ''];
    if (answer === undefined || positionals.length !== 1)
      throw new UsageError('expected one of parse, eval, load, format');
    let bad = 0;
    for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line.trim() === '') continue;
      const result = ask(answer, line);
      if (isBadQuestion(result['error'])) bad++;
      if (!process.stdout.write(`${toJsonText(result)}\n`))
        await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
    return bad === 0 ? exitCodes.ok : exitCodes.failed;
  },
};

type Answer = Readonly<Record<string, unknown>>;
type ErrorAnswer = { readonly code: string; readonly message: string; readonly line: number; readonly column: number };

function isBadQuestion(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'BAD_QUESTION';
}

function ask(answer: (question: unknown) => Answer, line: string): Answer {
  try {
    return answer(JSON.parse(line));
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof z.ZodError)) throw error;
    const message = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
    return { error: { code: 'BAD_QUESTION', message, line: 0, column: 0 } satisfies ErrorAnswer };
  }
}

function errorOf({ code, message, source, span }: Diagnostic): ErrorAnswer {
  const { line, column } = locate(source, span.start);
  return { code, message, line, column };
}

const vectorValue = z.json().transform((value, context) => {
  const read = readJsonValue(value);
  if (read === undefined)
    context.addIssue({ code: 'custom', message: 'expected a text, number, truth value, null or a list of them' });
  return read ?? null;
});
type Json = z.infer<ReturnType<typeof z.json>>;
type Plain = string | number | boolean | null | readonly Plain[];

function readJsonValue(value: Json): Plain | undefined {
  if (value === null || typeof value !== 'object') return value;
  if (!Array.isArray(value)) return undefined;
  const elements = value.map(readJsonValue);
  const known = elements.filter((element) => element !== undefined);
  return known.length === elements.length ? known : undefined;
}

const typeName = z.string().refine((text) => readType(text) !== undefined, {
  error: `expected one of ${fieldTypes.join(' ')}, with [] for lists`,
});
const withFields = {
  fields: z.record(z.string(), vectorValue).default({}),
  types: z.record(z.string(), typeName).default({}),
  flags: z.record(z.string(), z.array(z.string())).optional(),
};

const parseQuestion = z.object({ condition: z.string() });
const evalQuestion = z.object({ condition: z.string(), ...withFields });
const formatQuestion = z.object({ template: z.string(), ...withFields });
const loadQuestion = z.object({
  files: z.array(z.union([z.string(), z.object({ name: z.string().optional(), content: z.string() })])),
  options: z
    .object({
      min_priority: z
        .string()
        .refine((text) => parsePriority(text) !== undefined, { error: 'unknown priority' })
        .optional(),
    })
    .optional(),
});

const answers: Readonly<Record<string, (question: unknown) => Answer>> = {
  parse: (question) => {
    const { condition } = parseQuestion.parse(question);
    const parsed = parseCondition(sourceOf('condition', condition));
    return parsed.ok
      ? { ok: true, canonical: printCondition(parsed.value) }
      : { ok: false, error: errorOf(parsed.diagnostics[0]) };
  },
  eval: (question) => {
    const { condition, fields, types, flags } = evalQuestion.parse(question);
    const parsed = parseCondition(sourceOf('condition', condition));
    if (!parsed.ok) return { match: 'error', error_stage: 'parse', error: errorOf(parsed.diagnostics[0]) };
    const compiled = compileCondition(condition, vectorBind(fields, types), vectorCatalogue(types, flags));
    if (!compiled.ok) return { match: 'error', error_stage: 'compile', error: errorOf(compiled.diagnostics[0]) };
    return { match: compiled.value(fields) };
  },
  load: (question) => {
    const { files, options } = loadQuestion.parse(question);
    const minPriority = options?.min_priority === undefined ? undefined : parsePriority(options.min_priority);
    const sources = files.map((file, index) => {
      const [name, text] = typeof file === 'string' ? [undefined, file] : [file.name, file.content];
      return { path: name ?? `file${index + 1}.yaml`, text };
    });
    return loadAnswer(
      loadRules(sources, { fields: fieldCatalogue, ...(minPriority === undefined ? {} : { minPriority }) }),
    );
  },
  format: (question) => {
    const { template, fields, types, flags } = formatQuestion.parse(question);
    const read = readTemplate(sourceOf('template', template), vectorCatalogue(types, flags));
    if (!read.ok) return { error: errorOf(toDiagnostics(read.problems, 'LOAD_ERR_COMPILE_OUTPUT')[0]) };
    const compiled = compileSegments(read.template, makeMachine(vectorBind(fields, types)));
    const { text, complete } = compiled.render(fields);
    const shown = compiled.renderFields(fields);
    return {
      text,
      complete,
      field_names: read.template.names,
      json: shown.fields ?? null,
      json_complete: shown.complete,
    };
  },
};

/** The original stops at the first error of the first file that has one; what it would say is what is answered. */
export function asFalcoReports(
  outcome: LoadOutcome,
): readonly { readonly errors: readonly Diagnostic[]; readonly warnings: readonly Diagnostic[] }[] {
  const files = [];
  for (const { diagnostics } of outcome.files) {
    const end = diagnostics.findIndex(({ code }) => !isWarning(code));
    const said = end === -1 ? diagnostics : diagnostics.slice(0, end + 1);
    files.push({
      errors: said.filter(({ code }) => !isWarning(code)),
      warnings: said.filter(({ code }) => isWarning(code) && isFalcos(code)),
    });
    if (end !== -1) break;
  }
  return files;
}

function loadAnswer(outcome: LoadOutcome): Answer {
  const files = asFalcoReports(outcome);
  const errors = files.flatMap((file) => file.errors);
  const warnings = files.flatMap((file) => file.warnings.map(({ code }) => code));
  const perFile = files.map((file) => ({
    ok: file.errors.length === 0,
    errors: file.errors.map(({ code }) => code),
    warnings: file.warnings.map(({ code }) => code),
  }));
  const said = { ok: errors.length === 0, errors: errors.map(({ code }) => code), warnings, per_file: perFile };
  const [first] = errors;
  if (first !== undefined) return { ...said, error: errorOf(first) };
  const { rules, lists } = outcome.ruleSet;
  return {
    ...said,
    rules: rules.map((rule) => ({
      name: rule.name,
      source: rule.source,
      priority: rule.priority,
      enabled: rule.enabled,
      tags: rule.tags,
      condition: printCondition(rule.resolved),
      output: rule.output,
    })),
    lists: Object.fromEntries(lists.map(({ name, items }) => [name, items])),
    num_enabled: rules.filter(isActive).length,
  };
}
