import {
  Composer,
  type Document,
  type DocumentOptions,
  Lexer,
  type ParseOptions,
  Parser,
  type SchemaOptions,
} from 'yaml';

type Options = ParseOptions & DocumentOptions & SchemaOptions;

/**
 * Parses with a mistake forgiven that yaml-cpp, and so the original, does not see as one: the further lines of brackets
 * and of quoted scalars may be indented less than YAML wants. Rule files are written like this:
 *
 *     items: [sh,
 *     bash]
 */
export function parseLoosely(text: string, options: Options): readonly Document[] {
  const lexer = new Lexer();
  forgiveIndent(lexer);
  const parser = new Parser();
  function* tokens() {
    for (const lexeme of lexer.lex(text)) yield* parser.next(lexeme);
    yield* parser.end();
  }
  return [...new Composer(options).compose(tokens())];
}

/** The package has no option for it. Its lexer keeps in `indentNext` how far what follows must be indented. */
function forgiveIndent(lexer: Lexer): void {
  let wanted = 0;
  const isInside = (): boolean => {
    const flowLevel: unknown = Reflect.get(lexer, 'flowLevel');
    const buffer: unknown = Reflect.get(lexer, 'buffer');
    const pos: unknown = Reflect.get(lexer, 'pos');
    if (typeof flowLevel !== 'number' || typeof buffer !== 'string' || typeof pos !== 'number')
      throw new Error('another version of the package yaml: its lexer keeps its state elsewhere');
    return flowLevel > 0 || buffer[pos] === '"' || buffer[pos] === "'";
  };
  Object.defineProperty(lexer, 'indentNext', {
    get: () => (isInside() ? 0 : wanted),
    set: (indent: number) => {
      wanted = indent;
    },
  });
}
