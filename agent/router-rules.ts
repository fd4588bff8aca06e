import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { loadPlaybooks } from '#playbooks/language/load';
import { nodeCatalogue } from '#playbooks/language/node-catalogue';
import type { Playbook } from '#playbooks/language/playbook';
import { builtin } from '#rules/cli/builtin';
import type { Log } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import { diagnosticLine } from '#rules/language/diagnostic';
import type { RuleSet } from '#rules/language/rule-set';
import type { SourceFile } from '#rules/language/source';
import type { AgentOptions } from './config/options.ts';
import type { Swapped } from './live-playbooks.ts';
import { loadRulesFor } from './load-rules.ts';

const files = z.array(z.strictObject({ path: z.string().max(4_096), text: z.string() })).max(2_000);
/** The rules and playbooks of a commit, as the router has them and as they are kept. */
const bundleSchema = z.strictObject({
  commit: z.string().regex(/^[0-9a-f]{40,64}$/),
  /** Of rules. */
  files,
  playbooks: files.default([]),
});
export type RuleBundle = z.output<typeof bundleSchema>;

/** What the router is told. */
export type RulesReport = { readonly ok: boolean; readonly problem?: string };

/** The router lets no commit grow beyond 16 MiB; JSON may need twice as much. */
const MOST_BYTES = 40 * 1024 * 1024;
const ANSWER_MS = 30_000;
/** A router that was just busy, or a connection that it closed as we used it: asked again after 0.2 s, 0.4 s, … */
const MOST_TRIES = 6;
const FIRST_WAIT_MS = 200;
const FILE = 'router-rules.json';

/** The last good rules and playbooks that a router gave; `undefined`: none, or they cannot be read. */
export function readKeptRules(dataFolder: string): RuleBundle | undefined {
  try {
    return bundleSchema.parse(JSON.parse(readFileSync(join(dataFolder, FILE), 'utf8')));
  } catch {
    return undefined; // A start without them uses the rules that it came with, and the router is asked anyway.
  }
}

export type RouterRulesOptions = {
  readonly router: { readonly url: URL; readonly token: string };
  readonly options: AgentOptions;
  /** The rules of this commit are in use since the start. */
  readonly begunOn: string | undefined;
  readonly use: (ruleSet: RuleSet) => void;
  readonly usePlaybooks: (playbooks: readonly Playbook[]) => Swapped;
  readonly log: Log;
};

/**
 * Follows the commit that the router uses. What cannot be had, or does not load here, leaves rules and playbooks as they
 * are, all of them. Those that this agent was given itself are not replaced.
 */
export function makeRouterRules({ router, options, begunOn, use, usePlaybooks, log }: RouterRulesOptions) {
  let inUse = begunOn;
  let inUseHash: string | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let newest = '';
  const fetchFor = async (commit: string): Promise<string> => {
    const url = new URL(`/api/sync/rules/${commit}`, router.url);
    for (let tries = 1; ; tries++) {
      try {
        return await download(url, router.token);
      } catch (error) {
        const isOver = error instanceof NoRulesError || tries === MOST_TRIES || newest !== commit;
        if (isOver) throw error;
        await sleep(FIRST_WAIT_MS * 2 ** (tries - 1));
      }
    }
  };
  const take = async (commit: string): Promise<RulesReport> => {
    const takes = { rules: options.rulePaths.length === 0, playbooks: options.playbookPaths.length === 0 };
    if (!takes.rules && !takes.playbooks)
      return { ok: false, problem: 'this agent has rules and playbooks of its own (--rules, --playbooks)' };
    if (commit === inUse) return { ok: true };
    let bundle: RuleBundle;
    try {
      bundle = bundleSchema.parse(JSON.parse(await fetchFor(commit)));
    } catch (error) {
      return refuse(commit, `they cannot be had: ${error instanceof Error ? error.message : String(error)}`);
    }
    const hash = createHash('sha256')
      .update(JSON.stringify([bundle.files, bundle.playbooks]))
      .digest('hex');
    if (hash === inUseHash) {
      inUse = commit;
      keep(options.dataFolder, bundle, log);
      return { ok: true };
    }
    // A repository may hold playbooks alone: then it is the rules that we came with.
    const loaded = loadRulesFor(options, bundle.files.length === 0 ? undefined : filesOf(bundle, 'files'));
    const playbooks = loadPlaybooks(filesOf(bundle, 'playbooks'), nodeCatalogue);
    const errors = [...(loaded.ok ? [] : loaded.errors), ...playbooks.errors];
    if (!loaded.ok || errors.length > 0) return refuse(commit, errors.slice(0, 5).map(diagnosticLine).join('; '));
    if (takes.playbooks) {
      const swapped = usePlaybooks(playbooks.playbooks);
      if (!swapped.ok) {
        if (swapped.isForRestart === true) keep(options.dataFolder, bundle, log);
        return refuse(commit, swapped.reason);
      }
    }
    if (takes.rules) use(loaded.ruleSet);
    inUse = commit;
    inUseHash = hash;
    const counts = { rules: loaded.ruleSet.rules.length, playbooks: playbooks.playbooks.length };
    log('info', 'rules and playbooks of another commit', { commit, ...counts });
    keep(options.dataFolder, bundle, log);
    if (!takes.rules) return { ok: true, problem: 'the playbooks alone: this agent has rules of its own (--rules)' };
    return takes.playbooks
      ? { ok: true }
      : { ok: true, problem: 'the rules alone: this agent has playbooks of its own (--playbooks)' };
  };
  const refuse = (commit: string, problem: string): RulesReport => {
    log('error', 'rules and playbooks of the router were not taken: those in use stay', { commit, problem });
    return { ok: false, problem: problem.slice(0, 4_000) };
  };
  return (commit: string): Promise<RulesReport> => {
    newest = commit;
    // One after the other: the last that was said wins.
    const mine = turn.then(() => take(commit));
    turn = mine.catch(() => undefined);
    return mine;
  };
}

/** `files`: the rules. */
export function filesOf(bundle: RuleBundle, of: 'files' | 'playbooks'): readonly SourceFile[] {
  const { commit } = bundle;
  return bundle[of].map(({ path, text }) => ({ path: `${commit.slice(0, 12)}:${path}`, text }));
}

function keep(dataFolder: string, bundle: RuleBundle, log: Log): void {
  const path = join(dataFolder, FILE);
  try {
    makeFolder(dataFolder);
    writeFileSync(`${path}.new`, JSON.stringify(bundle), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch (error) {
    log('warn', 'they cannot be kept: a start without the router will not have them', { reason: String(error) });
  }
}

/** The router has no such rules for us, and will have none later. */
class NoRulesError extends Error {
  override readonly name = 'NoRulesError';
}

function refusalOf(status: number, said: string): Error {
  const isFinal = status < 500 && status !== 408 && status !== 429;
  return new (isFinal ? NoRulesError : Error)(`HTTP ${status}: ${said}`);
}

function download(url: URL, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(ANSWER_MS) };
    const read = (response: IncomingMessage): void => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MOST_BYTES) response.destroy(new Error(`more than ${MOST_BYTES} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(refusalOf(response.statusCode ?? 0, text.slice(0, 500)));
      });
    };
    const { get } = url.protocol === 'https:' ? builtin.https : builtin.http;
    const asked = get(url, options, read);
    asked.on('error', reject);
  });
}
