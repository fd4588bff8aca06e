import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPlaybookFiles } from '#playbooks/cli/load-files';
import { nodeCatalogue } from '#playbooks/language/node-catalogue';
import { type Command, exitCodes } from '#rules/cli/command-line';
import { loadFiles } from '#rules/cli/load-files';
import { takeLock } from '#rules/cli/lock';
import { type Log, makeLog } from '#rules/cli/log';
import { makeFolder } from '#rules/cli/make-folder';
import { renderDiagnostic } from '#rules/language/diagnostic';
import { unmetPlugins } from '#rules/language/plugins';
import { selectRules, unusedSelections } from '#rules/language/selection';
import { AGENT_USAGE, type AgentOptions, readAgentOptions } from '../config/options.ts';
import { type RunningAgent, startAgent } from '../pipeline.ts';
import { checkKernel } from './machine.ts';
import { unblock } from './unblock.ts';

const VERSION = '0.1.0';

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
  run: (args) =>
    runAgent(
      readAgentOptions(args, {
        isTerminal: process.stdout.isTTY,
        hostnameOverride: process.env['FALCO_HOSTNAME'],
        environment: process.env,
      }),
    ),
};

async function runAgent(options: AgentOptions): Promise<number> {
  const log = makeLog('agent');
  // Asked for before anything is begun, so that a signal during the start is not lost.
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopped.resolve());
  process.once('disconnect', () => stopped.resolve());
  process.channel?.unref();

  const blocker = checkKernel().find(({ status }) => status === 'unsupported');
  if (blocker !== undefined) return refuse(`${blocker.detail}; ${blocker.remedy ?? 'see `lanner doctor`'}`);

  const { minPriority, appendOutput, selections } = options;
  const loaded = loadFiles(
    options.rulePaths,
    minPriority === undefined ? { appendOutput } : { appendOutput, minPriority },
  );
  for (const error of loaded.errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
  const unmet = unmetPlugins(loaded.ruleSet.plugins);
  for (const error of unmet) process.stderr.write(`${renderDiagnostic(error)}\n`);
  if (!loaded.ok || unmet.length > 0) return exitCodes.failed;
  for (const warning of loaded.warnings) log('debug', renderDiagnostic(warning));
  const ruleSet = { ...loaded.ruleSet, rules: selectRules(loaded.ruleSet.rules, selections) };
  for (const { action, by, pattern } of unusedSelections(ruleSet.rules, selections))
    log(
      'warn',
      `nothing to ${action}: there is no ${by === 'rule' ? 'rule' : 'rule with the tag'} ${JSON.stringify(pattern)}`,
    );

  const { playbooks, errors } = loadPlaybookFiles(options.playbookPaths, nodeCatalogue);
  for (const error of errors) process.stderr.write(`${renderDiagnostic(error)}\n`);
  if (errors.length > 0) return exitCodes.failed;

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
  const start = startAgent({
    options,
    ruleSet,
    playbooks,
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
  // Falco's signal for it, and so what people's logrotate sends.
  process.on('SIGUSR1', () => start.agent.reopen());
  await stopped.promise;
  await start.agent.close();
  claim.release();
  // A reader that takes nothing would keep the process alive for the lines that it has not taken.
  if (process.stdout.writableLength > 0 || process.stderr.writableLength > 0) process.exit(exitCodes.ok);
  return exitCodes.ok;
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
function announce({ rules, engines, counters, losses }: RunningAgent, options: AgentOptions, log: Log): void {
  const events = rules.eventTypes === 'all' ? 'every event type' : `${rules.eventTypes.size} event types`;
  const lines = [
    `watching ${options.node}: ${rules.rules.length} rules on ${events}`,
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
