import type { CheckedTest } from '#rules/language/checked';
import { compileGlob } from '#rules/language/glob';

/**
 * What an automaton can say of a path: whether one of the texts is it, begins it, and so on. The path is absolute,
 * normalized (no `//`, `.`, `..`, no slash at the end) and without NUL; the kernel sends what is not.
 */
export type PathLiteral = {
  readonly kind:
    | 'whole'
    | 'prefix'
    /** `pmatch`: the path, or a folder above it. */
    | 'under'
    /** The path's folder. */
    | 'folder'
    /** Its folder begins so. */
    | 'folder-prefix'
    | 'suffix'
    | 'inside'
    /** With `*` and `?`; one text. */
    | 'glob';
  readonly texts: readonly string[];
};

/** Whether the literal is true of the path. */
export function holdsOf({ kind, texts }: PathLiteral, path: string): boolean {
  const folder = path.lastIndexOf('/') > 0 ? path.slice(0, path.lastIndexOf('/')) : '/';
  const fits: Readonly<Record<PathLiteral['kind'], (text: string) => boolean>> = {
    whole: (text) => path === text,
    prefix: (text) => path.startsWith(text),
    under: (text) => path === text || path.startsWith(`${text}/`),
    folder: (text) => folder === text,
    'folder-prefix': (text) => folder.startsWith(text),
    suffix: (text) => path.endsWith(text),
    inside: (text) => path.includes(text),
    glob: (text) => compileGlob(text)(path),
  };
  return texts.some(fits[kind]);
}

/** A test is one of these literals, or its negation; `false`: no value passes it. */
export type PathTest = { readonly literal: PathLiteral; readonly positive: boolean } | false;

export type PathPart = 'path' | 'folder' | 'name';

/** What the test says of the path that the field is, or is a part of; `undefined`: no automaton says it. */
export function pathTestOf({ operator, modifier, right }: CheckedTest, part: PathPart): PathTest | undefined {
  if (right.kind !== 'constants') return undefined;
  const texts = right.values.filter((value) => typeof value === 'string');
  if (texts.length !== right.values.length) return undefined;
  const isAny = modifier === undefined || modifier === 'anyof' || texts.length === 1;
  if (!isAny) return undefined;
  if (operator === '!=') {
    if (texts.length !== 1) return undefined;
    const equal = readerOf[part](texts, '=');
    // What any path passes is left open: where there is no path, it fails.
    return equal ? { literal: equal.literal, positive: !equal.positive } : undefined;
  }
  return readerOf[part](texts, operator === '==' || operator === 'in' ? '=' : operator);
}

const readerOf: Readonly<Record<PathPart, (texts: readonly string[], operator: string) => PathTest | undefined>> = {
  path: ofPath,
  folder: ofFolder,
  name: ofName,
};

function oneOf(kind: PathLiteral['kind'], texts: readonly string[]): PathTest {
  return texts.length === 0 ? false : { literal: { kind, texts }, positive: true };
}

function ofPath(texts: readonly string[], operator: string): PathTest | undefined {
  switch (operator) {
    // Texts that no absolute path has stay: a literal that none fits is still asked of the path, and what is no
    // absolute path (`memfd:x`) is sent.
    case '=':
      return oneOf('whole', texts);
    case 'startswith':
      return texts.includes('') ? undefined : oneOf('prefix', texts);
    case 'endswith':
      return texts.includes('') ? undefined : oneOf('suffix', texts);
    case 'contains':
      return texts.includes('') ? undefined : oneOf('inside', texts);
    case 'pmatch': {
      if (texts.some((text) => /[?*[]/.test(text))) return undefined;
      const paths = texts.map((text) => text.split('/').filter((name) => name !== ''));
      return paths.some((names) => names.length === 0)
        ? undefined
        : oneOf(
            'under',
            paths.map((names) => `/${names.join('/')}`),
          );
    }
    case 'glob':
      return texts.length !== 1 || /[[\\]/.test(texts[0] ?? '') ? undefined : oneOf('glob', texts);
    default:
      return undefined;
  }
}

function ofFolder(texts: readonly string[], operator: string): PathTest | undefined {
  switch (operator) {
    case '=':
      return oneOf(
        'folder',
        texts.filter((text) => text !== ''),
      );
    case 'startswith':
      return texts.some((text) => text === '' || text === '/') ? undefined : oneOf('folder-prefix', texts);
    case 'pmatch': {
      const inner = ofPath(texts, 'pmatch');
      if (inner === undefined || inner === false) return inner;
      return oneOf(
        'prefix',
        inner.literal.texts.map((text) => `${text}/`),
      );
    }
    default:
      return undefined;
  }
}

function ofName(texts: readonly string[], operator: string): PathTest | undefined {
  const names = texts.filter((text) => !text.includes('/'));
  switch (operator) {
    case '=':
      // Of the root alone the name is empty.
      if (texts.includes('')) return undefined;
      return oneOf(
        'suffix',
        names.map((name) => `/${name}`),
      );
    case 'endswith':
      return texts.includes('') ? undefined : oneOf('suffix', names);
    default:
      return undefined;
  }
}
