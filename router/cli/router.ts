import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadPlaybooks } from '#playbooks/language/load';
import type { Playbook } from '#playbooks/language/playbook';
import type { Run } from '#playbooks/language/run';
import { type Command, exitCodes } from '#rules/cli/command-line';
import { type Log, makeLog } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import { startRests } from '#rules/cli/rest';
import { renderDiagnostic } from '#rules/language/diagnostic';
import type { SourceFile } from '#rules/language/source';
import { actionCatalogue, outwardCatalogue } from '../actions/all.ts';
import { makeKubernetes } from '../clients/kubernetes.ts';
import { s3Schema } from '../clients/s3.ts';
import { findStrays } from '../config/find-strays.ts';
import { readFolderRules } from '../config/folder-rules.ts';
import { ROUTER_USAGE, type RouterOptions, readRouterOptions } from '../config/options.ts';
import { emptyRouterFile, type RouterFile, readRouterFile } from '../config/router-file.ts';
import { readOrMakeToken, TokenError } from '../config/token.ts';
import { type RunningRouter, startRouter } from '../pipeline.ts';
import type { RedisAddress } from '../redis/connection.ts';
import { type EmbeddedRedis, startEmbedded } from '../redis/embedded.ts';
import { openClusterSecrets } from '../runs/cluster-secrets.ts';
import { makeSecrets } from '../runs/secrets.ts';
import { renderRun } from './render-run.ts';

/** `lanner router`: takes alerts, performs playbooks. */
export const router: Command = {
  name: 'router',
  summary: 'Takes alerts over HTTP, queues them durably and performs playbooks. Ctrl-C stops it.',
  usage: ROUTER_USAGE,
  run: (args) => runRouter(readRouterOptions(args)),
};

async function runRouter(options: RouterOptions): Promise<number> {
  const log = makeLog('router');
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.resolve());
  process.on('disconnect', () => stopped.resolve());
  process.channel?.unref();
  // Nobody reads what we say any more (`| head`, a terminal that was closed): alerts and runs go on.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

  let files: readonly SourceFile[];
  let configuration: SourceFile | undefined;
  const { configPath } = options;
  try {
    if (configPath !== undefined) configuration = { path: configPath, text: readFileSync(configPath, 'utf8') };
    files = options.playbookPaths.flatMap(readPlaybookFiles);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    process.stderr.write(`lanner router: a file cannot be read: ${error.message}\n`);
    return exitCodes.failed;
  }
  const loaded = loadPlaybooks(files, actionCatalogue);
  for (const error of loaded.errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
  const file = configuration === undefined ? emptyRouterFile : readFile(configuration);
  if (!loaded.ok || file === undefined) return exitCodes.failed;
  if (file.git !== undefined && options.arePlaybooksNamed) {
    process.stderr.write('lanner router: playbooks come from git (--config) or from --playbooks, not from both\n');
    return exitCodes.usage;
  }
  const folder = file.rules.length === 0 ? undefined : readFolderRules(file.rules);
  if (folder?.ok === false) {
    for (const problem of folder.problems) process.stderr.write(`${problem}\n`);
    return exitCodes.failed;
  }
  const strays = findStrays(loaded.playbooks, file);
  for (const stray of strays) process.stderr.write(`lanner router: ${stray}\n`);
  if (strays.length > 0) return exitCodes.failed;

  let token: string;
  try {
    makeFolder(options.dataFolder);
    token = readOrMakeToken(options.tokenFile);
  } catch (error) {
    if (!(error instanceof TokenError) && !(error instanceof Error && 'code' in error)) throw error;
    process.stderr.write(`lanner router: ${error.message}\n`);
    return exitCodes.failed;
  }
  const redis = await openRedis(options, log);
  if (typeof redis === 'number') return redis;

  const cluster = await openClusterSecrets({
    references: file.secrets,
    kubernetes: makeKubernetes(file.kubernetes),
    nowMs: Date.now,
    log,
    refresh: 'on',
  });
  let running: RunningRouter;
  try {
    running = await startRouter({
      redis: redis.address,
      isAlone: redis.embedded !== undefined,
      listen: options.listen,
      token,
      playbooks: loaded.playbooks,
      dataFolder: options.dataFolder,
      file,
      rules: folder?.rules,
      mode: options.mode,
      leastNodes: options.leastNodes,
      secrets: makeSecrets(join(options.dataFolder, 'secrets'), process.env, cluster),
      log,
      runFinished: (run) => printRun(run, options.output),
    });
  } catch (error) {
    await redis.embedded?.close();
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`lanner router: ${explain(error, options)}\n`);
    return exitCodes.failed;
  }
  process.send?.({ kind: 'ready', lines: summary(running.url, token, file.git?.url ?? loaded.playbooks, options) });
  const endRests = startRests();
  await stopped.promise;
  endRests();
  await running.close();
  cluster.close();
  await redis.embedded?.close();
  return exitCodes.ok;
}

function readFile(source: SourceFile): RouterFile | undefined {
  const kinds = new Map([...outwardCatalogue].map(([name, { sender }]) => [name, sender.settings] as const));
  const read = readRouterFile(source, kinds, s3Schema);
  if (read.ok) return read.file;
  for (const error of read.errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
  return undefined;
}

async function openRedis(
  { redisUrl, dataFolder }: RouterOptions,
  log: Log,
): Promise<{ readonly address: RedisAddress; readonly embedded: EmbeddedRedis | undefined } | number> {
  if (redisUrl !== undefined) {
    const path = /^(?:unix:\/\/)?(\/.*)$/.exec(redisUrl)?.[1];
    return {
      address: path === undefined ? { kind: 'url', url: redisUrl } : { kind: 'socket', path },
      embedded: undefined,
    };
  }
  const start = await startEmbedded(dataFolder, log);
  if (!start.ok) {
    process.stderr.write(`lanner router: ${start.reason}\n`);
    return start.kind === 'missing' ? exitCodes.unsupported : exitCodes.failed;
  }
  return { address: { kind: 'socket', path: start.redis.socket }, embedded: start.redis };
}

function explain(error: Error, { listen }: RouterOptions): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE')
    return `port ${listen.port} of ${listen.host} is taken; choose another with --listen ${listen.host}:PORT`;
  if (code === 'EACCES')
    return `port ${listen.port} may not be opened by this user; choose one above 1023 with --listen`;
  if (code === 'EADDRNOTAVAIL') return `this machine has no address ${listen.host}; choose another with --listen`;
  return error.message;
}

/** YAML files of a folder, by name, or the file itself. */
function readPlaybookFiles(path: string): SourceFile[] {
  if (!statSync(path).isDirectory()) return [{ path, text: readFileSync(path, 'utf8') }];
  return readdirSync(path)
    .filter((name) => /\.ya?ml$/.test(name) && !/\.test\.ya?ml$/.test(name))
    .sort()
    .map((name) => ({ path: join(path, name), text: readFileSync(join(path, name), 'utf8') }));
}

function summary(
  url: string,
  token: string,
  playbooks: readonly Playbook[] | string,
  { mode, tokenFile }: RouterOptions,
): string[] {
  const said = typeof playbooks === 'string' ? `playbooks of ${playbooks}` : describePlaybooks(playbooks, mode);
  // A log keeps what a terminal forgets, so only a terminal is shown the token.
  const console = process.stderr.isTTY ? `${url}/#token=${token}` : `${url}/ (token in ${tokenFile})`;
  return [said, `API ${url}/api, console ${console}`];
}

function describePlaybooks(playbooks: readonly Playbook[], mode: RouterOptions['mode']): string {
  const acting = playbooks.filter((playbook) => (playbook.mode ?? mode) === 'enforce').length;
  const said =
    acting === 0
      ? 'dry run: only says what it would do; --enforce makes it act'
      : `${acting} of them ${acting === 1 ? 'acts' : 'act'}`;
  return `${playbooks.length} ${playbooks.length === 1 ? 'playbook' : 'playbooks'} (${said})`;
}

function printRun(run: Run, output: RouterOptions['output']): void {
  process.stdout.write(
    output === 'json' ? `${JSON.stringify({ run })}\n` : `${renderRun(run, process.stdout.isTTY)}\n`,
  );
}
