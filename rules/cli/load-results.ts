import { type Diagnostic, isWarning } from '../language/diagnostic.ts';
import type { LoadOutcome } from '../language/load.ts';
import { locate } from '../language/source.ts';
import { deprecatedFieldIn } from '../language/warnings.ts';

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
  readonly context: {
    /** Falco's: line, column and offset count from 0. */
    readonly locations: readonly {
      readonly item_type: string;
      readonly item_name: string;
      readonly position: Position;
    }[];
    readonly snippet: string;
  };
  /** Ours: where exactly, counted from 1 as editors do. */
  readonly place: { readonly path: string; readonly line: number; readonly column: number; readonly offset: number };
};

type Position = { readonly name: string; readonly line: number; readonly column: number; readonly offset: number };

/**
 * What `falco --validate` prints as JSON, with places besides, and with every error instead of the first.
 * `schemaWarnings`: by path, what Falco's JSON schema does not allow.
 */
export function toLoadResults(outcome: LoadOutcome, schemaWarnings: ReadonlyMap<string, readonly string[]>): object {
  return {
    falco_load_results: outcome.files.map(({ path, ok, diagnostics }) => ({
      name: path,
      successful: ok,
      schema_valid: (schemaWarnings.get(path) ?? []).length === 0,
      schema_warnings: schemaWarnings.get(path) ?? [],
      errors: diagnostics.filter(({ code }) => !isWarning(code)).map(toMessage),
      warnings: diagnostics.filter(({ code }) => isWarning(code)).map(toMessage),
    })),
  };
}

function toMessage(diagnostic: Diagnostic): Message {
  const { code, message, source, span } = diagnostic;
  const { path, line, column, offset, lineText } = locate(source, span.start);
  const position: Position = { name: path, line: line - 1, column: column - 1, offset };
  const [kind = '', ...words] = (source.owner ?? '').split(' ');
  const name = words.join(' ');
  const field = code === 'LOAD_DEPRECATED_ITEM' ? deprecatedFieldIn(message) : undefined;
  const locations = [
    { item_type: 'rules content', item_name: '', position: { name: path, line: 0, column: 0, offset: 0 } },
  ];
  if (kind === '') locations.push({ item_type: 'rules content item', item_name: '', position });
  else
    locations.push({
      item_type: `${kind} condition`,
      item_name: kind === 'rule' ? String(JSON.parse(name)) : name,
      position,
    });
  return {
    code,
    codedesc: descriptions[code] ?? code,
    message,
    ...(field === undefined ? {} : { deprecated_field: field }),
    context: { locations, snippet: `${lineText}\n${' '.repeat(column - 1)}^\n` },
    place: { path, line, column, offset },
  };
}

export function describeCode(code: string): string {
  return descriptions[code] ?? code;
}
