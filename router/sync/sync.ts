import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadPlaybooks } from '#playbooks/language/load';
import type { ActionCatalogue, Playbook } from '#playbooks/language/playbook';
import type { Alert } from '#rules/alert';
import type { Log } from '#rules/cli/log';
import type { SourceFile } from '#rules/language/source';
import type { GitSettings } from '../config/git-settings.ts';
import type { Redis } from '../redis/connection.ts';
import { keys } from '../store/keys.ts';
import { type Look, type Pointer, type RevisionStore, type StoredFiles, TURN_MS } from '../store/revisions.ts';
import { checkBundle } from './bundle.ts';
import { type Answer, openRepository } from './repository.ts';

/** The playbooks of a commit. */
export type ActiveRevision = { readonly commit: string; readonly playbooks: readonly Playbook[] };

/** Who wants it: a timer, a push, or a person (who may take back a step, and let go of it again). */
export type Wish = {
  readonly by: string;
  readonly kind: 'interval' | 'push' | 'person';
  /** This commit, or more than 6 digits of its id, whatever the branch is at. */
  readonly to?: string | undefined;
};

export type SyncResult =
  | { readonly status: 'swapped' | 'same' | 'pinned' | 'busy'; readonly commit: string | undefined }
  /** The last good commit stays. */
  | { readonly status: 'refused'; readonly commit: string | undefined; readonly problems: readonly string[] };

export type SyncParts = {
  readonly settings: GitSettings;
  /** Where the clone is kept. */
  readonly folder: string;
  readonly store: RevisionStore;
  /** Only listens; may listen to other channels as well. */
  readonly subscriber: Redis;
  readonly actions: ActionCatalogue;
  /** What else is wrong with playbooks that load: destinations that they name and that are not configured. */
  readonly explain: (playbooks: readonly Playbook[]) => readonly string[];
  readonly raise: (alert: Alert) => Promise<void>;
  readonly hostname: string;
  readonly nowMs: () => number;
  readonly log: Log;
};

export type Sync = {
  /** `undefined`: no commit was good yet. */
  current(): ActiveRevision | undefined;
  /** Of a commit that runs began on; `undefined`: it is forgotten. */
  playbooksAt(commit: string): Promise<readonly Playbook[] | undefined>;
  /** The rules and playbooks of a commit; `undefined`: it is forgotten. */
  filesAt(commit: string): Promise<StoredFiles | undefined>;
  /** Hears of each commit that is used from now on. */
  onChange(listener: (commit: string) => void): () => void;
  run(wish: Wish): Promise<SyncResult>;
  status(): Promise<{ readonly pointer: Pointer | undefined; readonly look: Look | undefined }>;
  close(): void;
};

/** Commits whose playbooks are held in memory. */
const MOST_HELD = 8;
/** While another router looks. */
const TURN_POLL_MS = 100;

/**
 * Keeps all routers over one Redis on one commit of the repository. A commit is read by its id, checked as a whole, put
 * into Redis, and then one pointer is moved; whoever misses the word hears it at the next look.
 */
export async function openSync(parts: SyncParts): Promise<Sync> {
  const { settings, folder, store, subscriber, actions, log, nowMs } = parts;
  const stop = new AbortController();
  const repository = openRepository(folder, settings, stop.signal);
  const me = randomUUID();
  const held = new Map<string, readonly Playbook[]>();
  let active: ActiveRevision | undefined;
  /** Rules, and their tests, that have passed last. */
  let passed: readonly SourceFile[] | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let told = '';
  const listeners = new Set<(commit: string) => void>();

  const hold = (commit: string, playbooks: readonly Playbook[]): void => {
    held.set(commit, playbooks);
    for (const old of held.keys()) if (held.size > MOST_HELD && old !== active?.commit) held.delete(old);
  };
  const playbooksAt = async (commit: string): Promise<readonly Playbook[] | undefined> => {
    const known = held.get(commit);
    if (known !== undefined) return known;
    const files = await store.files(commit);
    if (files === undefined) return undefined;
    const { playbooks } = loadPlaybooks(files.playbooks, actions);
    hold(commit, playbooks);
    return playbooks;
  };
  /** Uses what the pointer says; whatever fails, what is used stays. */
  const follow = async (): Promise<Pointer | undefined> => {
    const pointer = await store.pointer();
    if (pointer === undefined || pointer.commit === active?.commit) return pointer;
    const playbooks = await playbooksAt(pointer.commit);
    if (playbooks === undefined) log('error', 'the files of the commit are not in Redis', { commit: pointer.commit });
    else {
      active = { commit: pointer.commit, playbooks };
      for (const listener of listeners) listener(pointer.commit);
      log('info', 'playbooks of another commit', { commit: pointer.commit, playbooks: playbooks.length });
    }
    return pointer;
  };
  const look = async (wish: Wish): Promise<SyncResult> => {
    const pointer = await follow();
    const fetched = await repository.fetch();
    if (!fetched.ok) return refuse(undefined, [fetched.reason], pointer);
    const wanted: Answer<string> = wish.to === undefined ? fetched : await repository.find(wish.to);
    if (!wanted.ok) return { status: 'refused', commit: pointer?.commit, problems: [wanted.reason] };
    const commit = wanted.value;
    if (pointer?.pinned === true && wish.kind !== 'person') return { status: 'pinned', commit: pointer.commit };
    const isBack = wish.to !== undefined && commit !== fetched.value;
    if (commit === pointer?.commit && pointer.pinned === isBack && active !== undefined) {
      await noteLook(true, commit, []);
      return { status: 'same', commit };
    }
    const [follows, verified, read] = await Promise.all([
      // A history that was rewritten could hide what went before; a person may take it on by naming the commit.
      pointer === undefined || wish.to !== undefined || repository.isAncestor(pointer.commit, commit),
      repository.verify(commit),
      repository.read(commit),
    ]);
    if (!follows) {
      const why = `commit ${commit} does not follow ${pointer?.commit}: the branch was rewritten`;
      return refuse(commit, [`${why}; \`lanner sync --to ${commit}\` takes it on`], pointer);
    }
    if (!verified.ok) return refuse(commit, [verified.reason], pointer);
    if (!read.ok) return refuse(commit, [read.reason], pointer);
    const checked = checkBundle(read.value, actions, passed);
    if (!checked.ok) return refuse(commit, checked.problems, pointer);
    passed = read.value.rules;
    const { rules, playbookFiles, playbooks } = checked.bundle;
    const problems = parts.explain(playbooks);
    if (problems.length > 0) return refuse(commit, problems, pointer);
    const next = { commit, since_ms: nowMs(), by: wish.by, pinned: isBack };
    const files = { rules: [...rules], playbooks: [...playbookFiles] };
    // They need not be read back from Redis.
    hold(commit, playbooks);
    if (!(await store.publish(next, files, pointer?.commit))) return { status: 'busy', commit: pointer?.commit };
    await follow();
    await noteLook(true, commit, []);
    return { status: 'swapped', commit };
  };
  const noteLook = (ok: boolean, commit: string | undefined, problems: readonly string[]): Promise<void> => {
    if (ok) told = '';
    return store.noteLook({ at_ms: nowMs(), ok, commit: commit ?? null, problems: [...problems] });
  };
  const refuse = async (
    commit: string | undefined,
    problems: readonly string[],
    pointer: Pointer | undefined,
  ): Promise<SyncResult> => {
    await noteLook(false, commit, problems);
    log('error', 'the repository gives nothing that can be used', {
      commit,
      problems: problems.slice(0, 5).join('; '),
    });
    // Once for each commit and reason, however often it is looked at.
    const about = `${commit} ${problems.join('\n')}`;
    if (about !== told) await parts.raise(alertOf(parts, commit, problems, pointer));
    told = about;
    return { status: 'refused', commit: pointer?.commit, problems };
  };
  const run = (wish: Wish): Promise<SyncResult> => {
    const mine = turn.then(async (): Promise<SyncResult> => {
      while (!(await store.takeTurn(me))) await sleep(TURN_POLL_MS, undefined, { signal: stop.signal });
      // Were it lost all the same, publishing compares what it began with.
      const keeping = setInterval(() => void store.keepTurn(me).catch(() => undefined), TURN_MS / 4);
      try {
        return await look(wish);
      } finally {
        clearInterval(keeping);
        await store.giveTurn(me).catch(() => undefined); // It runs out by itself.
      }
    });
    turn = mine.catch(() => undefined);
    return mine;
  };
  const safely = (work: Promise<unknown>): void =>
    void work.catch((error) => {
      if (!stop.signal.aborted) log('warn', 'the repository could not be looked at', { reason: String(error) });
    });

  await subscriber.subscribe(keys.wakeRevision);
  subscriber.on('message', (channel: string) => {
    if (channel === keys.wakeRevision) safely(follow());
  });
  await follow();
  const timer = setInterval(() => safely(run({ kind: 'interval', by: 'interval' })), settings.interval);
  safely(run({ kind: 'interval', by: 'start' }));
  return {
    current: () => active,
    playbooksAt,
    filesAt: (commit) => store.files(commit),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    run,
    async status() {
      const [pointer, last] = await Promise.all([store.pointer(), store.look()]);
      return { pointer, look: last };
    },
    close() {
      clearInterval(timer);
      stop.abort();
    },
  };
}

/** Says which file, line and commit; another playbook may tell people. */
function alertOf(
  { hostname, settings, nowMs }: SyncParts,
  commit: string | undefined,
  problems: readonly string[],
  pointer: Pointer | undefined,
): Alert {
  const [first = ''] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const stays = pointer === undefined ? 'there is no earlier commit' : `commit ${pointer.commit} stays`;
  return {
    time: new Date(nowMs()).toISOString(),
    rule: 'Lanner internal: sync refused',
    priority: 'Error',
    source: 'internal',
    hostname,
    output: `Rules and playbooks of ${settings.url} were not taken: ${first}${more}; ${stays}`.slice(0, 8_192),
    output_fields: {
      commit: commit ?? null,
      ref: settings.ref,
      problem: first.slice(0, 4_096),
      used: pointer?.commit ?? null,
    },
    tags: [],
  };
}
