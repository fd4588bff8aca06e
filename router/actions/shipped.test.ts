import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadPlaybookFiles } from '#playbooks/cli/load-files';
import { makeJsonSchema } from '#playbooks/language/json-schema';
import { loadPlaybooks } from '#playbooks/language/load';
import { nodeCatalogue } from '#playbooks/language/node-catalogue';
import { actionSteps } from '#playbooks/language/playbook';
import { readPlaybookTests, runPlaybookTest } from '#playbooks/language/playbook-test';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { actionCatalogue } from './all.ts';

const root = new URL('../..', import.meta.url).pathname;
const folder = `${root}playbooks/`;
/** Those that are loaded where nothing else is named, and those that people name. */
const folders = [folder, `${folder}more/`, `${folder}outward/`];
const paths = folders.flatMap((from) =>
  readdirSync(from)
    .filter((name) => /^[^.]+\.yaml$/.test(name))
    .map((name) => from + name),
);
const readme = readFileSync(`${folder}README.md`, 'utf8');

describe('shipped playbooks', () => {
  const { playbooks, errors } = loadPlaybookFiles(folders, actionCatalogue);

  it('have no errors, and each has a file of its name', () => {
    expect(errors.map(renderDiagnostic)).toEqual([]);
    expect(playbooks.map(({ name }) => `${name}.yaml`).toSorted()).toEqual(
      paths.map((path) => basename(path)).toSorted(),
    );
  });

  it('have no warnings', () => {
    const { warnings } = loadPlaybookFiles(folders, actionCatalogue);
    expect(warnings.map(renderDiagnostic)).toEqual([]);
  });

  it('are the same to a node, which knows its own actions only', () => {
    const here = loadPlaybookFiles(folders, nodeCatalogue);
    expect(here.errors.map(renderDiagnostic)).toEqual([]);
    expect(here.playbooks.map(({ name }) => name)).toEqual(playbooks.map(({ name }) => name));
  });

  it.for(paths)('%s says when to use it, and leaves the mode to the router', (path) => {
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\.?\/playbook\.schema\.json\n#\n# When to use it: /);
    expect(text).not.toMatch(/^mode:/m);
  });

  it('have tests beside them: what starts each with which steps, and what does not', () => {
    for (const from of folders) {
      const { status, stdout } = lanner('playbooks', 'test', from, '--playbooks', from, '--json');
      const { results, untested } = JSON.parse(stdout);
      expect({ status, untested }).toEqual({ status: 0, untested: [] });
      expect(results.filter(({ ok }: { readonly ok: boolean }) => !ok)).toEqual([]);
    }
    for (const path of paths) {
      // What answers every alert has none that it leaves alone.
      if (/rules: \["\*"\]/.test(readFileSync(path, 'utf8'))) continue;
      expect(readFileSync(path.replace('.yaml', '.test.yaml'), 'utf8')).toMatch(/expect: none/);
    }
  });
});

describe('playbook.schema.json', () => {
  it('is what the code says', () => {
    const path = `${folder}playbook.schema.json`;
    const wanted = makeJsonSchema(actionCatalogue);
    if (process.env['LANNER_UPDATE'] === '1') writeFileSync(path, `${JSON.stringify(wanted, undefined, 2)}\n`);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(wanted)));
  });
});

describe('playbooks/README.md', () => {
  it('lists the shipped playbooks', () => {
    const listed = [...readme.matchAll(/^\| \[`([\w-]+)`\]\(([\w./-]+)\)/gm)].map(([, , path = '']) => folder + path);
    expect(listed.toSorted()).toEqual(paths.toSorted());
  });

  const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);

  it('has examples, and every one of them is right', () => {
    expect(blocks.length).toBeGreaterThan(1);
    const files = blocks.map((text, index) => ({ path: `README.md example ${index + 1}`, text }));
    const { playbooks, errors } = loadPlaybooks(files, actionCatalogue);
    expect(errors.map(renderDiagnostic)).toEqual([]);
    const used = new Set(playbooks.flatMap((playbook) => actionSteps(playbook).map(({ uses }) => uses)));
    expect([...used].toSorted()).toEqual([...actionCatalogue.keys()].toSorted());
  });

  it('has tests of its examples that pass', () => {
    const [, text = ''] = readme.match(/```yaml test\n([\s\S]*?)```/) ?? [];
    const { playbooks } = loadPlaybooks(
      blocks.map((block, index) => ({ path: `README.md example ${index + 1}`, text: block })),
      actionCatalogue,
    );
    const wrong: string[] = [];
    const tests = readPlaybookTests({ path: 'README.md', text }, (_, message) => wrong.push(message));
    const failures = tests.flatMap((test) => runPlaybookTest(test, playbooks).failures.map(({ message }) => message));
    expect({ wrong, count: tests.length, failures }).toEqual({ wrong: [], count: 2, failures: [] });
  });

  it.for([...actionCatalogue.values()])('tells the parameters of $name, and whether it is safe to repeat', (action) => {
    const [, side, params, repeat] =
      readme.match(new RegExp(`^\\| \`${action.name}\` +\\| (\\w+) +\\| (.*?) +\\| (\\w+)`, 'm')) ?? [];
    const shape = 'shape' in action.params ? Object.keys(Object(action.params.shape)) : [];
    expect({ side, params, repeat }).toEqual({
      side: action.side,
      params: shape.map((name) => `\`${name}\``).join(', '),
      repeat: action.idempotent ? 'yes' : 'no',
    });
  });

  it('names commands that there are', () => {
    const [, commands = ''] = readme.match(/```sh\n([\s\S]*?)```/) ?? [];
    const lines = commands
      .trim()
      .split('\n')
      .map((line) => line.replace(/ +#.*$/, ''));
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      const args = line
        .replace(/^lanner /, '')
        .replace('my-playbooks', 'playbooks')
        .split(' ');
      expect({ line, status: lanner(...args).status }).toEqual({ line, status: 0 });
    }
  });
});

describe('lanner playbooks check', () => {
  it('prints every error of all files with its place, and exits with 1', async () => {
    const { status, stdout, stderr } = lanner('playbooks', 'check', 'playbooks/cli/golden');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    await expect(stdout).toMatchFileSnapshot(`${folder}cli/golden/errors.txt`);
  });

  it('says the same as JSON', () => {
    const { status, stdout } = lanner('playbooks', 'check', '--json', 'playbooks/cli/golden', 'nowhere.yaml');
    const { ok, errors, playbooks } = JSON.parse(stdout);
    expect({ status, ok, playbooks }).toEqual({ status: 1, ok: false, playbooks: [] });
    expect(errors[0]).toMatchObject({ code: 'LOAD_ERR_FILE_READ', path: 'nowhere.yaml' });
    expect(errors[1]).toEqual({
      code: 'LOAD_ERR_COMPILE_CONDITION',
      message: 'unknown field proc.nmae; did you mean proc.name?',
      path: 'playbooks/cli/golden/first.yaml',
      line: 5,
      column: 9,
    });
  });

  it('refuses an option that it does not know with 2', () => {
    expect(lanner('playbooks', 'check', '--jsn')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--jsn'),
    });
  });
});

function lanner(...args: readonly string[]) {
  return spawnSync(process.execPath, ['lanner.ts', ...args], { cwd: root, encoding: 'utf8' });
}
