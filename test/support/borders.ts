import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

/** A source file of the project; the path is relative to its root. */
export type SourceFile = { readonly path: string; readonly text: string };

/** What each top folder may import from the others; `*` is everything. */
const tops: Readonly<Record<string, readonly string[]>> = {
  rules: [],
  playbooks: ['rules'],
  native: [],
  agent: ['rules', 'playbooks', 'native/index.ts'],
  router: ['rules', 'playbooks'],
  infra: [],
  test: ['*'],
};

/** Inside a top folder, in the order of the flow: what stands later may import what stands earlier, never back. */
const flow: Readonly<Record<string, readonly string[]>> = {
  rules: ['alert.ts', 'language', 'catalogue', 'fields.ts', 'cli'],
  playbooks: ['command.ts', 'idempotency.ts', 'language', 'cli'],
  native: ['addon', 'bpf', 'index.ts'],
  agent: [
    'config',
    'events',
    'capture',
    'state',
    'fields',
    'pushdown',
    'engine',
    'alerts',
    'spool',
    'outputs',
    'respond',
    'metrics',
    'clean-pages.ts',
    'filter-worker.ts',
    'filter-cache.ts',
    'load-rules.ts',
    'live-rules.ts',
    'live-playbooks.ts',
    'router-rules.ts',
    'orchestrators.ts',
    'surroundings.ts',
    'raise.ts',
    'cpu-limit.ts',
    'loss-look.ts',
    'pipeline.ts',
    'cli',
  ],
  // Runs and actions come early: they name what they need as ports, and the rest of the router fills them.
  router: [
    'config',
    'redis',
    'clients',
    'runs',
    'actions',
    'store',
    'queue',
    'people',
    'ingest',
    'nodes',
    'console',
    'http',
    'sync',
    'pipeline.ts',
    'cli',
  ],
};

/** No `node:` import, and no package but these, which do no input or output either. */
const pure = [
  'rules/alert.ts',
  'rules/fields.ts',
  'rules/catalogue/',
  'rules/language/',
  'playbooks/command.ts',
  'playbooks/language/',
  'agent/events/',
  'agent/fields/',
  'agent/pushdown/',
  'agent/engine/',
  'agent/alerts/',
];
const purePackages = ['re2js', 'yaml', 'zod'];

/** One door per package: the only places that import it. What is not listed here may be imported anywhere. */
const doors: Readonly<Record<string, readonly string[]>> = {
  '@hono/node-server': ['router/http/'],
  '@kubernetes/client-node': ['router/clients/'],
  bullmq: ['router/queue/'],
  hono: ['router/http/'],
  ioredis: ['router/redis/'],
  yaml: ['agent/config/', 'router/config/', 'rules/language/', 'playbooks/language/'],
};

const crossings: readonly (readonly [RegExp, string])[] = [
  [/^#rules\/(.*)$/, 'rules/$1.ts'],
  [/^#playbooks\/(.*)$/, 'playbooks/$1.ts'],
  [/^#native$/, 'native/index.ts'],
];

/** Every module that the file names, be it for types or later on. `undefined`: a name that is made up at run time. */
function importsOf({ path, text }: SourceFile): readonly (string | undefined)[] {
  const { program, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);
  const names: (string | undefined)[] = [];
  const add = (source: { readonly type: string; readonly value?: unknown } | null) => {
    if (source !== null) names.push(typeof source.value === 'string' ? source.value : undefined);
  };
  new Visitor({
    ImportDeclaration: ({ source }) => add(source),
    ExportNamedDeclaration: ({ source }) => add(source),
    ExportAllDeclaration: ({ source }) => add(source),
    ImportExpression: ({ source }) => add(source),
    TSImportType: ({ source }) => add(source),
  }).visit(program);
  return names;
}

/** Where an import leads inside the project; `undefined` for a package or a built-in module. */
function targetOf(from: string, name: string): string | undefined {
  if (name.startsWith('.')) return posix.join(posix.dirname(from), name);
  for (const [pattern, path] of crossings) if (pattern.test(name)) return name.replace(pattern, path);
  return undefined;
}

function split(path: string): { readonly top: string; readonly part: string } {
  const [top = '', part = ''] = path.split('/');
  return { top, part };
}

const isTest = (path: string) => path.endsWith('.test.ts');
const isPure = (path: string) => !isTest(path) && pure.some((prefix) => path.startsWith(prefix));

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}

/** Why `from` may not import `target`, both inside the project. */
function strayWithin(from: string, target: string): string | undefined {
  const { top, part } = split(from);
  const to = split(target);
  // The command line loads each command from its folder's cli/.
  if (!from.includes('/')) return to.part === 'cli' || target === 'router/actions/all.ts' ? undefined : 'only a cli/';
  const allowed = tops[top] ?? [];
  if (to.top !== top) {
    const fits = allowed.some((place) => place === '*' || place === to.top || place === target);
    return fits ? undefined : `${top}/ may import ${allowed.join(', ') || 'no other folder'}`;
  }
  if (top === 'test' || isTest(from) || part === to.part) return undefined;
  const order = flow[top] ?? [];
  const [here, there] = [order.indexOf(part), order.indexOf(to.part)];
  if (here === -1) return `${top}/${part} has no place in the flow`;
  if (there === -1) return `${top}/${to.part} has no place in the flow`;
  return there < here ? undefined : `${to.part} comes after ${part} in the flow of ${top}/`;
}

/** Why `from` may not import a package or a built-in module. */
function strayOutside(from: string, name: string): string | undefined {
  if (isBuiltin(name)) {
    if (!name.startsWith('node:')) return 'write built-in modules with node:';
    return isPure(from) ? 'a pure folder takes what it needs as an argument' : undefined;
  }
  const from_package = packageOf(name);
  if (isPure(from) && !purePackages.includes(from_package))
    return `a pure folder may import ${purePackages.join(', ')}`;
  const places = doors[from_package];
  if (places === undefined || places.some((place) => from.startsWith(place)) || from.startsWith('test/'))
    return undefined;
  return `its door is ${places.join(', ')}`;
}

/** Every import that crosses a border of DESIGN.md, as `file: import: reason`. */
export function straysOf(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((name) => {
      if (name === undefined) return isTest(file.path) ? [] : [`${file.path}: an import whose name is not written out`];
      const target = targetOf(file.path, name);
      const reason = target === undefined ? strayOutside(file.path, name) : strayWithin(file.path, target);
      return reason === undefined ? [] : [`${file.path}: ${name}: ${reason}`];
    }),
  );
}
