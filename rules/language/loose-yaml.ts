import {
  Composer,
  CST,
  type Document,
  type DocumentOptions,
  Lexer,
  type ParseOptions,
  Parser,
  type SchemaOptions,
} from 'yaml';

type Options = ParseOptions & DocumentOptions & SchemaOptions;

/**
 * Parses with two mistakes forgiven that yaml-cpp, and so the original, does not see as such. The further lines of
 * brackets and of quoted scalars may be indented less than YAML wants; rule files are written like this:
 *
 *     items: [sh,
 *     bash]
 *
 * And between two commas of a list stands a null: the original then says that this entry is no text.
 */
export function parseLoosely(text: string, options: Options): readonly Document[] {
  const lexer = new Lexer();
  forgiveIndent(lexer);
  const parser = new Parser();
  function* tokens() {
    for (const lexeme of lexer.lex(text)) for (const token of parser.next(lexeme)) yield filled(token);
    for (const token of parser.end()) yield filled(token);
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

/** Puts a null before each comma of a list in brackets that has nothing before it. */
function filled(token: CST.Token): CST.Token {
  if (token.type !== 'document') return token;
  CST.visit(token, ({ value }) => {
    if (value?.type === 'flow-collection' && value.start.source === '[') {
      value.items.splice(0, value.items.length, ...value.items.flatMap(withNulls));
    }
  });
  return token;
}

/** The package keeps all the commas before an entry in its `start`; one alone belongs there, except before the first. */
function withNulls(item: CST.CollectionItem, index: number): readonly CST.CollectionItem[] {
  const items: CST.CollectionItem[] = [];
  let start: CST.SourceToken[] = [];
  let needed = index > 0;
  for (const sign of item.start) {
    if (sign.type === 'comma' && !needed) {
      items.push({ start, value: { type: 'scalar', offset: sign.offset, indent: sign.indent, source: '~', end: [] } });
      start = [];
    }
    if (sign.type === 'comma') needed = false;
    start.push(sign);
  }
  return [...items, { ...item, start }];
}
