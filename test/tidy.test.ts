import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SourceFile, straysOf } from './support/borders.ts';

const root = new URL('..', import.meta.url).pathname;

/** What git tracks or would track: build output and installed packages are none of this test's business. */
const paths = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(root + path));
const read = (path: string): SourceFile => ({ path, text: readFileSync(root + path, 'utf8') });
const modules = paths.filter((path) => path.endsWith('.ts')).map(read);
const sources = paths.filter((path) => /\.(ts|c|h|cpp|sh)$/.test(path)).map(read);
const tops = [...new Set(paths.filter((path) => path.includes('/')).map((path) => path.slice(0, path.indexOf('/'))))];

describe('import borders', () => {
  it('sees the files of every top folder', () => {
    for (const top of ['rules', 'playbooks', 'native', 'agent', 'router', 'test']) {
      expect(modules.filter(({ path }) => path.startsWith(`${top}/`)).length, top).toBeGreaterThan(
        1 - Number(top === 'native'),
      );
    }
    expect(modules.length).toBeGreaterThan(50);
  });

  it('hold', () => {
    expect(straysOf(modules)).toEqual([]);
  });

  it.for([
    { name: 'agent → router', path: 'agent/a.ts', text: `import { x } from '../router/pipeline.ts';` },
    { name: 'router → agent', path: 'router/http/a.ts', text: `export { x } from '../../agent/pipeline.ts';` },
    { name: 'router → native', path: 'router/http/a.ts', text: `import { x } from '#native';` },
    { name: 'rules → playbooks', path: 'rules/language/a.ts', text: `import type { x } from '#playbooks/command';` },
    { name: 'back in the flow', path: 'agent/events/a.ts', text: `import { x } from '../state/a.ts';` },
    { name: 'back in the flow, a type', path: 'agent/events/a.ts', text: `type X = import('../state/a.ts').X;` },
    { name: 'back in the flow, at run time', path: 'agent/events/a.ts', text: `await import('../state/a.ts');` },
    { name: 'a folder that is not in the flow', path: 'agent/odd/a.ts', text: `import { x } from '../events/a.ts';` },
    { name: 'node: in a pure folder', path: 'rules/language/a.ts', text: `import { readFileSync } from 'node:fs';` },
    { name: 'a built-in without node:', path: 'agent/state/a.ts', text: `import { readFileSync } from 'fs';` },
    { name: 'a package past its door', path: 'router/runs/a.ts', text: `import { Queue } from 'bullmq';` },
    {
      name: 'a part of a package past its door',
      path: 'router/runs/a.ts',
      text: `import { x } from 'hono/streaming';`,
    },
    { name: 'a package in a pure folder', path: 'agent/alerts/a.ts', text: `import ws from 'ws';` },
    { name: 'a name made at run time', path: 'agent/state/a.ts', text: 'await import(name);' },
    { name: 'the command line past a cli/', path: 'lanner.ts', text: `import './agent/pipeline.ts';` },
  ])('refuse $name', ({ path, text }) => {
    expect(straysOf([{ path, text }])).toHaveLength(1);
  });

  it('let a later stage import an earlier one', () => {
    const text = `import { x } from '../events/a.ts'; import type { Alert } from '#rules/alert'; import { y } from 'node:fs';`;
    expect(straysOf([{ path: 'agent/state/a.ts', text }])).toEqual([]);
  });
});

describe('files', () => {
  it('have at most 400 lines', () => {
    const long = sources.filter(({ text }) => text.trimEnd().split('\n').length > 400).map(({ path }) => path);
    expect(long).toEqual([]);
  });

  it('are named for what they hold', () => {
    const vague = /^(utils?|helpers?|common|types|misc|.*-?manager|index)\.(ts|c|h|cpp)$/;
    expect(paths.filter((path) => vague.test(basename(path)) && path !== 'native/index.ts')).toEqual([]);
    expect(
      modules.map(({ path }) => basename(path)).filter((name) => !/^[a-z0-9-]+(\.test|\.config)?\.ts$/.test(name)),
    ).toEqual([]);
  });

  it('load the addon in native/index.ts only', () => {
    const loaders = modules
      .filter(({ text }) => /\bcreateRequire\b|\bprocess\.dlopen\b/.test(text))
      .map(({ path }) => path);
    expect(loaders.filter((path) => !path.startsWith('test/'))).toEqual(['native/index.ts']);
  });

  it('neither skip nor single out a test', () => {
    const narrowed = modules.filter(
      ({ path, text }) =>
        path.endsWith('.test.ts') && /\b(it|test|describe)\.(only|skip|todo|skipIf|runIf)\b/.test(text),
    );
    // The conformance data lies outside this repository: where it is missing, its tests say so and are left out.
    const allowed = (path: string) => path === 'test/tidy.test.ts' || path.startsWith('test/conformance/');
    expect(narrowed.map(({ path }) => path).filter((path) => !allowed(path))).toEqual([]);
  });
});

describe('top folders', () => {
  it('are those of DESIGN.md', () => {
    expect(tops.toSorted()).toEqual(['.ci', 'agent', 'infra', 'native', 'playbooks', 'router', 'rules', 'test']);
  });

  it.for(['agent', 'infra', 'native', 'playbooks', 'router', 'rules', 'test'])('%s has a README', (top) => {
    expect(paths).toContain(`${top}/README.md`);
  });
});
