import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Scalar,
  visit,
  type Node as YamlNode,
} from 'yaml';
import type { At } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { parseLoosely } from './loose-yaml.ts';
import { didYouMean } from './nearest.ts';
import { type PlainNode, readPlainYaml, type ScalarStyle } from './plain-yaml.ts';
import { type Piece, type Source, type SourceFile, type Span, sourceOf } from './source.ts';

/** Larger files are refused: they cost more to read than any rule file is worth. */
const mostBytes = 8 * 1024 * 1024;
const mostLine = 65_536;
/** The package takes some 40 µs a line; the longest published rule file has 1,300. */
const mostLines = 20_000;
/** It takes some 10 µs for each of these, too. Our own reader of plain files is faster, and has no such limit. */
const mostFlowSigns = 60_000;
const mostDepth = 100;

/** A YAML value with the place where it stands. Scalars are their text; what they mean is the caller's to say. */
export type Value =
  | { readonly kind: 'null'; readonly at: At }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** Neither quoted nor a block: a number or a truth value may be meant. */
      readonly isPlain: boolean;
      readonly at: At;
      readonly toSource: () => Source;
    }
  | { readonly kind: 'list'; readonly items: readonly Value[]; readonly at: At }
  | { readonly kind: 'map'; readonly entries: readonly Entry[]; readonly at: At };

export type Entry = { readonly key: string; readonly keyAt: At; readonly value: Value };

export type YamlResult =
  | { readonly ok: true; readonly documents: readonly Value[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly documents: readonly Value[] };

/** Reads every document of a file. Documents before one that is not YAML are still given. */
export function readYaml(file: SourceFile): YamlResult {
  const source = sourceOf(file.path, file.text);
  const refuse = (message: string, span: Span = { start: 0, end: 1 }): YamlResult => ({
    ok: false,
    diagnostics: [{ code: 'LOAD_ERR_YAML_PARSE', message, source, span }],
    documents: [],
  });
  if (file.text.length > mostBytes) return refuse(`the file has more than ${mostBytes} characters`);
  const excess = findExcess(file.text);
  if (excess !== undefined) return refuse(excess.message, { start: excess.at, end: excess.at + 1 });
  const tooDeep = findDeepFlow(file.text);
  if (tooDeep !== undefined)
    return refuse(`more than ${mostDepth} nested brackets`, { start: tooDeep, end: tooDeep + 1 });
  // A byte order mark says nothing; a line break in its place keeps every offset.
  const text = file.text.replace(/^\ufeff/, '\n');
  const plain = readPlainYaml(text);
  if (plain !== undefined) return { ok: true, documents: [convertPlain(plain, { file, source })] };
  const crowded = findCrowd(text);
  if (crowded !== undefined) {
    const message = `more than ${mostFlowSigns} brackets and commas; use several files`;
    return refuse(message, { start: crowded, end: crowded + 1 });
  }
  const parsed = parseDocuments(text);
  if (parsed === undefined) return refuse('nested too deeply to be read');
  const documents: Value[] = [];
  const problems: Diagnostic[] = [];
  for (const document of parsed) {
    const [first] = document.errors;
    if (first !== undefined) {
      const quotes = findQuotes(document);
      const diagnostics = document.errors.slice(0, 20).map((error): Diagnostic => {
        // The package says where the text ended; what is wrong stands where the quote was opened.
        const isOpen = error.code === 'MISSING_CHAR' && error.message.startsWith('Missing closing');
        const quote = isOpen ? quotes.get(error.pos[0]) : undefined;
        const sign = quote === undefined ? '' : (text[quote] ?? '');
        const message = quote === undefined ? firstLine(error.message) : `this ${sign} has no closing ${sign}`;
        const [start, end] = quote === undefined ? error.pos : [quote, quote + 1];
        const span = { start: Math.min(start, text.length), end: Math.min(end, text.length) };
        return { code: 'LOAD_ERR_YAML_PARSE', message, source, span };
      });
      return { ok: false, diagnostics, documents };
    }
    documents.push(convert(document.contents, { file, source, anchors: new Map(), problems, depth: 0 }));
  }
  return problems.length === 0 ? { ok: true, documents } : { ok: false, diagnostics: problems, documents };
}

function convertPlain(node: PlainNode, context: { readonly file: SourceFile; readonly source: Source }): Value {
  const { start, end } = node;
  const at = { source: context.source, span: { start, end: Math.max(start + 1, end) } };
  switch (node.kind) {
    case 'nothing':
      return { kind: 'null', at };
    case 'scalar':
      return makeText(node.text, node, at, context.file);
    case 'list':
      return { kind: 'list', items: node.items.map((item) => convertPlain(item, context)), at };
    case 'map':
      return {
        kind: 'map',
        entries: node.entries.map(({ key, keyStart, value }) => {
          const span = { start: keyStart, end: keyStart + key.length };
          return { key, keyAt: { source: context.source, span }, value: convertPlain(value, context) };
        }),
        at,
      };
  }
}

/** `undefined`: nested too deeply. */
function parseDocuments(text: string): readonly Document[] | undefined {
  const { stackTraceLimit } = Error;
  try {
    // A hostile file has an error in every line, and the package makes an Error of each: their stacks would cost seconds.
    Error.stackTraceLimit = 0;
    // Finding the line for each error takes quadratic time on a long line; we have our own places.
    const options = { schema: 'failsafe', uniqueKeys: false, logLevel: 'silent', prettyErrors: false } as const;
    const isSound = (documents: readonly Document[]): boolean => documents.every(({ errors }) => errors.length === 0);
    const all = parseAllDocuments(text, options);
    const strict = Array.isArray(all) ? all : [];
    if (isSound(strict)) return strict;
    const loose = parseLoosely(text, options);
    return isSound(loose) ? loose : strict;
  } catch (error) {
    // The package recurses along the nesting; everything else it finds it reports.
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Where quoted scalars end, and where they begin. */
function findQuotes(document: Document): ReadonlyMap<number, number> {
  const quotes = new Map<number, number>();
  visit(document, {
    Scalar: (_key, { type, range }) => {
      if (range && (type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE')) quotes.set(range[1], range[0]);
    },
  });
  return quotes;
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? message)
    .replace(/ at line \d+, column \d+:?$/, '')
    .replace(/^./, (letter) => letter.toLowerCase());
}

function findExcess(text: string): { readonly message: string; readonly at: number } | undefined {
  let lines = 0;
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start);
    const end = found === -1 ? text.length : found;
    if (end - start > mostLine) return { message: `a line of more than ${mostLine} characters`, at: start };
    if (++lines > mostLines) return { message: `more than ${mostLines} lines; use several files`, at: start };
    start = end + 1;
  }
  return undefined;
}

function findCrowd(text: string): number | undefined {
  const signs = /[[\]{},]/g;
  for (let count = 0; count < mostFlowSigns; count++) if (!signs.test(text)) return undefined;
  return signs.exec(text)?.index;
}

/** A cheap look at the text: the package takes quadratic time on brackets nested very deeply. */
function findDeepFlow(text: string): number | undefined {
  const runs = /[[{]{1}(?:\s*[[{?-]){100}/g;
  return runs.exec(text)?.index;
}

type Context = {
  readonly file: SourceFile;
  readonly source: Source;
  /** Values by their anchor. An alias is the same value again, not a copy: aliases of aliases cost nothing. */
  readonly anchors: Map<string, Value>;
  readonly problems: Diagnostic[];
  readonly depth: number;
};

function convert(node: unknown, context: Context): Value {
  if (isAlias(node)) return context.anchors.get(node.source) ?? reportAlias(node, context);
  const value = convertNode(node, context);
  if (isNode(node) && 'anchor' in node && typeof node.anchor === 'string') context.anchors.set(node.anchor, value);
  return value;
}

function reportAlias(alias: Alias, context: Context): Value {
  const at = atOf(alias.range, context);
  const hint = didYouMean(alias.source, context.anchors.keys());
  return fail(`unresolved alias *${alias.source}: nothing above is marked &${alias.source}${hint}`, at, context);
}

function fail(message: string, at: At, { problems }: Context): Value {
  problems.push({ code: 'LOAD_ERR_YAML_PARSE', message, ...at });
  return { kind: 'null', at };
}

function atOf(range: YamlNode['range'], context: Context): At {
  const start = range?.[0] ?? 0;
  return { source: context.source, span: { start, end: Math.max(start + 1, range?.[1] ?? start) } };
}

function convertNode(node: unknown, context: Context): Value {
  if (!isNode(node)) return { kind: 'null', at: atOf(undefined, context) };
  const at = atOf(node.range, context);
  if (context.depth > mostDepth) return fail(`nested more than ${mostDepth} deep`, at, context);
  const inner = { ...context, depth: context.depth + 1 };
  if (isScalar(node)) return convertScalar(node, at, context);
  if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => convert(item, inner)), at };
  if (!isMap(node)) return { kind: 'null', at };
  const entries = node.items.map((pair): Entry => {
    const key = convert(pair.key, inner);
    return {
      key: key.kind === 'text' ? key.text : '',
      keyAt: key.at,
      value: convertPairValue(pair.value, key.at, inner),
    };
  });
  return { kind: 'map', entries, at };
}

/** `key:` without a value has no node of its own: its place is the key's. */
function convertPairValue(node: unknown, keyAt: At, context: Context): Value {
  if (node === null || node === undefined) return { kind: 'null', at: keyAt };
  return convert(node, context);
}

function convertScalar(node: Scalar, at: At, context: Context): Value {
  const text = typeof node.value === 'string' ? node.value : String(node.source ?? '');
  const [start = 0, end = context.file.text.length] = node.range ?? [];
  return makeText(text, { start, end, style: styleOf(node.type) }, at, context.file);
}

/** How a scalar is written, and where: the end lies behind its last character. */
type Written = { readonly start: number; readonly end: number; readonly style: ScalarStyle };

function styleOf(type: Scalar['type']): ScalarStyle {
  if (type === 'QUOTE_DOUBLE') return 'escaped';
  if (type === 'QUOTE_SINGLE') return 'quoted';
  return type === 'BLOCK_FOLDED' || type === 'BLOCK_LITERAL' ? 'block' : 'plain';
}

function makeText(text: string, written: Written, at: At, file: SourceFile): Value {
  if (written.style === 'plain' && /^(?:~|null|Null|NULL)?$/.test(text)) return { kind: 'null', at };
  return {
    kind: 'text',
    text,
    isPlain: written.style === 'plain',
    at,
    toSource: () => liftScalar(written, text, file),
  };
}

/** The scalar's text as a source of its own, each stretch of it tied to where it stands in the file. */
function liftScalar({ start, end, style }: Written, text: string, file: SourceFile): Source {
  const bodyStart = style === 'block' ? file.text.indexOf('\n', start) + 1 : style === 'plain' ? start : start + 1;
  if (file.text.startsWith(text, bodyStart) && !text.includes('\n')) {
    return { path: file.path, text, pieces: [{ start: 0, file, at: bodyStart, verbatim: true }] };
  }
  return { path: file.path, text, pieces: alignScalar(text, file, bodyStart, end, style) };
}

/** Walks the text and what is written side by side; folding only changes blanks, quoting only adds escapes. */
function alignScalar(
  text: string,
  file: SourceFile,
  start: number,
  end: number,
  style: ScalarStyle,
): readonly [Piece, ...Piece[]] {
  const pieces: [Piece, ...Piece[]] = [{ start: 0, file, at: start, verbatim: false }];
  const hasEscapes = style === 'quoted' || style === 'escaped';
  let from = start;
  let lineEnd = start;
  const add = (offset: number, verbatim: boolean): void => {
    const last = pieces.at(-1);
    const expected = verbatim ? offset - (last?.start ?? 0) : 0;
    if (last?.verbatim === verbatim && last.at + expected === from) return;
    const piece = { start: offset, file, at: from, verbatim };
    if (offset === 0) pieces[0] = piece;
    else pieces.push(piece);
  };
  for (let offset = 0; offset < text.length; offset++) {
    const char = text[offset] ?? '';
    if (from >= lineEnd && from < end) {
      // Nearly every line stands there as it is: it is compared once, as a whole.
      lineEnd = endOfLine(file.text, from, end);
      const line = file.text.slice(from, lineEnd);
      if (line !== '' && !(hasEscapes && /['\\]/.test(line)) && text.startsWith(line, offset)) {
        add(offset, true);
        from = lineEnd;
        offset += line.length - 1;
        continue;
      }
    }
    if (style === 'escaped') from = skipContinuation(file.text, from);
    if (!blank.test(char)) while (from < end && blank.test(file.text[from] ?? '')) from++;
    if (style === 'escaped') from = skipContinuation(file.text, from);
    const escaped = style === 'escaped' && file.text[from] === '\\' ? escapeLength(file.text, from) : 0;
    if (escaped > 0) {
      add(offset, false);
      from += escaped;
    } else if (file.text[from] === char) {
      add(offset, true);
      from += style === 'quoted' && char === "'" ? 2 : 1;
    } else if (isLowSurrogate(char)) {
      // The second half of a character that one escape stands for.
    } else {
      add(offset, false);
    }
  }
  return pieces;
}

function endOfLine(text: string, from: number, end: number): number {
  const newline = text.indexOf('\n', from);
  return newline === -1 || newline > end ? end : newline;
}

const blank = /[ \t\r\n]/;

function isLowSurrogate(char: string): boolean {
  return char >= '\udc00' && char <= '\udfff';
}

/** A backslash at the end of a line: the text goes on at the first letter of the next. */
function skipContinuation(text: string, at: number): number {
  const continuation = /\\\r?\n\s*/y;
  continuation.lastIndex = at;
  return at + (continuation.exec(text)?.[0].length ?? 0);
}

function escapeLength(text: string, at: number): number {
  const lengths: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };
  return lengths[text[at + 1] ?? ''] ?? 2;
}
