import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceFile } from '#rules/language/source';
import type { GitSettings } from '../config/git-settings.ts';
import { type Git, makeGit } from './git.ts';

const commitPattern = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

const MOST_FILES = 2_000;
const MOST_FILE_BYTES = 1024 * 1024;
const MOST_BYTES = 16 * 1024 * 1024;
const FETCHED = 'refs/lanner/fetched';
/** Object ids of files beside a word that git uses for what is no file. */
const SYMLINK = '120000';
const FILE = /^100(644|755)$/;

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** What a commit holds for us: YAML files directly in `rules/` and `playbooks/`. Paths are the repository's. */
export type Revision = {
  readonly commit: string;
  readonly rules: readonly SourceFile[];
  readonly playbooks: readonly SourceFile[];
};

export type Repository = {
  /** The commit that the branch is at now, with its history. */
  fetch(): Promise<Answer<string>>;
  /** Whether `ancestor` is part of the history of `commit`; a repository that lacks either says no. */
  isAncestor(ancestor: string, commit: string): Promise<boolean>;
  /** Whether the commit may be used: it is signed by whom it must be, if anybody. */
  verify(commit: string): Promise<Answer<void>>;
  read(commit: string): Promise<Answer<Revision>>;
  /** The whole id of what a person wrote; only commits of the branch's history. */
  find(text: string): Promise<Answer<string>>;
};

/**
 * The repository as a bare clone in `folder`. Nothing of it is ever checked out: files are read by commit and object id,
 * so that links lead nowhere and no file is half of one commit and half of another.
 */
export function openRepository(folder: string, settings: GitSettings, signal: AbortSignal): Repository {
  const git = makeGit(folder, settings, signal);
  const inRepository = (name: string): string => (settings.path === '' ? name : `${settings.path}/${name}`);
  return {
    async fetch() {
      if (!existsSync(join(folder, 'HEAD'))) {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        const made = await git(['init', '-q', '--bare', folder]);
        if (!made.ok) return made;
      }
      const from = `+refs/heads/${settings.ref}:${FETCHED}`;
      const flags = ['--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', '--no-auto-maintenance'];
      const fetched = await git(['fetch', '-q', ...flags, '--', settings.url, from]);
      if (!fetched.ok) {
        removeRests(folder);
        return { ok: false, reason: `${settings.url}: ${fetched.reason}` };
      }
      // git has just written it; in older clones it may be packed.
      const commit = readText(join(folder, FETCHED)).trim();
      return commitPattern.test(commit) ? { ok: true, value: commit } : commitOf(git, FETCHED);
    },
    async isAncestor(ancestor, commit) {
      return (await git(['merge-base', '--is-ancestor', ancestor, commit])).ok;
    },
    async verify(commit) {
      if (settings.verify === undefined) return { ok: true, value: undefined };
      // Its code is 0 for a good signature of an allowed signer only.
      const verified = await git(['verify-commit', commit]);
      if (verified.ok) return { ok: true, value: undefined };
      const why = verified.reason.includes('ended with') ? 'it has no signature of an allowed signer' : verified.reason;
      return { ok: false, reason: `commit ${commit} is not trusted: ${why}` };
    },
    async read(commit) {
      const listed = await git(['ls-tree', '-z', '-l', commit, '--', ...['rules/', 'playbooks/'].map(inRepository)]);
      if (!listed.ok) return { ok: false, reason: `commit ${commit} cannot be read: ${listed.reason}` };
      const entries = readTree(listed.stdout);
      if (!entries.ok) return entries;
      const texts = await readBlobs(git, entries.value);
      if (!texts.ok) return texts;
      const below = (name: string): readonly SourceFile[] =>
        texts.value.filter(({ path }) => path.startsWith(`${inRepository(name)}/`));
      return { ok: true, value: { commit, rules: below('rules'), playbooks: below('playbooks') } };
    },
    async find(text) {
      if (!/^[0-9a-f]{7,64}$/.test(text)) return { ok: false, reason: 'expected a commit id, 7 digits or more of it' };
      const found = await commitOf(git, `${text}^{commit}`);
      if (!found.ok) return { ok: false, reason: `there is no commit ${text} in ${settings.ref} of ${settings.url}` };
      const isThere = await git(['merge-base', '--is-ancestor', found.value, FETCHED]);
      return isThere.ok ? found : { ok: false, reason: `commit ${text} is not in the history of ${settings.ref}` };
    },
  };
}

async function commitOf(git: Git, revision: string): Promise<Answer<string>> {
  const found = await git(['rev-parse', '--verify', '-q', '--end-of-options', revision]);
  const commit = found.ok ? found.stdout.toString('latin1').trim() : '';
  return commitPattern.test(commit) ? { ok: true, value: commit } : { ok: false, reason: `${revision} is no commit` };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // git is asked then.
  }
}

/** What a transfer that was cut off leaves lying about. */
function removeRests(folder: string): void {
  const packs = join(folder, 'objects/pack');
  try {
    for (const name of readdirSync(packs)) if (name.startsWith('tmp_')) rmSync(join(packs, name), { force: true });
  } catch {
    // There are none yet.
  }
}

type Entry = { readonly path: string; readonly object: string; readonly bytes: number };

/** `MODE TYPE OBJECT SIZE<tab>PATH<NUL>` each. What is no YAML file is no concern of ours, but a link that looks like one is. */
function readTree(listed: Buffer): Answer<readonly Entry[]> {
  const entries: Entry[] = [];
  let total = 0;
  // Latin 1 keeps every byte: a path that is not UTF-8 is refused below, not mistaken.
  for (const line of listed.toString('latin1').split('\0')) {
    const [, mode = '', object = '', size = '', raw = ''] =
      /^(\d{6}) \w+ ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    if (!/\.ya?ml$/.test(raw)) continue;
    const path = Buffer.from(raw, 'latin1').toString('utf8');
    const shown = JSON.stringify(path);
    if (/[\p{Cc}\p{Cf}\ufffd]/u.test(path)) return { ok: false, reason: `${shown}: not a name that can be shown` };
    if (mode === SYMLINK) return { ok: false, reason: `${path}: a symbolic link; rules and playbooks must be files` };
    if (!FILE.test(mode)) continue;
    const bytes = Number(size);
    total += bytes;
    if (bytes > MOST_FILE_BYTES) return { ok: false, reason: `${path}: more than ${MOST_FILE_BYTES} bytes` };
    if (total > MOST_BYTES) return { ok: false, reason: `more than ${MOST_BYTES} bytes of rules and playbooks` };
    entries.push({ path, object, bytes });
    if (entries.length > MOST_FILES)
      return { ok: false, reason: `more than ${MOST_FILES} files of rules and playbooks` };
  }
  return { ok: true, value: entries.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** `OBJECT blob SIZE<newline>BYTES<newline>` each, in the order asked. */
async function readBlobs(git: Git, entries: readonly Entry[]): Promise<Answer<readonly SourceFile[]>> {
  if (entries.length === 0) return { ok: true, value: [] };
  const read = await git(['cat-file', '--batch'], `${entries.map(({ object }) => object).join('\n')}\n`);
  if (!read.ok) return { ok: false, reason: `files cannot be read: ${read.reason}` };
  const files: SourceFile[] = [];
  let at = 0;
  for (const { path, object, bytes } of entries) {
    const from = read.stdout.indexOf('\n', at) + 1;
    if (read.stdout.toString('latin1', at, from) !== `${object} blob ${bytes}\n`)
      return { ok: false, reason: `${path}: the repository is damaged` };
    files.push({ path, text: read.stdout.toString('utf8', from, from + bytes) });
    at = from + bytes + 1;
  }
  return { ok: true, value: files };
}
