import type { Priority } from '../alert.ts';
import type { AppendOutput } from './append-output.ts';
import { assemble } from './assemble.ts';
import type { At } from './ast.ts';
import { type Collection, collect, makeCollection } from './collect.ts';
import { type Diagnostic, type DiagnosticCode, isWarning } from './diagnostic.ts';
import type { FieldCatalogue } from './field.ts';
import type { Report } from './item-value.ts';
import { makeMemory } from './memory.ts';
import type { RuleSet } from './rule-set.ts';
import { readItem } from './rules-file.ts';
import { locateOffset, type SourceFile } from './source.ts';
import { readYaml } from './yaml-reader.ts';

export type LoadOptions = {
  readonly fields: FieldCatalogue;
  /** Event sources that rules may have. */
  readonly sources?: readonly string[];
  /** Less severe rules are loaded but not enabled. */
  readonly minPriority?: Priority;
  /** What is added to the alerts of some rules. */
  readonly appendOutput?: readonly AppendOutput[];
};

/** What one file's load said, in the order in which it came up: the original stops at the first error. */
export type FileOutcome = { readonly path: string; readonly ok: boolean; readonly diagnostics: readonly Diagnostic[] };

export type LoadOutcome = {
  readonly ok: boolean;
  /** What loaded, also when something else did not. */
  readonly ruleSet: RuleSet;
  /** Every error of all files, each once. */
  readonly errors: readonly Diagnostic[];
  readonly warnings: readonly Diagnostic[];
  readonly files: readonly FileOutcome[];
};

/** Nobody reads more errors of one file, nor more warnings; finding the places of a million would take minutes. */
const mostOfAKind = 1_000;

/** Reads the files in order into one rule set; after each, everything so far is put together again. */
export function loadRules(files: readonly SourceFile[], options: LoadOptions): LoadOutcome {
  const collection = makeCollection();
  const memory = makeMemory();
  const outcomes: FileOutcome[] = [];
  let ruleSet = assemble(collection, memory, options, () => undefined);
  for (const file of files) {
    const diagnostics: Diagnostic[] = [];
    const told = { errors: 0, warnings: 0 };
    const report: Report = (code: DiagnosticCode, message: string, at: At) => {
      const count = ++told[isWarning(code) ? 'warnings' : 'errors'];
      if (count <= mostOfAKind) diagnostics.push({ code, message, source: at.source, span: at.span });
      return undefined;
    };
    readFile(file, collection, options, diagnostics, report, told);
    ruleSet = assemble(collection, memory, options, report);
    outcomes.push({ path: file.path, ok: diagnostics.every(({ code }) => isWarning(code)), diagnostics });
  }
  const all = distinct(outcomes.flatMap(({ diagnostics }) => diagnostics));
  const errors = all.filter(({ code }) => !isWarning(code));
  const warnings = all.filter(({ code }) => isWarning(code) && !isUnused(code));
  // What a later file uses is not unused: only the last pass saw everything.
  const unused = (outcomes.at(-1)?.diagnostics ?? []).filter(({ code }) => isUnused(code));
  return { ok: errors.length === 0, ruleSet, errors, warnings: [...warnings, ...unused], files: outcomes };
}

function isUnused(code: DiagnosticCode): boolean {
  return code === 'LOAD_UNUSED_MACRO' || code === 'LOAD_UNUSED_LIST';
}

function readFile(
  file: SourceFile,
  collection: Collection,
  options: LoadOptions,
  diagnostics: Diagnostic[],
  report: Report,
  told: { readonly errors: number },
): void {
  const yaml = readYaml(file);
  // The original parses the whole file before it looks at what stands in it.
  if (!yaml.ok) diagnostics.push(...yaml.diagnostics);
  const collecting = { catalogue: options.fields, sources: options.sources ?? ['syscall'] };
  for (const document of yaml.documents) {
    if (document.kind === 'null') continue;
    if (document.kind !== 'list') {
      report(
        'LOAD_ERR_YAML_VALIDATE',
        'a rule file must be a list of items, each beginning with - rule:, - macro: or - list:',
        document.at,
      );
      continue;
    }
    for (const value of document.items) {
      if (told.errors >= mostOfAKind) return;
      const before = told.errors;
      const item = readItem(value, report);
      if (item !== undefined) collect(item, collection, collecting, report);
      if (told.errors > before) markBroken(value, collection);
    }
  }
}

/** The names that a refused item would have defined: that they are unknown is no further mistake of their users. */
function markBroken(value: Parameters<typeof readItem>[0], collection: Collection): void {
  if (value.kind !== 'map') return;
  for (const { key, value: name } of value.entries) {
    if ((key === 'macro' || key === 'list') && name.kind === 'text') collection.broken.add(name.text);
  }
}

/** Later files repeat what the earlier ones said; one place with one code is said once. */
function distinct(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter(({ code, message, source, span }) => {
    const { path, offset } = locateOffset(source, span.start);
    const key = `${code} ${path} ${offset} ${isWarning(code) ? message : ''}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
