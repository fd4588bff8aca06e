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
};

/**
 * Text lifted out of a YAML file, perhaps put together from several places: folded scalars lose their indentation, and
 * lists and exceptions are substituted as text. The pieces lead every letter back to where it was written.
 */
export type Source = {
  readonly path: string;
  readonly text: string;
  readonly pieces: readonly Piece[];
  /** What the text is the condition of, for messages: `macro shell_procs`. */
  readonly owner?: string;
};

/** Where an offset lies in its file; line and column count from 1, columns in UTF-16 units. */
export type Place = {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  readonly lineText: string;
  readonly exact: boolean;
};

/** A whole text as its own source. */
export function sourceOf(path: string, text: string): Source {
  return { path, text, pieces: [{ start: 0, file: { path, text }, at: 0, verbatim: true }] };
}

/** Text of ours, shown at `offset` of `near`. */
export function insertedText(text: string, near: Source, offset: number): Source {
  const piece = pieceAt(near, offset);
  return {
    path: near.path,
    text,
    pieces: [{ start: 0, file: piece.file, at: fileOffset(piece, offset), verbatim: false }],
  };
}

export function sliceSource(source: Source, start: number, end: number = source.text.length): Source {
  const pieces: Piece[] = [];
  for (let index = pieceIndex(source, start); index < source.pieces.length; index++) {
    const piece = source.pieces[index];
    if (piece === undefined || (piece.start >= end && pieces.length > 0)) break;
    const from = Math.max(piece.start, start);
    pieces.push({ ...piece, start: from - start, at: piece.verbatim ? piece.at + from - piece.start : piece.at });
  }
  return { path: source.path, text: source.text.slice(start, end), pieces };
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
  const piece = pieceAt(source, offset);
  const { path, text } = piece.file;
  const at = Math.min(fileOffset(piece, offset), text.length);
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  const lineEnd = text.indexOf('\n', at);
  let line = 1;
  for (let found = text.indexOf('\n'); found !== -1 && found < lineStart; found = text.indexOf('\n', found + 1)) line++;
  return {
    path,
    line,
    column: at - lineStart + 1,
    offset: at,
    lineText: text.slice(lineStart, lineEnd === -1 ? text.length : lineEnd).replace(/\r$/, ''),
    exact: piece.verbatim,
  };
}

function fileOffset(piece: Piece, offset: number): number {
  return piece.verbatim ? piece.at + Math.max(0, offset - piece.start) : piece.at;
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

function pieceAt(source: Source, offset: number): Piece {
  const piece = source.pieces[pieceIndex(source, offset)];
  if (piece === undefined) throw new Error('a source has at least one piece');
  return piece;
}
