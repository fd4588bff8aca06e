import type { PathLiteral } from './literals.ts';

/** What the texts that a path may begin with say, letter by letter. Lists are of literals. */
export type Beginning = {
  readonly children: Map<number, Beginning>;
  /** True of the path that ends here. */
  readonly wholes: number[];
  /** True of all paths that go on from here. */
  readonly prefixes: number[];
  /** True as soon as another slash follows. */
  readonly folderPrefixes: number[];
  /** True as long as no other slash follows: here a folder's name ended. */
  readonly folders: number[];
};

const makeBeginning = (): Beginning => ({
  children: new Map(),
  wholes: [],
  prefixes: [],
  folderPrefixes: [],
  folders: [],
});

export function makeBeginnings(literals: readonly PathLiteral[]): Beginning {
  const root = makeBeginning();
  const at = (text: string): Beginning => {
    let node = root;
    for (let index = 0; index < text.length; index++) {
      const byte = text.charCodeAt(index);
      const child = node.children.get(byte) ?? makeBeginning();
      node.children.set(byte, child);
      node = child;
    }
    return node;
  };
  const place: Readonly<Record<PathLiteral['kind'], (text: string, literal: number) => void>> = {
    whole: (text, literal) => at(text).wholes.push(literal),
    prefix: (text, literal) => at(text).prefixes.push(literal),
    under: (text, literal) => {
      at(text).wholes.push(literal);
      at(`${text}/`).prefixes.push(literal);
    },
    folder: (text, literal) => at(text === '/' ? text : `${text}/`).folders.push(literal),
    'folder-prefix': (text, literal) => at(text).folderPrefixes.push(literal),
    suffix: () => undefined,
    inside: () => undefined,
    glob: () => undefined,
  };
  for (const [literal, { kind, texts }] of literals.entries()) for (const text of texts) place[kind](text, literal);
  return root;
}
