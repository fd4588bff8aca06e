/** Half-open, in UTF-16 offsets into `Source.text`. */
export type Span = { readonly start: number; readonly end: number };

export type SourceFile = { readonly path: string; readonly text: string };

/**
 * A stretch of a Source's text that comes from one place of a file. `verbatim`: the text stands there letter by
 * letter; otherwise (an escape, a folded line break, text that we inserted) all of it points at `at`.
 */
export type Piece = {
  readonly start: number;
  readonly file: SourceFile;
  readonly at: number;
  readonly verbatim: boolean;
  /** The piece is the text of something that was put in, from `from` on: then that is where it was written. */
  readonly inside?: { readonly source: Source; readonly from: number };
};

/**
 * Text lifted out of a YAML file, perhaps put together from several places: folded scalars lose their indentation, and
 * lists and exceptions are substituted as text. The pieces lead every letter back to where it was written.
 */
export type Source = {
  readonly path: string;
  readonly text: string;
  readonly pieces: readonly Piece[];
  /** What the text belongs to, for messages: `macro shell_procs`, `list shells`. */
  readonly owner?: string;
};

/** Where an offset lies in its file; line and column count from 1, columns in characters (code points). */
export type Place = {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  /** In UTF-16 units, from 0. */
  readonly offset: number;
  readonly lineText: string;
  /** The offset in `lineText`, in UTF-16 units. */
  readonly lineOffset: number;
  /** Whether this very letter stands there, and how many that follow in the text follow it in the file, too. */
  readonly exact: boolean;
  readonly following: number;
};

/** A whole text as its own source. */
export function sourceOf(path: string, text: string): Source {
  return { path, text, pieces: [{ start: 0, file: { path, text }, at: 0, verbatim: true }] };
}

/** Text of ours, shown at `offset` of `near`. */
export function insertedText(text: string, near: Source, offset: number): Source {
  const { file, at } = trace(near, offset);
  return { path: near.path, text, pieces: [{ start: 0, file, at, verbatim: false }] };
}

/** In double quotes of ours. */
export function inQuotes(source: Source): Source {
  const quote = (offset: number): Source => insertedText('"', source, offset);
  return joinSources([quote(0), source, quote(Math.max(0, source.text.length - 1))]);
}

/** Text that has a source of its own, put in at `offset` of `near`: one piece, however many it is made of. */
export function embeddedText(inside: Source, near: Source, offset: number): Source {
  const { file, at } = trace(near, offset);
  return {
    path: near.path,
    text: inside.text,
    pieces: [{ start: 0, file, at, verbatim: false, inside: { source: inside, from: 0 } }],
  };
}

export function sliceSource(source: Source, start: number, end: number = source.text.length): Source {
  const pieces: Piece[] = [];
  for (let index = pieceIndex(source, start); index < source.pieces.length; index++) {
    const piece = source.pieces[index];
    if (piece === undefined || (piece.start >= end && pieces.length > 0)) break;
    pieces.push(cutPiece(piece, Math.max(piece.start, start), start));
  }
  return { path: source.path, text: source.text.slice(start, end), pieces };
}

/** The part of a piece that begins at `from`, for a text that begins at `base`. */
function cutPiece(piece: Piece, from: number, base: number): Piece {
  const cut = from - piece.start;
  const { inside } = piece;
  return {
    ...piece,
    start: from - base,
    at: piece.verbatim ? piece.at + cut : piece.at,
    ...(inside === undefined ? {} : { inside: { source: inside.source, from: inside.from + cut } }),
  };
}

export function joinSources(parts: readonly [Source, ...Source[]]): Source {
  const pieces: Piece[] = [];
  const texts: string[] = [];
  let length = 0;
  for (const part of parts) {
    if (part.text === '' && parts.length > 1) continue;
    for (const piece of part.pieces) pieces.push({ ...piece, start: piece.start + length });
    texts.push(part.text);
    length += part.text.length;
  }
  return { path: parts[0].path, text: texts.join(''), pieces: pieces.length > 0 ? pieces : parts[0].pieces };
}

export function locate(source: Source, offset: number): Place {
  const { file, at, exact, following } = trace(source, offset);
  const { path, text } = file;
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  const lineEnd = text.indexOf('\n', at);
  let line = 1;
  for (let found = text.indexOf('\n'); found !== -1 && found < lineStart; found = text.indexOf('\n', found + 1)) line++;
  return {
    path,
    line,
    column: countCharacters(text.slice(lineStart, at)) + 1,
    offset: at,
    lineText: text.slice(lineStart, lineEnd === -1 ? text.length : lineEnd).replace(/\r$/, ''),
    lineOffset: at - lineStart,
    exact,
    following,
  };
}

/** Where an offset lies in its file, without line and column. */
export function locateOffset(source: Source, offset: number): Pick<Place, 'path' | 'offset'> {
  const { file, at } = trace(source, offset);
  return { path: file.path, offset: at };
}

/** What the letter at `offset` belongs to: a list that was put in there, or the whole text's owner. */
export function ownerAt(source: Source, offset: number): string | undefined {
  return trace(source, offset).owner ?? source.owner;
}

function countCharacters(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

type Trace = {
  readonly file: SourceFile;
  readonly at: number;
  readonly exact: boolean;
  readonly following: number;
  /** Of the text that was put in, if the letter is in one. */
  readonly owner: string | undefined;
};

function trace(source: Source, offset: number): Trace {
  const index = pieceIndex(source, offset);
  const piece = source.pieces[index];
  if (piece === undefined) throw new Error('a source has at least one piece');
  const { file, at, verbatim, inside } = piece;
  const into = Math.max(0, offset - piece.start);
  if (inside !== undefined) {
    const found = trace(inside.source, inside.from + into);
    return { ...found, owner: found.owner ?? inside.source.owner };
  }
  const end = source.pieces[index + 1]?.start ?? source.text.length;
  return {
    file,
    at: Math.min(verbatim ? at + into : at, file.text.length),
    exact: verbatim,
    following: verbatim ? Math.max(0, end - offset - 1) : 0,
    owner: undefined,
  };
}

function pieceIndex(source: Source, offset: number): number {
  let low = 0;
  let high = source.pieces.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((source.pieces[middle]?.start ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
