import { type Document, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { DiagnosticCode } from '#rules/language/diagnostic';
import { type Source, type SourceFile, type Span, sourceOf } from '#rules/language/source';
import { readYaml, type Value } from '#rules/language/yaml-reader';

export type Path = readonly (string | number)[];
export type Report = (code: DiagnosticCode, message: string, source: Source, span: Span) => void;

/** The package counts what aliases unfold to, so that a few lines cannot become gigabytes. */
const MOST_ALIASES = 100;

/** What a document holds (a playbook, a configuration): its value, and where each part of it stands. */
export type Written = {
  readonly value: unknown;
  readonly path: string;
  readonly at: (path: Path) => Value;
  /** Reports at the value that `path` leads to. */
  readonly fail: (path: Path, message: string) => void;
  /** Reports at the key itself. */
  readonly failKey: (path: Path, key: string, message: string) => void;
};

/** What one file holds, as documents, as a list, or both; `expected` says what each of them is. */
export function readWritten(
  file: SourceFile,
  report: Report,
  expected = 'a playbook: a map with the keys playbook, on and steps',
): Written[] {
  const places = readYaml(file);
  if (!places.ok) {
    for (const { code, message, source, span } of places.diagnostics) report(code, message, source, span);
    return [];
  }
  // The same text again with YAML's own types: the first reading knows places, this one numbers and booleans.
  const documents = parseAllDocuments(file.text, { schema: 'core', logLevel: 'silent', prettyErrors: false });
  return places.documents.flatMap((place, index) => {
    const document = Array.isArray(documents) ? documents[index] : undefined;
    if (document === undefined) return [];
    const [wrong] = document.errors;
    if (wrong !== undefined) {
      report('LOAD_ERR_YAML_PARSE', lower(wrong.message), sourceOf(file.path, file.text), {
        start: wrong.pos[0],
        end: wrong.pos[1],
      });
      return [];
    }
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    const read = readValue(document);
    if (!read.ok) {
      report('LOAD_ERR_YAML_PARSE', lower(read.reason), place.at.source, place.at.span);
      return [];
    }
    const { value } = read;
    if (isSeq(contents) && place.kind === 'list' && Array.isArray(value)) {
      return place.items.map((item, at) => makeWritten(file, value[at], item, report));
    }
    if (!isMap(contents)) {
      report('LOAD_ERR_YAML_VALIDATE', `expected ${expected}`, place.at.source, place.at.span);
      return [];
    }
    return [makeWritten(file, value, place, report)];
  });
}

/** An alias without an anchor, or too many of them, is found only here. */
function readValue(
  document: Document,
): { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: string } {
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: MOST_ALIASES }) };
  } catch (error) {
    if (error instanceof ReferenceError || error instanceof RangeError) return { ok: false, reason: error.message };
    throw error;
  }
}

function lower(message: string): string {
  return message.replace(/^./, (letter) => letter.toLowerCase());
}

function makeWritten(file: SourceFile, value: unknown, place: Value, report: Report): Written {
  const at = (path: Path): Value => {
    let current = place;
    for (const step of path) {
      const below =
        current.kind === 'map'
          ? current.entries.find(({ key }) => key === step)?.value
          : current.kind === 'list' && typeof step === 'number'
            ? current.items[step]
            : undefined;
      if (below === undefined) return current;
      current = below;
    }
    return current;
  };
  const fail = (path: Path, message: string): void => {
    const { source, span } = at(path).at;
    report('LOAD_ERR_YAML_VALIDATE', message, source, span);
  };
  const failKey = (path: Path, key: string, message: string): void => {
    const place = at(path);
    const entry = place.kind === 'map' ? place.entries.find((candidate) => candidate.key === key) : undefined;
    const { source, span } = entry?.keyAt ?? place.at;
    report('LOAD_ERR_YAML_VALIDATE', message, source, span);
  };
  return { value, path: file.path, at, fail, failKey };
}
