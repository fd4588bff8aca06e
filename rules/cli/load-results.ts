import { type Diagnostic, isWarning } from '../language/diagnostic.ts';
import { type FalcoContext, falcoContext } from '../language/falco-context.ts';
import type { LoadOutcome } from '../language/load.ts';
import { locate } from '../language/source.ts';
import { deprecatedFieldIn } from '../language/warnings.ts';
import type { Value } from '../language/yaml-reader.ts';

/** The codes in words, as Falco gives them. */
const descriptions: Readonly<Record<string, string>> = {
  LOAD_ERR_FILE_READ: 'File read error',
  LOAD_ERR_YAML_PARSE: 'YAML parse error',
  LOAD_ERR_YAML_VALIDATE: 'Error validating internal structure of YAML file',
  LOAD_ERR_COMPILE_CONDITION: 'Error compiling condition',
  LOAD_ERR_COMPILE_OUTPUT: 'Error compiling output',
  LOAD_ERR_VALIDATE: 'Error validating rule/macro/list/exception objects',
  LOAD_UNKNOWN_SOURCE: 'Unknown event source',
  LOAD_UNSAFE_NA_CHECK: 'Unsafe <NA> comparison in condition',
  LOAD_NO_EVTTYPE: 'Condition has no event-type restriction',
  LOAD_UNKNOWN_FILTER: 'Unknown field or event-type in condition or output',
  LOAD_UNUSED_MACRO: 'Unused macro',
  LOAD_UNUSED_LIST: 'Unused list',
  LOAD_UNKNOWN_ITEM: 'Unknown rules file item',
  LOAD_DEPRECATED_ITEM: 'Used deprecated item',
  LOAD_APPEND_NO_VALUES: 'Overriding/appending with no values',
  LOAD_EXCEPTION_NAME_NOT_UNIQUE: 'Multiple exceptions defined with the same name',
  LOAD_INVALID_MACRO_NAME: 'Invalid macro name',
  LOAD_INVALID_LIST_NAME: 'Invalid list name',
  LOAD_COMPILE_CONDITION: 'Warning in rule condition',
  LOAD_UNKNOWN_KEY: 'Unknown key in item',
  LIKELY_TYPO: 'Likely misspelt word',
};

export type Message = {
  readonly code: string;
  readonly codedesc: string;
  readonly message: string;
  /** As in Falco's results: the field that a warning about one is about. */
  readonly deprecated_field?: string;
  readonly context: FalcoContext;
  /** Ours: where exactly, counted from 1 as editors do. */
  readonly place: { readonly path: string; readonly line: number; readonly column: number; readonly offset: number };
};

/** A file's documents, and what Falco's JSON schema does not allow in them. */
export type ReadFile = { readonly documents: readonly Value[]; readonly schemaWarnings: readonly string[] };

/**
 * What `falco --validate` prints as JSON, with places besides, and with every error instead of the first.
 * `files`: by path.
 */
export function toLoadResults(outcome: LoadOutcome, files: ReadonlyMap<string, ReadFile>): object {
  const documents = new Map([...files].map(([path, file]) => [path, file.documents]));
  return {
    falco_load_results: outcome.files.map(({ path, ok, diagnostics }) => {
      const schemaWarnings = files.get(path)?.schemaWarnings ?? [];
      const messages = (kind: 'errors' | 'warnings'): readonly Message[] =>
        diagnostics
          .filter(({ code }) => isWarning(code) === (kind === 'warnings'))
          .map((diagnostic) => toMessage(diagnostic, documents));
      return {
        name: path,
        successful: ok,
        schema_valid: schemaWarnings.length === 0,
        schema_warnings: schemaWarnings,
        errors: messages('errors'),
        warnings: messages('warnings'),
      };
    }),
  };
}

function toMessage(diagnostic: Diagnostic, documents: ReadonlyMap<string, readonly Value[]>): Message {
  const { code, message, source, span } = diagnostic;
  const { path, line, column, offset } = locate(source, span.start);
  const field = code === 'LOAD_DEPRECATED_ITEM' ? deprecatedFieldIn(message) : undefined;
  return {
    code,
    codedesc: descriptions[code] ?? code,
    message,
    ...(field === undefined ? {} : { deprecated_field: field }),
    context: falcoContext(diagnostic, documents),
    place: { path, line, column, offset },
  };
}

export function describeCode(code: string): string {
  return descriptions[code] ?? code;
}
