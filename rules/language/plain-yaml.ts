/**
 * Reads the plain part of YAML that rule files are written in: block lists and maps, plain and simply quoted scalars,
 * folded and literal blocks, lists in brackets. It is ten times as fast as the package, for it makes no tokens. Whatever
 * it does not know for certain, and every mistake, gives `undefined`: then the package reads the file. A test compares
 * the two.
 */
export type PlainNode =
  | {
      readonly kind: 'scalar';
      readonly text: string;
      readonly style: ScalarStyle;
      readonly start: number;
      readonly end: number;
    }
  | { readonly kind: 'list'; readonly items: readonly PlainNode[]; readonly start: number; readonly end: number }
  | { readonly kind: 'map'; readonly entries: readonly PlainEntry[]; readonly start: number; readonly end: number }
  /** The value of a key that has none; it stands behind the colon. */
  | { readonly kind: 'nothing'; readonly start: number; readonly end: number };

export type PlainEntry = { readonly key: string; readonly keyStart: number; readonly value: PlainNode };

/** `escaped`: in double quotes, where a backslash means something. */
export type ScalarStyle = 'plain' | 'quoted' | 'escaped' | 'block';

/** Tabs, carriage returns and other control characters, surrogates and what is no character. */
const odd = /[^\n\x20-\x7e\u00a1-\ud7ff\ue000-\ufefe\uff00-\ufffd]/;
/** Markers of documents, directives. */
const marker = /^(?:---|\.\.\.|%)/m;

/** Thrown inside, caught by `readPlainYaml`: something that only the package knows. */
class NotPlain extends Error {}

const mostDepth = 30;

export function readPlainYaml(text: string): PlainNode | undefined {
  if (!text.endsWith('\n') || odd.test(text) || marker.test(text)) {
    return undefined;
  }
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 0;
    const reader = makeReader(text);
    const value = reader.readList(0, 0);
    if (!reader.isAtEnd()) throw new NotPlain();
    return value;
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const key = /((?!(?:null|Null|NULL):)[A-Za-z_][A-Za-z0-9_.[\]-]*):(?= |\n)/y;
/** What may begin a plain scalar: no indicator. */
const plainStart = /[A-Za-z0-9_/.(<=+$^~;\\\u00a1-\ud7ff]|-[A-Za-z0-9_]/y;
const singleQuoted = /'(?:[^'\n]|'')*'/y;
/** Other escapes are rare. */
const doubleQuoted = /"(?:[^"\\\n]|\\["\\])*"/y;
const blockHeader = /([|>])(-?) *\n/y;

function makeReader(text: string) {
  /** The beginning of the first line not yet read. */
  let at = 0;
  skipBlank();
  return { readList, isAtEnd: () => at >= text.length };

  function fail(): never {
    throw new NotPlain();
  }

  /** To the next line that holds something other than a comment. */
  function skipBlank(): void {
    while (at < text.length) {
      const first = at + indentOf(at);
      const char = text[first];
      if (char !== '\n' && char !== '#') return;
      at = text.indexOf('\n', first) + 1;
    }
  }

  function indentOf(line: number): number {
    let end = line;
    while (text.charCodeAt(end) === 32) end++;
    return end - line;
  }

  /** A list whose dashes stand at `indent`; `at` is the beginning of its first line. */
  function readList(indent: number, depth: number): PlainNode {
    if (depth > mostDepth) fail();
    const start = at + indent;
    const items: PlainNode[] = [];
    while (at < text.length && indentOf(at) === indent && text.startsWith('- ', at + indent)) {
      const inner = indent + 2 + indentOf(at + indent + 2);
      key.lastIndex = at + inner;
      items.push(key.test(text) ? readMap(inner, depth + 1) : readInline(at + inner, indent, depth));
      skipBlank();
    }
    if (items.length === 0 || (at < text.length && indentOf(at) > indent)) fail();
    return { kind: 'list', items, start, end: start + 1 };
  }

  /** A map whose keys stand at `indent`; the first may stand behind the dash of a list. */
  function readMap(indent: number, depth: number): PlainNode {
    if (depth > mostDepth) fail();
    const start = at + indent;
    const entries: PlainEntry[] = [];
    for (let isFirst = true; at < text.length && (isFirst || indentOf(at) === indent); isFirst = false) {
      key.lastIndex = at + indent;
      const [, name] = key.exec(text) ?? [];
      // A list may stand at the same indent as the keys of the map that it follows, and end it.
      if (name === undefined) break;
      const keyStart = at + indent;
      entries.push({ key: name, keyStart, value: readValue(keyStart + name.length + 1, indent, depth) });
      skipBlank();
    }
    if (entries.length === 0 || (at < text.length && indentOf(at) > indent)) fail();
    return { kind: 'map', entries, start, end: start + 1 };
  }

  /** What follows the colon before `from`. */
  function readValue(from: number, indent: number, depth: number): PlainNode {
    const first = from + indentOf(from);
    if (text[first] !== '\n' && !(text[first] === '#' && first > from)) return readInline(first, indent, depth);
    at = text.indexOf('\n', first) + 1;
    skipBlank();
    const inner = at < text.length ? indentOf(at) : -1;
    if (inner >= indent && text.startsWith('- ', at + inner)) return readList(inner, depth + 1);
    if (inner <= indent) return { kind: 'nothing', start: from, end: from };
    key.lastIndex = at + inner;
    return key.test(text) ? readMap(inner, depth + 1) : readInline(at + inner, indent, depth);
  }

  /** A scalar, or a list in brackets, that begins at `first` and belongs to something at `indent`. */
  function readInline(first: number, indent: number, depth: number): PlainNode {
    const char = text[first] ?? '';
    if (char === '|' || char === '>') return readBlock(first, indent);
    if (char === '[') {
      const list = readFlow(first, indent, depth);
      endLine(list.end, indent);
      return list.node;
    }
    if (char === '"' || char === "'") {
      const node = readQuoted(first);
      endLine(node.end, indent);
      return node;
    }
    return readPlain(first, indent);
  }

  /** Nothing but blanks or a comment may follow, and no line that belongs to what stands at `indent`. */
  function endLine(from: number, indent: number): void {
    const next = from + indentOf(from);
    if (text[next] !== '\n' && !(text[next] === '#' && next > from)) fail();
    at = text.indexOf('\n', next) + 1;
    endValue(indent);
  }

  function endValue(indent: number): void {
    skipBlank();
    if (at < text.length && indentOf(at) > indent) fail();
  }

  /** In single or double quotes, on one line. */
  function readQuoted(first: number): PlainNode & { readonly kind: 'scalar' } {
    const pattern = text[first] === '"' ? doubleQuoted : singleQuoted;
    pattern.lastIndex = first;
    const [written] = pattern.exec(text) ?? [];
    if (written === undefined) fail();
    const end = first + written.length;
    const inside = written.slice(1, -1);
    if (text[first] === '"') {
      return { kind: 'scalar', text: inside.replace(/\\(.)/g, '$1'), style: 'escaped', start: first, end };
    }
    if (text[end] === "'") fail();
    return { kind: 'scalar', text: inside.replaceAll("''", "'"), style: 'quoted', start: first, end };
  }

  /** May go on over lines that are indented more. */
  function readPlain(first: number, indent: number): PlainNode {
    if (!startsPlain(first)) fail();
    const parts: string[] = [];
    let from = first;
    let end = first;
    for (;;) {
      const lineEnd = text.indexOf('\n', from);
      const comment = text.slice(from, lineEnd).indexOf(' #');
      const isCut = comment !== -1;
      end = trimEnd(from, isCut ? from + comment : lineEnd);
      parts.push(plainPart(from, end));
      at = lineEnd + 1;
      const inner = at < text.length ? indentOf(at) : 0;
      if (isCut || inner <= indent || text[at + inner] === '\n' || text[at + inner] === '#') break;
      from = at + inner;
    }
    // After a blank line the scalar may go on, with a line break in it.
    endValue(indent);
    return { kind: 'scalar', text: parts.join(' '), style: 'plain', start: first, end };
  }

  function startsPlain(from: number): boolean {
    plainStart.lastIndex = from;
    return plainStart.test(text);
  }

  function trimEnd(from: number, to: number): number {
    let end = to;
    while (end > from && text.charCodeAt(end - 1) === 32) end--;
    return end;
  }

  function plainPart(from: number, to: number): string {
    const part = text.slice(from, to);
    if (part.includes(': ') || part.endsWith(':') || part.includes(' #')) fail();
    return part;
  }

  /** A folded or literal block; its first line is not blank and sets the indent. */
  function readBlock(first: number, indent: number): PlainNode {
    blockHeader.lastIndex = first;
    const [header, kind, strip] = blockHeader.exec(text) ?? [];
    if (header === undefined) fail();
    at = first + header.length;
    const inner = indentOf(at);
    if (inner <= indent || text[at + inner] === '\n') fail();
    let folded = '';
    let blank = 0;
    let wasMore = false;
    let end = at;
    for (let isFirst = true; at < text.length; ) {
      const own = indentOf(at);
      const lineEnd = text.indexOf('\n', at);
      if (at + own === lineEnd) {
        if (own > inner) fail();
        blank++;
      } else {
        if (own < inner) break;
        // Lines that are indented more keep their breaks.
        const isKept = kind === '|' || own > inner || wasMore;
        if (!isFirst) folded += isKept ? '\n'.repeat(blank + 1) : blank === 0 ? ' ' : '\n'.repeat(blank);
        wasMore = own > inner;
        folded += text.slice(at + inner, lineEnd);
        blank = 0;
        isFirst = false;
        end = lineEnd + 1;
      }
      at = lineEnd + 1;
    }
    endValue(indent);
    return { kind: 'scalar', text: strip === '-' ? folded : `${folded}\n`, style: 'block', start: first, end };
  }

  function readFlow(first: number, indent: number, depth: number): { readonly node: PlainNode; readonly end: number } {
    if (depth > mostDepth) fail();
    const items: PlainNode[] = [];
    let next = skipFlowBlank(first + 1, indent);
    while (text[next] !== ']') {
      const item = readFlowItem(next, indent, depth);
      items.push(item.node);
      next = skipFlowBlank(item.end, indent);
      if (text[next] === ',') next = skipFlowBlank(next + 1, indent);
      else if (text[next] !== ']') fail();
    }
    return { node: { kind: 'list', items, start: first, end: next + 1 }, end: next + 1 };
  }

  function readFlowItem(
    first: number,
    indent: number,
    depth: number,
  ): { readonly node: PlainNode; readonly end: number } {
    const char = text[first] ?? '';
    if (char === '[') return readFlow(first, indent, depth + 1);
    if (char === '"' || char === "'") {
      const node = readQuoted(first);
      if (text[node.end] === ':') fail();
      return { node, end: node.end };
    }
    if (!startsPlain(first)) fail();
    let end = first;
    while (!/[,[\]{}\n]/.test(text[end] ?? '\n')) end++;
    // A plain scalar that goes on in the next line.
    if (text[end] === '\n' && !/[,\]]/.test(text[skipFlowBlank(end, indent)] ?? '')) fail();
    const to = trimEnd(first, end);
    return { node: { kind: 'scalar', text: plainPart(first, to), style: 'plain', start: first, end: to }, end };
  }

  /** Blanks, line breaks and comments; what stands in another line is indented more than what the list belongs to, or is its end. */
  function skipFlowBlank(from: number, indent: number): number {
    let next = from;
    let line = -1;
    for (;;) {
      const char = text[next];
      if (char === undefined) fail();
      if (char === '#' && /\s/.test(text[next - 1] ?? '')) next = text.indexOf('\n', next);
      else if (char === '\n') line = ++next;
      else if (char === ' ') next++;
      else if (line !== -1 && next - line < indent + (char === ']' ? 0 : 1)) fail();
      else return next;
    }
  }
}
