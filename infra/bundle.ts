import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';

// Makes one file of the agent's 400 modules, which to find and to open one by one is most of what loading them costs:
//   node infra/bundle.ts
// lanner.ts takes it as long as none of the files that it is made of has changed.
const root = join(import.meta.dirname, '..');
const folder = join(root, '.build/cli');
const made = `${folder}.new`;

/** Shared with lanner.ts, which asks whose class an error is of. */
const shared = join(root, 'rules/cli/command-line.ts');

const places: Plugin = {
  name: 'places',
  resolveId: {
    filter: { id: /command-line/ },
    async handler(source, importer) {
      const found = await this.resolve(source, importer, { skipSelf: true });
      return found?.id === shared ? { id: relative(folder, shared), external: true } : undefined;
    },
  },
  /** Files beside a module are found where the module lies. */
  transform(code, id) {
    if (!id.startsWith(root) || id.includes('/node_modules/') || !code.includes('import.meta.url')) return undefined;
    const url = `new URL(${JSON.stringify(relative(folder, id))}, import.meta.url).href`;
    return code.replaceAll('import.meta.url', url);
  },
};

const begunMs = Date.now();
rmSync(made, { recursive: true, force: true });
mkdirSync(made, { recursive: true });
const build = await rolldown({
  input: { agent: join(root, 'agent/cli/agent.ts') },
  platform: 'node',
  tsconfig: false,
  external: [/^node:/],
  plugins: [places],
});
const { output } = await build.write({
  dir: made,
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name].mjs',
});
const modules = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
const own = modules.filter((id) => id.startsWith(root) && !id.includes('/node_modules/'));
const files = [...own, join(root, 'package-lock.json'), join(root, 'package.json')].map((path) => relative(root, path));
const inputs = files.map((path) => [path, statSync(join(root, path)).mtimeMs] as const);
if (inputs.some(([, mtimeMs]) => mtimeMs > begunMs)) throw new Error('a module was changed meanwhile');
writeFileSync(join(made, 'inputs.json'), JSON.stringify(inputs));
rmSync(folder, { recursive: true, force: true });
renameSync(made, folder);
