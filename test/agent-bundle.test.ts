import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
let copy = '';

/** Tells on standard error which modules are loaded. */
const hook = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({ load: (url, context, next) => (process.stderr.write('loads ' + url + '\\n'), next(url, context)) });
`)}`;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'lanner-bundle-'));
  const files = ['lanner.ts', 'package-lock.json', 'package.json'];
  const parts = ['agent', 'infra', 'native', 'playbooks', 'rules', ...files];
  execFileSync('cp', ['-a', ...parts.map((part) => join(root, part)), copy]);
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  execFileSync(process.execPath, [join(copy, 'infra/bundle.ts')]);
}, 60_000);

afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** What `lanner agent` loads and says about a word that it does not know. */
function start(): { readonly status: number | null; readonly loads: readonly string[]; readonly said: string } {
  const words = ['--import', hook, join(copy, 'lanner.ts'), 'agent', '--unheard-of'];
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  const lines = stderr.split('\n');
  const own = lines.filter((line) => line.startsWith(`loads file://${copy}/`));
  const loads = own.map((line) => line.slice(`loads file://${copy}/`.length));
  return { status, loads, said: lines.filter((line) => !line.startsWith('loads ')).join('\n') };
}

it('the agent is loaded from one file, and its usage errors are known for what they are', () => {
  const { status, loads, said } = start();
  expect(said).toContain("lanner agent: Unknown option '--unheard-of'");
  expect(status).toBe(2);
  expect(loads).toContain('.build/cli/agent.mjs');
  expect(loads.length).toBeLessThan(8);
});

it('a module that has changed since makes it load the modules', () => {
  execFileSync('touch', [join(copy, 'agent/state/clock.ts')]);
  const { status, loads } = start();
  expect(status).toBe(2);
  expect(loads).toContain('agent/cli/agent.ts');
  expect(loads).not.toContain('.build/cli/agent.mjs');
});
