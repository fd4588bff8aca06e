import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const readmes = [
  'README.md',
  ...['agent', 'router', 'native', 'rules', 'playbooks', 'infra', 'test', 'test/bench'].map(
    (folder) => `${folder}/README.md`,
  ),
];

/** Lines of the `sh` blocks of a README, without their comments. */
function commandsOf(path: string): string[] {
  const blocks = readFileSync(join(root, path), 'utf8').matchAll(/^```sh\n(.*?)^```/gms);
  return [...blocks]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
}

describe('README.md', () => {
  const commands = commandsOf('README.md');

  it('names the two commands, and the tour that test/kernel/shell-in-container.test.ts takes', () => {
    expect(commands).toEqual(
      expect.arrayContaining([
        'npm start',
        'npm test',
        'npm start -- --enforce',
        'docker run --rm -it --name web debian:12 sh',
      ]),
    );
  });

  it.for(commands.filter((command) => command.startsWith('npm run -s lanner -- ')))('%s works', (command) => {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
      cwd: root,
      encoding: 'utf8',
      timeout: 50_000,
    });
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toBe('');
  });
});

describe('links', () => {
  it.for(readmes)('of %s lead somewhere', (path) => {
    const text = readFileSync(join(root, path), 'utf8').replace(/^```.*?^```/gms, '');
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) =>
      join(root, dirname(path), target),
    );
    expect(links.filter((target) => !existsSync(target))).toEqual([]);
  });
});
