import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A work tree that pushes to a bare repository beside it, as people have it. */
export type WorkTree = {
  /** `file://…` of the bare repository. */
  readonly url: string;
  readonly bare: string;
  /** Writes these files (`undefined` removes one), commits and pushes; resolves to the commit's id. */
  commit(files: Readonly<Record<string, string | undefined>>, ...flags: readonly string[]): string;
  git(...args: readonly string[]): string;
};

const who = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  ...{ GIT_AUTHOR_NAME: 'Ann', GIT_AUTHOR_EMAIL: 'ann@example.org' },
  ...{ GIT_COMMITTER_NAME: 'Ann', GIT_COMMITTER_EMAIL: 'ann@example.org' },
};

export function makeWorkTree(folder: string): WorkTree {
  const tree = join(folder, 'tree');
  const bare = join(folder, 'origin.git');
  mkdirSync(tree, { recursive: true });
  const git = (...args: readonly string[]): string =>
    execFileSync('git', args, { cwd: tree, env: who, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  git('init', '-q', '-b', 'main');
  git('init', '-q', '--bare', '-b', 'main', bare);
  git('remote', 'add', 'origin', bare);
  return {
    url: `file://${bare}`,
    bare,
    git,
    commit(files, ...flags) {
      for (const [name, text] of Object.entries(files)) {
        const path = join(tree, name);
        mkdirSync(dirname(path), { recursive: true });
        if (text === undefined) rmSync(path);
        else writeFileSync(path, text);
      }
      git('add', '-A');
      git('commit', '-q', '-m', 'change', '--allow-empty', ...flags);
      git('push', '-q', '--force', 'origin', 'main');
      return git('rev-parse', 'HEAD');
    },
  };
}
