import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunMode } from '#playbooks/language/run';
import { readArgs, UsageError } from '#rules/cli/command-line';

export const DEFAULT_LISTEN = '127.0.0.1:7470';

/** The root of this checkout, or of the installed package. */
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The playbooks that Lanner comes with. */
export const builtInPlaybooks: string = join(root, 'playbooks');

export type Listen = { readonly host: string; readonly port: number };

export type RouterOptions = {
  readonly listen: Listen;
  readonly dataFolder: string;
  readonly tokenFile: string;
  /** Files and folders. */
  readonly playbookPaths: readonly string[];
  /** Somebody asked for these. */
  readonly arePlaybooksNamed: boolean;
  readonly mode: RunMode;
  /** The configuration file; `undefined`: `router.yaml` in the data folder, if there is one. */
  readonly configPath: string | undefined;
  /** `undefined`: a Redis of our own. */
  readonly redisUrl: string | undefined;
  /** `/readyz` says no until this many nodes are connected. */
  readonly leastNodes: number;
  readonly output: 'text' | 'json';
};

export const ROUTER_USAGE =
  '[--listen HOST:PORT] [--data DIR] [--token-file F] [--config F] [--playbooks PATH…] [--enforce] [--redis URL] [--nodes N] [--json]';

/** `DIR/.lanner` in a checkout, `/var/lib/lanner` when installed. */
export function defaultDataFolder(): string {
  return isPresent(join(root, '.git')) ? join(root, '.lanner') : '/var/lib/lanner';
}

export function readRouterOptions(args: readonly string[]): RouterOptions {
  const { values, positionals } = readArgs(args, {
    listen: { type: 'string', default: DEFAULT_LISTEN },
    data: { type: 'string' },
    'token-file': { type: 'string' },
    config: { type: 'string' },
    playbooks: { type: 'string', multiple: true, default: [] },
    enforce: { type: 'boolean', default: false },
    redis: { type: 'string' },
    nodes: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  });
  const { own, stray } = claimPaths(args, '--playbooks', positionals);
  if (stray !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(stray)}`);
  const dataFolder = resolve(values.data ?? defaultDataFolder());
  const paths = [...values.playbooks, ...own];
  return {
    listen: readListen(values.listen),
    dataFolder,
    tokenFile: resolve(values['token-file'] ?? join(dataFolder, 'token')),
    playbookPaths: paths.length === 0 ? [builtInPlaybooks] : paths,
    arePlaybooksNamed: paths.length > 0,
    mode: values.enforce ? 'enforce' : 'dry-run',
    configPath: configPath(values.config, dataFolder),
    redisUrl: values.redis === undefined ? undefined : readRedisUrl(values.redis),
    leastNodes: readCount('--nodes', values.nodes),
    output: values.json ? 'json' : 'text',
  };
}

function configPath(given: string | undefined, dataFolder: string): string | undefined {
  if (given !== undefined) return resolve(given);
  const usual = join(dataFolder, 'router.yaml');
  return isPresent(usual) ? usual : undefined;
}

/**
 * `--playbooks A B C`: words that directly follow the value of `flag` are further values of it. `stray` is the first
 * word that belongs to nothing.
 */
function claimPaths(args: readonly string[], flag: string, positionals: readonly string[]) {
  const own: string[] = [];
  const left = [...positionals];
  let inFlag = false;
  for (const [index, word] of args.entries()) {
    if (word.startsWith('-')) inFlag = word === flag || word.startsWith(`${flag}=`);
    else if (inFlag && word === left[0] && args[index - 1] !== flag) {
      own.push(word);
      left.shift();
    }
  }
  return { own, stray: left[0] };
}

export function readListen(text: string): Listen {
  const [, bracketed, plain, portText = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(portText);
  const isHost =
    bracketed === undefined ? host !== undefined && /^[A-Za-z0-9.-]{1,253}$/.test(host) : isIP(bracketed) === 6;
  if (host === undefined || !isHost || portText === '' || port > 65_535) {
    throw new UsageError(`--listen ${JSON.stringify(text)}: expected HOST:PORT, such as ${DEFAULT_LISTEN}`);
  }
  return { host, port };
}

function readRedisUrl(text: string): string {
  if (/^(rediss?:\/\/|unix:\/\/|\/)/.test(text)) return text;
  throw new UsageError(
    `--redis ${JSON.stringify(text)}: expected redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH`,
  );
}

function readCount(flag: string, text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new UsageError(`${flag} ${JSON.stringify(text)}: expected a number`);
}

function isPresent(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
