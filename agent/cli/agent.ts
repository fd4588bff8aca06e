import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { raisePriority } from '#native';
import { loadPlaybookFiles } from '#playbooks/cli/load-files';
import { loadPlaybooks } from '#playbooks/language/load';
import { nodeCatalogue } from '#playbooks/language/node-catalogue';
import type { Playbook } from '#playbooks/language/playbook';
import { type Command, exitCodes, UsageError } from '#rules/cli/command-line';
import { lackingHeapFlags } from '#rules/cli/heap';
import { takeLock } from '#rules/cli/lock';
import { type Log, makeLog } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import { startRests } from '#rules/cli/rest';
import { diagnosticLine, renderDiagnostic } from '#rules/language/diagnostic';
import type { RuleSet } from '#rules/language/rule-set';
import { giveBack } from '../clean-pages.ts';
import { AGENT_USAGE, type AgentOptions, readAgentOptions } from '../config/options.ts';
import { loadRulesFor } from '../load-rules.ts';
import { serveMetrics } from '../metrics/serve.ts';
import { renderMetrics } from '../metrics/table.ts';
import { type RunningAgent, startAgent } from '../pipeline.ts';
import { filesOf, type RuleBundle, readKeptRules } from '../router-rules.ts';
import { beginAgain } from './begin-again.ts';
import { checkKernel } from './machine.ts';
import { unblock } from './unblock.ts';

const VERSION = '0.1.0';
/** What is not read in time is lost, and the rings hold some 15 ms of a flood; what watching costs, it costs anyway. */
const NICE = -10;

/** `lanner agent`: watches this host. */
export const agent: Command = {
  name: 'agent',
  summary: `Watch this host: events from the kernel, rules, alerts. Ctrl-C stops it.

  --config F             a file that says more: rules to switch on and off, what to add to alerts (agent/README.md)
  --profile NAME         default: the rules that are on as they come; strict: those tagged strict, too; all: every rule
  --rules PATH…          rule files or folders instead of the built-in ones
  --playbooks PATH…      playbook files or folders: what in them has where: node or where: kernel this host carries out by itself
  --enforce              let playbooks act that do not say whether they do; without it they only say what they would do
  --json                 one alert a line as JSON on standard output
  --matching first|all   stop at the first rule that an event fires, or report all; first if not given
  --router URL           send alerts there and take its commands
  --token-file F         the router's token; DIR/token if not given
  --data DIR             where receipts of commands are kept, and alerts that the router has not taken
  --node NAME            what the router calls this host; its host name if not given
  --alerts-file F        append alerts as JSON to a file as well
  --engine NAME=SOCKET   a container engine at a place of its own: docker, podman, containerd or cri-o
  --kubeconfig F         access to the API server; in a pod, its own service account if not given
  --kubernetes-node NAME the node whose pods are followed; $NODE_NAME or the host name if not given
  --mesos-agent URL      the Mesos agent of this host, for names of tasks
  --marathon URL         Marathon, for names of applications`,
  usage: AGENT_USAGE,
  run: (args) => {
    const read = (): AgentOptions =>
      readAgentOptions(args, {
        isTerminal: process.stdout.isTTY,
        hostnameOverride: process.env['FALCO_HOSTNAME'],
        environment: process.env,
      });
    const options = read();
    const flags = lackingHeapFlags(options.memory.heapMib, process.execArgv);
    return flags === undefined ? runAgent(options, read) : beginAgain(flags);
  },
};

/** `readAgain`: the options as the configuration file has them now. */
async function runAgent(options: AgentOptions, readAgain: () => AgentOptions): Promise<number> {
  const log = makeLog('agent');
  // Asked for before anything is begun, so that a signal during the start is not lost.
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopped.resolve());
  let hangUp = (): void => stopped.resolve();
  process.on('SIGHUP', () => hangUp());
  process.once('disconnect', () => stopped.resolve());
  process.channel?.unref();

  const blocker = checkKernel().find(({ status }) => status === 'unsupported');
  if (blocker !== undefined) return refuse(`${blocker.detail}; ${blocker.remedy ?? 'see `lanner doctor`'}`);

  const used = load(options, log);
  if (used === undefined) return exitCodes.failed;

  const token = readToken(options);
  if (token?.ok === false) {
    process.stderr.write(`lanner agent: ${token.reason}\n`);
    return exitCodes.failed;
  }
  const claim = claimData(options, log);
  if (!claim.ok) {
    process.stderr.write(`lanner agent: ${claim.reason}\n`);
    return exitCodes.failed;
  }
  const refused = raisePriority(NICE);
  if (refused !== undefined)
    log('info', `${refused}: the agent goes no sooner than others when processors are short, and may lose events then`);
  const start = startAgent({
    options,
    ruleSet: used.ruleSet,
    rulesCommit: used.commit,
    playbooks: used.playbooks,
    agentVersion: VERSION,
    token: token?.text,
    log,
  });
  if (!start.ok) {
    claim.release();
    return refuse(start.reason);
  }
  unblock(process.stdout);
  unblock(process.stderr);
  announce(start.agent, options, log);
  const render = () => renderMetrics(start.agent.facts());
  const metrics = await serveMetrics({ render, dataFolder: options.dataFolder, listen: options.metricsListen, log });
  // Falco's signal for it, and so what people's logrotate sends.
  process.on('SIGUSR1', () => start.agent.reopen());
  // A service is told to read its rules again; a person's terminal was closed.
  if (!process.stdin.isTTY && !process.stdout.isTTY) hangUp = () => reload(start.agent, readAgain, log);
  const endRests = startRests(giveBack);
  await stopped.promise;
  endRests();
  metrics.close();
  await start.agent.close();
  claim.release();
  // A reader that takes nothing would keep the process alive for the lines that it has not taken.
  if (process.stdout.writableLength > 0 || process.stderr.writableLength > 0) process.exit(exitCodes.ok);
  return exitCodes.ok;
}

type Used = {
  readonly ruleSet: RuleSet;
  readonly playbooks: readonly Playbook[];
  /** The router's, of which what is not this agent's own is. */
  readonly commit?: string | undefined;
};

/** This agent's own rules and playbooks, else the last good ones of the router. What is wrong is printed, and then there are none. */
function load(options: AgentOptions, log: Log): Used | undefined {
  const bundle = options.router === undefined ? undefined : readKeptRules(options.dataFolder);
  const kept = bundle && loadKept(options, bundle, log);
  const loaded = kept?.ruleSet === undefined ? loadRulesFor(options) : undefined;
  const ownRules = loaded && ruleSetOf(loaded, log);
  const own = loadPlaybookFiles(options.playbookPaths, nodeCatalogue);
  for (const error of own.errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
  const ruleSet = kept?.ruleSet ?? ownRules;
  if (ruleSet === undefined || !own.ok) return undefined;
  return { ruleSet, playbooks: kept?.playbooks ?? own.playbooks, commit: kept?.commit };
}

function ruleSetOf(loaded: ReturnType<typeof loadRulesFor>, log: Log): RuleSet | undefined {
  if (!loaded.ok) {
    for (const error of loaded.errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
    return undefined;
  }
  for (const warning of loaded.warnings) log('debug', renderDiagnostic(warning));
  for (const note of loaded.notes) log('warn', note);
  return loaded.ruleSet;
}

/** Of a commit that does not load any more, nothing; of one that does, what this agent was not given itself. */
function loadKept(options: AgentOptions, bundle: RuleBundle, log: Log): Partial<Used> | undefined {
  const { commit } = bundle;
  const takesRules = options.rulePaths.length === 0 && bundle.files.length > 0;
  const loaded = takesRules ? loadRulesFor(options, filesOf(bundle, 'files')) : undefined;
  const { playbooks, errors } = loadPlaybooks(filesOf(bundle, 'playbooks'), nodeCatalogue);
  const wrong = [...(loaded?.ok === false ? loaded.errors : []), ...errors];
  if (wrong.length > 0) {
    const problem = wrong.slice(0, 5).map(diagnosticLine).join('; ');
    log('error', 'what the router gave earlier does not load any more', { commit, problem });
    return undefined;
  }
  const ruleSet = loaded?.ok === true ? loaded.ruleSet : undefined;
  const counts = { rules: ruleSet?.rules.length, playbooks: playbooks.length };
  log('info', 'rules and playbooks that the router gave earlier', { commit, ...counts });
  return {
    ...(ruleSet && { ruleSet }),
    ...(options.playbookPaths.length === 0 && { playbooks }),
    // Without rules of its own it is those that we came with, and the router is asked again.
    ...(bundle.files.length > 0 && { commit }),
  };
}

/** Other rules and playbooks without a restart; when anything is wrong with them, those in use stay. */
function reload(running: RunningAgent, readAgain: () => AgentOptions, log: Log): void {
  try {
    const used = load(readAgain(), log);
    if (used !== undefined) {
      const before = running.playbooks();
      const isSame = used.playbooks.length === 0 && before.length === 0;
      const swapped = isSame ? ({ ok: true } as const) : running.usePlaybooks(used.playbooks);
      if (swapped.ok) {
        running.useRules(used.ruleSet);
        const counts = { rules: running.rules().rules.length, playbooks: used.playbooks.length };
        log('info', 'rules and playbooks were read again', counts);
        return;
      }
      process.stderr.write(`lanner agent: ${swapped.reason}\n`);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`lanner agent: ${error.message}\n`);
  }
  log('error', 'rules and playbooks were read again, and something is wrong: those in use stay');
}

/** The kernel's verifier writes pages; the first line says what is wrong. */
function refuse(reason: string): number {
  const [sentence = ''] = reason.split('\n');
  process.stderr.write(
    `lanner agent: cannot watch this host: ${sentence}\nThe router alone (\`lanner router\`) runs without; \`lanner doctor\` says more.\n`,
  );
  return exitCodes.unsupported;
}

type Claim =
  | { readonly ok: true; readonly release: () => void }
  | { readonly ok: false; readonly release?: never; readonly reason: string };

/**
 * Takes the data folder, so that two agents never write one spool; without a router and playbooks nothing is kept there. On a disk that
 * is full or read-only the agent goes on without: to watch is worth more than to keep.
 */
function claimData({ router, playbookPaths, dataFolder }: AgentOptions, log: Log): Claim {
  if (router === undefined && playbookPaths.length === 0) return { ok: true, release: () => undefined };
  try {
    makeFolder(dataFolder);
    const lock = takeLock(join(dataFolder, 'agent.lock'));
    if (lock.ok) return { ok: true, release: () => lock.release() };
    const reason = `another agent (process ${lock.owner}) uses ${dataFolder}; stop it or choose another --data folder`;
    return { ok: false, reason };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const { message, code } = error;
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EROFS') {
      return { ok: false, reason: `the data folder cannot be used: ${message}; see --data` };
    }
    log('warn', 'the data folder takes nothing: a second agent on it would not be noticed', { reason: message });
    return { ok: true, release: () => undefined };
  }
}

type Token =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly text?: never; readonly reason: string };

function readToken({ router }: AgentOptions): Token | undefined {
  if (router === undefined) return undefined;
  try {
    const text = readFileSync(router.tokenFile, 'utf8').trim();
    return text === '' ? { ok: false, reason: `${router.tokenFile} is empty` } : { ok: true, text };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `the router's token cannot be read: ${reason}; see --token-file` };
  }
}

/** Tells people on standard error, and `lanner up` through its channel, what is watched. */
function announce(
  { rules: inUse, engines, counters, losses, facts }: RunningAgent,
  options: AgentOptions,
  log: Log,
): void {
  const rules = inUse();
  const events = rules.eventTypes === 'all' ? 'every event type' : `${rules.eventTypes.size} event types`;
  const lines = [
    `watching ${options.node}: ${rules.rules.length} rules on ${events}`,
    `seeing ${facts().way.text}`,
    engines.length === 0
      ? 'no container engine found: containers are seen without names and images'
      : `container engine: ${engines.join(', ')}`,
  ];
  if (rules.unreadableFields.length > 0) {
    const fields = rules.unreadableFields.join(', ');
    log('warn', `this agent cannot read ${fields}: what rules ask of them never holds`);
  }
  if (process.send === undefined) for (const line of lines) log('info', line);
  process.send?.({
    kind: 'ready',
    lines,
    rules: rules.rules.length,
    events: rules.eventTypes === 'all' ? 'all' : rules.eventTypes.size,
    engines,
    node: options.node,
    dropped: counters().capture.dropped,
  });
  // Whoever started us may ask what has come through so far.
  process.on('message', () => process.send?.({ kind: 'counters', counters: counters(), losses: losses() }));
  process.channel?.unref();
}
